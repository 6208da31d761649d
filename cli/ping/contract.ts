import type { CertificateFacts } from "../../relay/client/index.ts";
import type { Fault } from "../fault.ts";

/** The ways to a relay, in the order in which they are tried. */
export const WAYS = ["webtransport", "quic", "websocket"] as const;
export type Way = (typeof WAYS)[number];

/** Round trips of a session in milliseconds. */
export interface RoundTrips {
  readonly samples: readonly number[];
  /** The engine's own figure, smoothed. */
  readonly smoothedMs?: number;
}

/** One attempt to reach the relay: one way, one address. Times are milliseconds. */
export interface Attempt {
  readonly way: Way;
  /** Absent: the engine chose the address. */
  readonly address?: string;
  /** Until the connection was established, TLS included. */
  readonly connectMs?: number;
  readonly engine?: string;
  readonly protocol?: string;
  /** Until the session's first answer. */
  readonly sessionMs?: number;
  readonly roundTrips?: RoundTrips;
  readonly certificate?: CertificateFacts;
  readonly failure?: Fault;
}
