import type { Clock } from "../../moq/clock.ts";
import { CLOSE_SHUTDOWN } from "./open-sessions.ts";
import type { SessionHost } from "./sessions.ts";
import { waitUntil } from "./wait.ts";

/** Milliseconds between two batches of sessions that are closed after the grace time. */
const BATCH_INTERVAL_MS = 50;

export interface DrainOptions {
  readonly clock: Clock;
  /** Milliseconds that sessions may stay after GOAWAY. */
  readonly graceMs: number;
  /** Milliseconds over which the remaining sessions are closed. */
  readonly spreadMs: number;
  /** The URI in GOAWAY; empty for none. */
  readonly uri?: string;
  /** The text with which sessions are closed. */
  readonly reason: string;
  /** True when the relay must stop at once. */
  readonly hurry: () => boolean;
}

/**
 * Drains the sessions: it sends GOAWAY to each and waits a bounded grace time, then closes the remaining ones in even batches, so that their
 * peers do not all reconnect at once. Resolves when no session is left or `hurry` returns true.
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
