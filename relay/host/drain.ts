import type { Clock } from "../../moq/clock.ts";
import { CLOSE_SHUTDOWN, type SessionHost } from "./sessions.ts";
import { waitUntil } from "./wait.ts";

/** Milliseconds between two batches of sessions that are closed when their grace is over. */
const BATCH_INTERVAL_MS = 50;

export interface DrainOptions {
  readonly clock: Clock;
  /** Milliseconds that sessions may stay after GOAWAY. */
  readonly graceMs: number;
  /** Milliseconds over which those that are left are closed. */
  readonly spreadMs: number;
  /** Where sessions are asked to go; empty for anywhere. */
  readonly uri?: string;
  /** Told to the peers of sessions that are closed. */
  readonly reason: string;
  /** True when there is no time for it any more. */
  readonly hurry: () => boolean;
}

/**
 * Lets sessions leave: GOAWAY to each, a bounded grace, then those that are left are closed in even batches, so that
 * their peers do not all reconnect at once. Resolves when no session is left or `hurry` says so.
 */
export async function drainSessions(host: SessionHost, options: DrainOptions): Promise<void> {
  const { clock, graceMs, spreadMs, reason, hurry } = options;
  host.stopAccepting();
  host.goaway(options.uri ?? "");
  const left = () => host.sessions === 0 || hurry();
  if (await waitUntil(clock, graceMs, left)) return;
  const batches = Math.max(1, Math.ceil(spreadMs / BATCH_INTERVAL_MS));
  for (let batch = 0; batch < batches && !left(); batch++) {
    host.closeAll(CLOSE_SHUTDOWN, reason, Math.ceil(host.sessions / (batches - batch)));
    if (batch < batches - 1) await waitUntil(clock, spreadMs / batches, hurry);
  }
}
