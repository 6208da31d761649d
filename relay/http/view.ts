import type { Counters } from "../model/counters.ts";
import type { PortStats } from "./port.ts";

/** The life of a relay; it only goes forward. */
export type RelayState = "starting" | "ready" | "draining" | "closed";

/** Sessions that run now on one engine in one protocol version; both are closed sets, so they serve as labels. */
export interface SessionCount {
  readonly engine: string;
  readonly protocol: string;
  readonly count: number;
}

/** What the admin endpoints may know of a relay. Read-only, and cheap: every member is read at every scrape. */
export interface RelayView {
  readonly version: string;
  /** Name of the QUIC engine in use; empty while starting. */
  readonly engine: string;
  readonly counters: Counters;
  state(): RelayState;
  /** Why the relay is not ready, as stable names; empty exactly when it is. */
  reasons(): readonly string[];
  sessions(): readonly SessionCount[];
  /** Milliseconds since the start. */
  uptimeMs(): number;
  /** Nothing until it is loaded. */
  certificate(): { readonly fingerprint: string; readonly notAfter: Date; readonly selfSigned: boolean } | undefined;
  /** The public TCP port; nothing until it is open. */
  http(): PortStats | undefined;
}
