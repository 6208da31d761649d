/**
 * A process of the load: a publisher or an audience, as its first order says. It receives orders over the channel to the bench and ends
 * when that closes.
 */

import { createEngine } from "../../transport/engines.ts";
import { createQmux } from "../../transport/qmux/index.ts";
import { systemClock } from "../../transport/shared/index.ts";
import { Audience } from "./audience.ts";
import { trustOf } from "./dial.ts";
import { type Answer, type AudienceStart, type PublisherStart, readOrder } from "./messages.ts";
import { Publisher } from "./publisher.ts";

/** Milliseconds between two reports of progress. */
const PROGRESS_MS = 100;

let role: Publisher | Audience | undefined;

function answer(message: Answer): void {
  process.send?.(message);
}

function fail(error: unknown): void {
  answer({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
}

async function start(order: PublisherStart | AudienceStart): Promise<void> {
  role = order.role === "publisher" ? new Publisher(order, systemClock) : new Audience(order, systemClock);
  const deps = { clock: systemClock, warn: (message: string) => console.error(message) };
  const url = new URL(order.url);
  const engine = url.protocol === "https:" ? await createEngine(order.engine, deps) : createQmux(deps);
  const { protocols, timeoutMs } = order;
  const target = { engine, url, trust: trustOf(order.trust), protocols, timeoutMs };
  let done = 0;
  const ticker = setInterval(() => answer({ kind: "progress", done }), PROGRESS_MS);
  try {
    const protocol = await role.run(target, (count) => {
      done = count;
    });
    answer({ kind: "ready", engine: engine.name, protocol });
  } finally {
    clearInterval(ticker);
  }
}

process.on("message", (message) => {
  const order = readOrder(message);
  if (order.kind === "start") start(order).catch(fail);
  else if (order.kind === "window") role?.measure(order);
  else if (role !== undefined) answer(role.report());
});
process.once("disconnect", () => process.exit(0));
