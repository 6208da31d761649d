/** What a program gets from `import { start, connect } from "moqmesh"`. The types of the published package are made from this file. */
import type { RelayConfig } from "./config-values.ts";

/** A stable name of what went wrong. docs/embed.md has a sentence for each. */
export type ErrorCode =
  /** Options of `start` or `connect`, or a call that is not possible now. */
  | "bad_option"
  | "bad_config"
  | "node_too_old"
  | "start_failed"
  /** The transport: sockets, certificates, connections. */
  | "engine_unavailable"
  | "bind_failed"
  | "bad_certificate"
  | "start_hangs"
  | "dial_failed"
  | "dial_timeout"
  | "dial_rejected"
  | "no_common_protocol"
  | "unsupported_url"
  | "cluster_unusable"
  /** A session, a subscription or a fetch has ended. */
  | "cancelled"
  | "expired"
  | "timeout"
  | "unauthorized"
  | "token_expired"
  | "token_revoked"
  | "limit"
  | "no_capacity"
  | "duplicate"
  | "not_found"
  | "protocol"
  | "unsupported"
  | "upstream"
  | "closed"
  | "lagged"
  | "frame_too_large"
  | "unroutable"
  | "evicted"
  | "replaced"
  | "internal";

/** One error in a configuration. */
export interface ConfigProblem {
  /** Stable, as `moqmesh check --json` has it. */
  readonly code: string;
  /** Section and key, such as `server.port`; empty where the problem is with a whole file. */
  readonly key: string;
  readonly message: string;
  /** A suggestion. */
  readonly hint?: string;
}

/** Every error of this package, except the reason of an `AbortSignal`, which is thrown as it is. */
export class MoqmeshError extends Error {
  override readonly name = "MoqmeshError";
  readonly code: ErrorCode;
  /** All that is wrong with a configuration (`bad_config`); else empty. */
  readonly problems: readonly ConfigProblem[];
  /** HTTP status with which a relay refused the connection (`dial_rejected`), where there was one. */
  readonly status: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    more: { readonly cause?: unknown; readonly problems?: readonly ConfigProblem[]; readonly status?: number } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.problems = more.problems ?? [];
    this.status = more.status;
  }
}

