import * as z from "zod";
import type { Clock } from "../../moq/clock.ts";
import type { WorkerPulse } from "../../moq/link.ts";
import { type Operation, operation } from "../http/index.ts";

/** Milliseconds without a sign of life after which a thread counts as stuck, as for the health check `engine_worker_stuck`. */
const STUCK_MS = 5_000;

/** Least milliseconds over which a busy share is computed. */
const LEAST_MS = 500;

const worker = z.object({
  worker: z.int(),
  alive: z.boolean().describe("It answers within 5 s."),
  silent_ms: z.number().describe("How long it owes a sign of life; 0 when it has answered."),
  links: z.int(),
  queued: z.int().describe("Commands and streams that wait for it."),
  busy_seconds: z.number().describe("Since the start of the engine."),
  busy_share: z
    .number()
    .optional()
    .describe("From 0 to 1, since the last look at least 0.5 s ago; absent at the first."),
});

interface Look {
  readonly at: number;
  readonly busy: readonly number[];
}

/** The threads of the QUIC engine. */
export function workerOperations(parts: {
  readonly clock: Clock;
  readonly pulses: () => readonly WorkerPulse[] | undefined;
}): Operation[] {
  const { clock, pulses } = parts;
  let last: Look | undefined;
  let before: Look | undefined;
  return [
    operation(
      {
        method: "get",
        path: "/workers",
        right: "read",
        tag: "status",
        id: "listWorkers",
        summary: "The threads of the QUIC engine. Empty for an engine that does not show its threads.",
        query: z.strictObject({}),
        answer: z.object({ workers: z.array(worker) }),
      },
      () => {
        const seen = pulses() ?? [];
        const now: Look = { at: clock.now(), busy: seen.map(({ busySeconds }) => busySeconds) };
        if (last === undefined || now.at - last.at >= LEAST_MS) {
          before = last;
          last = now;
        }
        return { workers: seen.map((pulse, index) => describe(pulse, index, shareOf(before, now, index))) };
      },
    ),
  ];
}

function describe(pulse: WorkerPulse, index: number, share: number | undefined): z.output<typeof worker> {
  const { silentMs, links, queued, busySeconds } = pulse;
  return {
    worker: index,
    alive: silentMs < STUCK_MS,
    silent_ms: silentMs,
    links,
    queued,
    busy_seconds: busySeconds,
    ...(share !== undefined && { busy_share: share }),
  };
}

function shareOf(before: Look | undefined, now: Look, index: number): number | undefined {
  const busy = before?.busy[index];
  if (before === undefined || busy === undefined || now.at <= before.at) return undefined;
  return Math.min(1, Math.max(0, (((now.busy[index] ?? busy) - busy) * 1000) / (now.at - before.at)));
}
