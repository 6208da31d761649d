import type { WorkerPulse } from "../../moq/link.ts";
import type { Check, Finding } from "./contract.ts";

/** Milliseconds between two signs of life that each thread is asked for. */
const ASK_MS = 1_000;

/** Milliseconds without a sign of life after which a thread is stuck: no work of a thread takes nearly as long. */
const STUCK_MS = 5_000;

/**
 * Fails while a thread of the engine does not answer: the sessions that it runs stand still, and so does every new session that it gets. A
 * thread that stays silent for `restartAfterMs` does not come back, so the relay is no longer live then.
 */
export function engineWorkersCheck(pulses: () => readonly WorkerPulse[], restartAfterMs: number): Check {
  return {
    code: "engine_worker_stuck",
    severity: "not_ready",
    damping: { failures: 1, successes: 3 },
    everyMs: ASK_MS,
    restartAfterMs: Math.max(0, restartAfterMs - STUCK_MS),
    run(): Finding {
      const stuck = pulses().flatMap(({ silentMs, links }, index) =>
        silentMs >= STUCK_MS ? [{ silentMs, links, index }] : [],
      );
      const [first] = stuck;
      if (first === undefined) return undefined;
      const more = stuck.length > 1 ? `, and so do ${stuck.length - 1} more` : "";
      return `thread ${first.index} of the engine has not answered for ${Math.round(first.silentMs / 1000)} s; ${first.links} links stand still${more}`;
    },
  };
}