/** One line of a relay's log. Never a token or a key. */
export interface LogLine {
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "fatal";
  /** ISO 8601. */
  readonly time: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface StartOptions {
  /**
   * Values by section and key, as in a configuration file: `{ server: { port: 4443 }, auth: { key_dir: "keys" } }`. They are over those of
   * `file` and `env`. Without any, the relay serves this machine only.
   */
  readonly config?: RelayConfig;
  /** A configuration file (TOML). */
  readonly file?: string;
  /** Variables such as `MOQMESH_SERVER_PORT`; pass `process.env` to use those of the process. Default: none. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Called with each line of the log, from `config.log.level` on. Default: nothing is logged. */
  readonly log?: (line: LogLine) => void;
  /** Ends the start, or the relay at once when it runs. */
  readonly signal?: AbortSignal;
}

/** A socket address. */
export interface Address {
  readonly address: string;
  readonly port: number;
}

/** A condition of a relay's health. */
export interface HealthReason {
  /** Stable: docs/operations.md has a section for each. */
  readonly code: string;
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly since: number;
}

export interface Health {
  /** The relay should get new clients. True exactly when `reasons` is empty. */
  readonly ready: boolean;
  /** False only when nothing but a restart helps. */
  readonly live: boolean;
  readonly reasons: readonly HealthReason[];
  /** Conditions that do not change readiness. */
  readonly warnings: readonly HealthReason[];
}

/** A relay that runs in this process. */
export interface Relay extends AsyncDisposable {
  readonly version: string;
  /** The QUIC engine: `native`, or another one that docs/engines.md names. */
  readonly engine: string;
  /** Public: WebTransport and QUIC over UDP, WebSocket over TCP. */
  readonly address: Address;
  /** The admin listener, which an embedded relay has only when its configuration sets `http.admin`. */
  readonly adminAddress: Address | undefined;
  /** `http.health_port`. */
  readonly healthAddress: Address | undefined;
  /** `cluster.listen`. */
  readonly clusterAddress: Address | undefined;
  /** Where programs on this machine connect to: `https://127.0.0.1:PORT/`. */
  readonly url: string;
  /** SHA-256 of the certificate in hexadecimal, where it is self-signed: `connect` and browsers trust it by that. */
  readonly fingerprint: string | undefined;
  health(): Health;
  /** Every counter and gauge of docs/metrics.md by its line in `/metrics`: `moqmesh_sessions_opened_total`, `moqmesh_drops_total{reason="expired"}`. */
  counters(): Promise<Readonly<Record<string, number>>>;
  /** The metrics as text for Prometheus. */
  metrics(): Promise<string>;
  /**
   * Ends in good order: refuses new sessions, asks the others to leave, waits for `drain.grace`, closes the rest over `drain.spread`.
   * Resolves when the relay has ended. Later calls join the first.
   */
  drain(reason?: string): Promise<void>;
  /** Ends at once, also in the middle of a drain. */
  close(reason?: string): Promise<void>;
  /** Resolves when the relay has ended, for whatever reason. */
  readonly ended: Promise<void>;
}

export interface ConnectOptions {
  /** A JWT. It may also be in the URL, as `?jwt=`. */
  readonly token?: string;
  /** PEM of the authorities to trust in place of the system's. */
  readonly ca?: string;
  /** SHA-256 of certificates to trust in place of any authority, in hexadecimal. */
  readonly fingerprint?: string | readonly string[];
  /** Trust any certificate: for tests alone. */
  readonly insecure?: boolean;
  /** Protocol versions to offer, preferred first. Default: all stable ones. */
  readonly protocols?: readonly string[];
  /** Milliseconds for the connection. Default: 15,000. */
  readonly timeoutMs?: number;
  /** Ends the attempt, or the session when it is open. */
  readonly signal?: AbortSignal;
}

/** How a session ended. */
export interface SessionEnd {
  /** `cancelled`: this end closed it. */
  readonly code: ErrorCode;
  /** The relay's message; may be empty. */
  readonly message: string;
}

/** A broadcast starts or ends. */
export interface Announcement {
  readonly path: string;
  readonly active: boolean;
}

export interface SubscribeOptions {
  /** 0 to 255, higher first within the session. Default: 128. */
  readonly priority?: number;
  /** Older groups first. Default: false, as live media wants it. */
  readonly ordered?: boolean;
  /** Milliseconds for which a group that has a successor is still wanted. Default: 10,000. */
  readonly maxLatencyMs?: number;
  /** Bytes that may wait for the reader. Beyond it the oldest group is dropped. Default: 32 MiB. */
  readonly bufferBytes?: number;
  /** Ends the subscription; its iterator then throws the reason. */
  readonly signal?: AbortSignal;
}

/** Units of the track's timescale; absent where the protocol version has none. */
export interface Frame {
  readonly payload: Uint8Array;
  readonly timestamp?: number;
}

/**
 * A group of a subscription: its frames as they arrive, for one reader. To leave the loop early ends this group and no other. The frames of a
 * group that does not come whole end early, without an error.
 */
export interface Group extends AsyncIterable<Frame> {
  readonly sequence: number;
  /** Why the group did not come whole: `expired`, `lagged` for a reader that is too slow, `upstream`; undefined while nothing is missing. */
  readonly cut: ErrorCode | undefined;
}

/** The groups of a track, from the newest one on, as they arrive. To leave the loop ends the subscription. */
export interface Subscription extends AsyncIterable<Group> {
  /** Groups that did not come whole so far: dropped by the relay, cut off, or because the reader was too slow. */
  readonly dropped: number;
  /** Ends the subscription and its iterator. */
  close(): void;
}

/** A whole group. */
export interface FetchedGroup {
  readonly sequence: number;
  readonly frames: readonly Frame[];
}

export interface FetchOptions {
  /** The group to fetch. Default: the newest one, or the first that arrives. */
  readonly group?: number;
  /** Milliseconds for the whole group. Default: 15,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface TrackOptions {
  /** 0 to 255: which tracks matter most to a viewer whose link is full. Default: 128. */
  readonly priority?: number;
  /** Units of timestamps in a second. Default: 1,000. */
  readonly timescale?: number;
  /** Milliseconds for which relays keep a group that has a successor. Default: 10,000. */
  readonly maxLatencyMs?: number;
}

/** A group that is being published. */
export interface GroupWriter {
  readonly sequence: number;
  /** Sends a frame. The bytes must not change afterwards. `timestamp` is in the track's timescale. */
  write(payload: Uint8Array, timestamp?: number): void;
  /** The group is complete. */
  end(): void;
}

/** A track that is being published. */
export interface TrackWriter {
  readonly name: string;
  /** A relay subscribes to it now: nobody waits for frames otherwise. */
  readonly wanted: boolean;
  /** Begins the next group, and ends the one before. Its first frame must be decodable by itself. */
  group(): GroupWriter;
  /** Ends the track. */
  close(): void;
}

/** A broadcast that is being published. */
export interface Broadcast extends Disposable {
  readonly path: string;
  /** Adds a track. Relays learn its name from the program's own catalog. */
  track(name: string, options?: TrackOptions): TrackWriter;
  /** Withdraws the broadcast and ends its tracks. */
  close(): void;
}

/** A session with a relay. */
export interface Session extends AsyncDisposable {
  /** The negotiated version, such as `moq-lite-05`. */
  readonly protocol: string;
  /** Round trip in milliseconds; undefined while it is not known. */
  readonly rttMs: number | undefined;
  /**
   * Resolves when the relay drains and asks its clients to leave: with the URL of another relay, which is empty where it names none. The
   * session goes on for the relay's `drain.grace`; what is asked of it now is refused. Stays pending when the session ends otherwise.
   */
  readonly leaving: Promise<string>;
  /** Resolves when the session has ended, and never rejects. */
  readonly closed: Promise<SessionEnd>;
  /** The broadcasts under `prefix` (whole segments; default: all) that are live, and then each change, until the loop is left. */
  announced(prefix?: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<Announcement>;
  subscribe(broadcast: string, track: string, options?: SubscribeOptions): Subscription;
  /** Fetches one whole group. */
  fetch(broadcast: string, track: string, options?: FetchOptions): Promise<FetchedGroup>;
  /** Announces a broadcast. */
  publish(path: string): Broadcast;
  /** Ends the session. */
  close(): Promise<void>;
}
