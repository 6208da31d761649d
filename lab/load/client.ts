import { randomBytes } from "node:crypto";
import { LASTING_PROTOCOLS } from "../../bench/load/protocols.ts";
import { attachLoad, type Part } from "../../bench/load/session.ts";
import type { Clock } from "../../moq/clock.ts";
import type { Engine, Link, LinkLimits, Trust } from "../../moq/link.ts";

/**
 * Bounds of a client's link. The idle time-out is shorter than a browser's 30 seconds, so that a drill that kills the relay of a client ends
 * soon.
 */
const LIMITS: LinkLimits = {
  uniStreams: 128,
  bidiStreams: 32,
  idleTimeoutMs: 5_000,
  keepAliveMs: 1_000,
  queueMark: 16 * 2 ** 20,
};

/** Milliseconds for one attempt to connect. */
const DIAL_MS = 3_000;

/** Pause before the first attempt to reconnect and the longest one, in milliseconds; it doubles in between. */
const PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;

/** The common settings of the clients of one process. */
export interface ClientDeps {
  readonly engine: Engine;
  readonly trust: Trust;
  readonly clock: Clock;
}

/** Dials once. Rejects with a `TransportError`. */
export async function dial({ engine, trust }: ClientDeps, url: string, part: Part): Promise<Link> {
  const hop = BigInt(randomBytes(6).readUIntBE(0, 6)) + 1n;
  const options = { url: new URL(url), trust, protocols: LASTING_PROTOCOLS, limits: LIMITS, timeoutMs: DIAL_MS };
  return await engine.dial(options, attachLoad(part, hop));
}

/** Milliseconds before attempt number `attempt` (from 0) to reconnect. */
export function pause(attempt: number): number {
  return Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** Math.min(attempt, 10));
}

/**
 * The URL to which a GOAWAY with `uri` redirects a client that is at `at`. `uri` may be relative; the client's token is kept. Undefined for
 * an empty `uri`.
 */
export function redirected(at: string, uri: string): string | undefined {
  if (uri === "" || !URL.canParse(uri, at)) return undefined;
  const old = new URL(at);
  const url = new URL(uri, at);
  const token = old.searchParams.get("jwt");
  if (token !== null && !url.searchParams.has("jwt")) url.searchParams.set("jwt", token);
  return url.href;
}
