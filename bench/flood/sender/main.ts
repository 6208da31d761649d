/** The process that floods: one session, one kind of message. When the channel to the bench closes, it ends. */
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../../relay/transport/clock.ts";
import type { BidiStream, Link } from "../../../relay/transport/contract.ts";
import { createEngine } from "../../../relay/transport/engines.ts";
import { createQmux } from "../../../relay/transport/qmux/index.ts";
import { encodeTrackInfo } from "../../../relay/wire/lite/track.ts";
import { STABLE_PROTOCOLS } from "../../../relay/wire/versions.ts";
import { dialAll, trustOf } from "../../load/dial.ts";
import { attachLoad, type Part } from "../../load/session.ts";
import type { Kind } from "../kinds.ts";
import { announceFlooded, floodOf, type Scene, type Send } from "./floods.ts";
import { type Answer, type Order, readOrder } from "./messages.ts";

/** Milliseconds until connecting, or waiting for the relay's subscription, fails. */
const TIMEOUT_MS = 10_000;

/** Milliseconds between two looks. */
const LOOK_MS = 5;

/** Messages between two looks at the queue, and the bytes in it past which the flood waits. */
const BURST = 1_000;
const QUEUE_BYTES = 4 * 2 ** 20;

const INFO = { epoch: 0n, priority: 0, ordered: false, maxLatency: 1_000, timescale: 1_000 };

let kind: Kind | undefined;
let link: Link | undefined;
let closed: string | undefined;
let announcing: BidiStream | undefined;
let subscribed: Scene["subscribed"];
let more = () => {};

function answer(message: Answer): void {
  process.send?.(message);
}

const part: Part = {
  broadcasts: [],
  announcing: (stream, session) => {
    announcing = stream;
    announceFlooded(stream, session.caps);
  },
  start: () => {},
  request: (request, stream, session) => {
    if (request.kind === "track") {
      stream.write(encodeTrackInfo(INFO, session.caps));
      stream.finish();
    } else if (request.kind === "subscribe") subscribed = { stream, id: request.id };
  },
  capacity: () => more(),
  closed: (why) => {
    closed = why;
    more();
  },
};

async function connect(order: Extract<Order, { kind: "connect" }>): Promise<void> {
  kind = order.flood;
  const deps = { clock: systemClock, warn: (message: string) => console.error(message) };
  const url = new URL(order.url);
  const engine = url.protocol === "https:" ? await createEngine(order.engine, deps) : createQmux(deps);
  const target = { engine, url, trust: trustOf(order.trust), protocols: [...STABLE_PROTOCOLS], timeoutMs: TIMEOUT_MS };
  [link] = await dialAll(target, [attachLoad(part, 7n)]);
  const until = performance.now() + TIMEOUT_MS;
  while (subscribed === undefined) {
    if (performance.now() > until) throw new Error("the relay does not subscribe to what is flooded");
    await sleep(LOOK_MS);
  }
  const possible = kind !== "datagram" || (link !== undefined && link.maxDatagramSize > 0);
  answer({ kind: "connected", engine: engine.name, possible });
}

async function flood(messages: number): Promise<void> {
  if (link === undefined || kind === undefined) throw new Error("not connected");
  const send = floodOf(kind, { link, announcing, subscribed });
  const before = process.cpuUsage();
  const sent = send === undefined ? 0 : await sendAll(link, send, messages);
  const { user, system } = process.cpuUsage(before);
  answer({ kind: "flooded", cpuUs: user + system, messages: sent, ...(closed !== undefined && { closed }) });
}

/** As fast as the relay lets it. */
async function sendAll(over: Link, send: Send, messages: number): Promise<number> {
  for (let index = 0; index < messages; index++) {
    for (let room = Promise.withResolvers<void>(); closed === undefined; room = Promise.withResolvers<void>()) {
      more = room.resolve;
      if (send(index)) break;
      await room.promise;
    }
    if (closed !== undefined) return index;
    if (index % BURST === BURST - 1) while (over.queued > QUEUE_BYTES && closed === undefined) await sleep(LOOK_MS);
  }
  while (over.queued > 0 && closed === undefined) await sleep(LOOK_MS);
  return messages;
}

process.on("message", (message) => {
  const order = readOrder(message);
  const done = order.kind === "connect" ? connect(order) : flood(order.messages);
  done.catch((error: unknown) =>
    answer({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
  );
});
process.once("disconnect", () => process.exit(0));
