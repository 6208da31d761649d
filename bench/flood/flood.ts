import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createEngine } from "../../transport/engines.ts";
import { systemClock } from "../../transport/shared/index.ts";
import type { RunningRelay } from "../relays/contract.ts";
import { moqmesh } from "../relays/moqmesh.ts";
import type { Progress } from "../report/progress.ts";
import { AnsweringChild } from "../system/answering-child.ts";
import { BenchError } from "../system/error.ts";
import { cpuUs, rssKb } from "../system/proc.ts";
import { FLOODED, type Kind } from "./kinds.ts";
import type { FloodOptions } from "./options.ts";
import { type Answer, type Order, readAnswer } from "./sender/messages.ts";
import { Bystanders } from "./watch.ts";

const SENDER = fileURLToPath(new URL("sender/main.ts", import.meta.url));

/** Longest wait for an answer of a sender, in milliseconds. */
const ANSWER_MS = 120_000;

/** CPU time above that of a quiet relay, in microseconds in each millisecond; below this the relay has finished with the flood. */
const OVER_US = 100;

/** Longest wait after a flood until the relay has finished with it, in milliseconds. */
const FINISHED_MS = 30_000;

export interface FloodFigures {
  readonly kind: Kind;
  /** Messages sent by all senders; 0 if the binding has no such message. */
  readonly messages: number;
  /** The relay's CPU for the flood divided by that of the senders. */
  readonly ratio: number;
  readonly relayUsPerMessage: number;
  readonly senderUsPerMessage: number;
  /** Longest gap in a bystander's stream, in milliseconds: before and during the flood. */
  readonly quietGapMs: number;
  readonly gapMs: number;
  readonly rssMb: number;
  /** The relay's reason when it ended a sender's session. */
  readonly closed: string | undefined;
}

/** Measures one kind after another, each with a new relay. Rejects with a {@link BenchError}. */
export async function flood(options: FloodOptions, progress: Progress): Promise<FloodFigures[]> {
  const figures: FloodFigures[] = [];
  for (const kind of options.kinds) {
    progress.round(kind);
    figures.push(await floodOnce(kind, options));
  }
  progress.clear();
  return figures;
}

export async function floodOnce(kind: Kind, options: FloodOptions): Promise<FloodFigures> {
  const relay = await moqmesh({ engine: options.engine, threads: undefined }).start(undefined);
  const senders = Array.from({ length: options.senders }, (_, i) => new Sender(`sender ${i}`));
  let bystanders: Bystanders | undefined;
  try {
    const engine = await createEngine(options.loadEngine, { clock: systemClock, warn: () => {} });
    bystanders = await Bystanders.join(relay, engine, options.broadcasts, options.watchers);
    bystanders.watch(FLOODED);
    return await measure(kind, options, relay, bystanders, senders);
  } finally {
    bystanders?.leave();
    await Promise.all(senders.map((sender) => sender.stop()));
    await relay.stop();
  }
}

async function measure(
  kind: Kind,
  { messages, websocket, loadEngine, quietMs }: FloodOptions,
  relay: RunningRelay,
  bystanders: Bystanders,
  senders: readonly Sender[],
): Promise<FloodFigures> {
  const { pid } = relay;
  // A WebSocket without TLS needs no certificate.
  const trust = websocket ? { kind: "insecure" as const } : relay.trust;
  if (pid === undefined) throw new BenchError("the relay's CPU cannot be measured");
  const url = websocket ? `ws://${relay.url.host}/` : relay.url.href;
  const connected = await Promise.all(
    senders.map((sender) =>
      sender.ask({ kind: "connect", engine: loadEngine, url, trust, flood: kind }, "connected", ANSWER_MS),
    ),
  );
  await sleep(quietMs);
  bystanders.worstGap();
  const quietFrom = cpuUs(pid);
  await sleep(quietMs);
  const quietUs = cpuUs(pid) - quietFrom;
  const quietGapMs = bystanders.worstGap();
  const from = cpuUs(pid);
  const begin = systemClock.now();
  const possible = connected.every((each) => each.possible);
  const reports = await Promise.all(
    senders.map((sender) => sender.ask({ kind: "flood", messages: possible ? messages : 0 }, "flooded", ANSWER_MS)),
  );
  await workedOff(pid, quietUs, quietMs);
  const relayUs = Math.max(0, cpuUs(pid) - from - (quietUs * (systemClock.now() - begin)) / quietMs);
  const gapMs = bystanders.worstGap();
  if (bystanders.lost !== undefined) throw new BenchError(`${kind}: a bystander lost its session: ${bystanders.lost}`);
  const sent = reports.reduce((sum, report) => sum + report.messages, 0);
  const senderUs = reports.reduce((sum, report) => sum + report.cpuUs, 0);
  return {
    kind,
    messages: sent,
    ratio: sent === 0 ? 0 : relayUs / Math.max(1, senderUs),
    relayUsPerMessage: sent === 0 ? 0 : relayUs / sent,
    senderUsPerMessage: sent === 0 ? 0 : senderUs / sent,
    quietGapMs,
    gapMs,
    rssMb: rssKb(pid) / 1024,
    closed: reports.find((report) => report.closed !== undefined)?.closed,
  };
}

/** Waits until the relay uses about as little CPU as before. */
async function workedOff(pid: number, quietUs: number, quietMs: number): Promise<void> {
  for (let waited = 0; waited < FINISHED_MS; waited += quietMs) {
    const before = cpuUs(pid);
    await sleep(quietMs);
    if (cpuUs(pid) - before < quietUs + OVER_US * quietMs) return;
  }
}

/** A process that floods. */
class Sender extends AnsweringChild<Order, Answer> {
  constructor(name: string) {
    super({ name, command: [process.execPath, SENDER], cores: undefined }, readAnswer);
  }
}
