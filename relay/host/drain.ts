import type { Clock } from "../../moq/clock.ts";
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
  /** Milliseconds until all sessions must have left; they may become fewer meanwhile. Default: unlimited. */
  readonly leftMs?: () => number;
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
  const { clock, graceMs, reason, hurry, leftMs = () => Number.POSITIVE_INFINITY } = options;
  host.stopAccepting();
  host.goaway(options.uri ?? "");
  const left = () => host.sessions === 0 || hurry();
  await waitUntil(clock, graceMs, () => left() || leftMs() <= options.spreadMs);
  if (left()) return;
  const spreadMs = Math.min(options.spreadMs, Math.max(0, leftMs()));
  const batches = Math.max(1, Math.ceil(spreadMs / BATCH_INTERVAL_MS));
  for (let batch = 0; batch < batches && !left(); batch++) {
    const rest = batches - batch;
    host.closeAll(reason, Math.ceil(host.sessions / rest));
    if (rest > 1) await waitUntil(clock, Math.min(spreadMs / batches, leftMs() / rest), hurry);
  }
}
