import type { Resolver } from "../cluster/index.ts";
import type { Clock } from "../moq/clock.ts";
import type { Engine, PeerAddress } from "../moq/link.ts";
import type { RelayView } from "./http/index.ts";
import type { Logger, LogLevels, OpenedLog } from "./log/index.ts";
import type { ConfigurationSource, RunningSettings } from "./reload/index.ts";

/** What a start may be given besides its configuration; everything has a default. */
export interface StartOptions {
  readonly log?: Logger;
  /** Where `log` writes, and what bounds its lines. */
  readonly logParts?: Pick<OpenedLog, "output" | "sampling">;
  readonly clock?: Clock;
  /** Milliseconds since 1970, for the life of certificates and tokens. */
  readonly wallNow?: () => number;
  /** Used instead of the configured one. */
  readonly engine?: Engine;
  /** Folder of the demo page. */
  readonly pageFolder?: string;
  /** Folder of the dashboard. */
  readonly dashboardFolder?: string;
  /** Resolves the names in `cluster.dns`; the default is the name servers of the system. */
  readonly resolver?: Resolver;
  /** Where the configuration can be loaded again; without it a reload reads certificates and keys only. */
  readonly source?: ConfigurationSource;
  /** Log what the main thread does when it is blocked. For a relay that has the process to itself. */
  readonly stacks?: boolean;
  /** Ends the start, which then rejects with `StartEnded`. */
  readonly end?: AbortSignal;
}

/** A relay that runs. */
export interface Relay extends RelayView {
  /** UDP and TCP. */
  readonly address: PeerAddress;
  /** Nothing when there is no admin listener. */
  readonly adminAddress: PeerAddress | undefined;
  /** Nothing when there is no port for health alone. */
  readonly healthAddress: PeerAddress | undefined;
  /** UDP and TCP; nothing when there is no listener for relays alone. */
  readonly clusterAddress: PeerAddress | undefined;
  /** The demo page is served. */
  readonly hasPage: boolean;
  /** SHA-256 of the certificate in lower-case hex, where it is self-signed and clients have to know it. */
  readonly fingerprint: string | undefined;
  /** The levels of the log, which may be changed. */
  readonly logLevels: LogLevels;
  /** Counts and logs an error that no part of the relay has caught. */
  contain(error: unknown): void;
  /** Writes everything to the log, or goes back to the configured levels. */
  switchDebug(): void;
  /** The configuration in use, and how it changes. */
  readonly settings: RunningSettings;
  /**
   * Ends in good order. The relay becomes not ready, refuses new sessions, sends GOAWAY, waits for `drain.grace`, closes the rest over
   * `drain.spread` and frees everything. Resolves when that is done. Later calls join the first.
   */
  drain(reason: string): Promise<void>;
  /** Ends at once, also in the middle of a drain: closes sessions with a code, then frees everything. */
  close(reason?: string): Promise<void>;
  /** Resolves when the relay has ended, for whatever reason. */
  readonly ended: Promise<void>;
}
