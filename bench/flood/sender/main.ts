/** The process that floods: one session, one kind of message. It ends when the channel to the bench closes. */
import { setTimeout as sleep } from "node:timers/promises";
import type { BidiStream, Link } from "../../../moq/link.ts";
import { encodeTrackInfo } from "../../../moq/wire/lite/index.ts";
import { createEngine } from "../../../transport/engines.ts";
import { createQmux } from "../../../transport/qmux/index.ts";
import { systemClock } from "../../../transport/shared/index.ts";
import { dialAll, trustOf } from "../../load/dial.ts";
import { attachLoad, type Part } from "../../load/session.ts";
import { type Kind, PROTOCOL } from "../kinds.ts";
import { announceFlooded, floodOf, type Scene, type Send } from "./floods.ts";
import { type Answer, type Order, readOrder } from "./messages.ts";

/** Milliseconds within which the session must open and the relay subscribe. */
const TIMEOUT_MS = 10_000;

/** Milliseconds between two checks. */
const LOOK_MS = 5;

/** Messages between two checks of the queue, and the bytes in it above which the flood waits. */
const BURST = 1_000;
const QUEUE_BYTES = 4 * 2 ** 20;

const INFO = { epoch: 0n, priority: 0, ordered: false, maxLatency: 1_000, timescale: 1_000 };

/** The session, once it is set up. */
const session: {
  kind?: Kind;
  link?: Link;
  /** Why the session has ended. */
  closed?: string;
  announcing?: BidiStream;
  subscribed?: Scene["subscribed"];
  more(): void;
} = { more: () => {} };

function answer(message: Answer): void {
  process.send?.(message);
}

const part: Part = {
  broadcasts: [],
  announcing: (stream, { caps }) => {
    session.announcing = stream;
    announceFlooded(stream, caps);
  },
  start: () => {},
  request: (request, stream, { caps }) => {
    if (request.kind === "track") {
      stream.write(encodeTrackInfo(INFO, caps));
      stream.finish();
    } else if (request.kind === "subscribe") session.subscribed = { stream, id: request.id };
  },
  capacity: () => session.more(),
  closed: (why) => {
    session.closed = why;
    session.more();
  },
};

async function connect(order: Extract<Order, { kind: "connect" }>): Promise<void> {
  const deps = { clock: systemClock, warn: (message: string) => console.error(message) };
  const url = new URL(order.url);
  const engine = url.protocol === "https:" ? await createEngine(order.engine, deps) : createQmux(deps);
  const target = { engine, url, trust: trustOf(order.trust), protocols: [PROTOCOL], timeoutMs: TIMEOUT_MS };
  const [link] = await dialAll(target, [attachLoad(part, 7n)]);
  if (link === undefined) throw new Error("not connected");
  session.link = link;
  session.kind = order.flood;
  const until = performance.now() + TIMEOUT_MS;
  while (session.subscribed === undefined) {
    if (performance.now() > until) throw new Error("the relay does not subscribe to the flooded broadcast");
    await sleep(LOOK_MS);
  }
  const possible = order.flood !== "datagram" || link.maxDatagramSize > 0;
  answer({ kind: "connected", engine: engine.name, possible });
}

async function flood(messages: number): Promise<void> {
  const { link, kind, announcing, subscribed } = session;
  if (link === undefined || kind === undefined) throw new Error("not connected");
  const send = floodOf(kind, { link, announcing, subscribed });
  const before = process.cpuUsage();
  const sent = send === undefined ? 0 : await sendAll(link, send, messages);
  const { user, system } = process.cpuUsage(before);
  const { closed } = session;
  answer({ kind: "flooded", cpuUs: user + system, messages: sent, ...(closed !== undefined && { closed }) });
}

/** Sends as fast as the relay accepts; resolves with the number of messages. */
async function sendAll(link: Link, send: Send, messages: number): Promise<number> {
  for (let index = 0; index < messages; index++) {
    for (let sent = false; !sent; ) {
      const room = Promise.withResolvers<void>();
      session.more = room.resolve;
      if (session.closed !== undefined) return index;
      sent = send(index);
      if (!sent) await room.promise;
    }
    if (index % BURST === BURST - 1) await drained(link, QUEUE_BYTES);
  }
  await drained(link, 0);
  return messages;
}

async function drained(link: Link, bytes: number): Promise<void> {
  while (link.queued > bytes && session.closed === undefined) await sleep(LOOK_MS);
}

process.on("message", (message) => {
  const order = readOrder(message);
  const done = order.kind === "connect" ? connect(order) : flood(order.messages);
  done.catch((error: unknown) =>
    answer({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
  );
});
process.once("disconnect", () => process.exit(0));
