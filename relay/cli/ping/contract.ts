import type { CertificateFacts } from "../../client/index.ts";
import type { ExitCode } from "../exit-codes.ts";

/** The ways to a relay, in the order in which they are tried. */
export const WAYS = ["webtransport", "quic", "websocket"] as const;
export type Way = (typeof WAYS)[number];

/** Why a step failed. `code` is stable: of the relay's refusal or of the transport, or one of `ping`'s own. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  /** What to do. */
  readonly advice: string;
  readonly exit: ExitCode;
}

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
  readonly failure?: Failure;
}

/** One line of the report, printed when the step is over. */
export interface Step {
  readonly label: string;
  readonly text: string;
  /** Absent where the step took no time of its own. */
  readonly ms?: number;
  readonly failed?: boolean;
  /** Lines below it. */
  readonly advice?: string;
}
