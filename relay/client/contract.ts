import type { EngineDeps, LinkInfo, Trust } from "../../moq/link.ts";
import type { ModelLimits, Source, SubscribeOptions, Upstream, UpstreamSink } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import type { SessionLimits } from "../../moq/session/index.ts";
import type { AnnouncedChange } from "./announced-paths.ts";
import type { FetchedFrame } from "./group-collector.ts";

export interface ConnectOptions {
  /** `system` with an `http:` URL: trust the certificate whose fingerprint the relay gives over HTTP. */
  readonly trust: Trust;
  /** Milliseconds for the connection, and for the first announcements. */
  readonly timeoutMs: number;
  /** Preferred first; default: all stable ones. */
  readonly protocols?: readonly string[];
  /** IP address to connect to in place of the URL's host. `dial_failed` where the engine cannot. */
  readonly address?: string;
  /** The prefix of the announcements to ask for; default: everything. */
  readonly announcePrefix?: string;
  /** False: ask for no announcements at the start. */
  readonly announcements?: boolean;
  /** Bounds in place of those for commands. */
  readonly limits?: { readonly session?: Partial<SessionLimits>; readonly model?: Partial<ModelLimits> };
  /** Called for an unexpected error that does not end the connection. */
  readonly warn?: EngineDeps["warn"];
}

export interface FetchOptions {
  readonly broadcast: string;
  readonly track: string;
  /** Absent: the latest group, or the first that arrives. */
  readonly group?: number;
  readonly timeoutMs: number;
}

export interface FetchedGroup {
  readonly group: number;
  readonly frames: readonly FetchedFrame[];
}

/** A relay refused a fetch or did not answer it. */
export class FetchError extends Error {
  /** `not_found` and `cancelled`: no such broadcast, track or group. `timeout`: no complete group in time. */
  readonly code: Reason;
  /** A part of the group arrived. */
  readonly begun: boolean;

  constructor(code: Reason, what: string, begun: boolean) {
    super(code === "timeout" ? `${what}: no answer in time` : `${what}: ${code.replaceAll("_", " ")}`);
    this.name = "FetchError";
    this.code = code;
    this.begun = begun;
  }
}

/** How a session ended. */
export interface Ended {
  /** The reason of its close code; `upstream` for an unknown code. */
  readonly reason: Reason;
  /** The relay's message; empty if there is none. */
  readonly message: string;
  /** HTTP status of a refusal by a relay whose engine accepts a client before the relay decides (docs/engines.md). */
  readonly status?: number;
}

/** The session ended before the answer arrived. */
export class SessionEndedError extends Error {
  readonly reason: Reason;
  readonly status: number | undefined;

  constructor({ reason, message, status }: Ended) {
    super(`the relay has ended the session${message === "" ? "" : `: ${message}`}`);
    this.name = "SessionEndedError";
    this.reason = reason;
    this.status = status;
  }
}

/** Announcements that a client follows. */
export interface Following {
  close(): void;
  /**
   * Resolves when the live broadcasts have been announced, and rejects when they are not announced in time. True: the list is complete.
   * False: the relay had no complete answer from its mesh yet. Undefined: the protocol version cannot say.
   */
  readonly ready: Promise<boolean | undefined>;
  /** Resolves with a reason when the relay stops announcing although the session goes on; the list is incomplete then. */
  readonly cut: Promise<Reason>;
}

/** Receives the frames of a track. */
export interface FrameReader {
  /** A whole frame. `payload` is valid only during the call. */
  frame(payload: Uint8Array): void;
  /** The subscription has ended: cleanly when there is no reason. Last call. */
  ended(reason: Reason | undefined): void;
}

/** A connection to a relay. */
export interface Client {
  /** The negotiated version, such as `moq-lite-05`. */
  readonly protocol: string;
  /** The connection under the session. */
  readonly info: LinkInfo;
  /** The engine's round trip in milliseconds, smoothed; undefined while it knows none. */
  readonly rttMs: number | undefined;
  /** Resolves when the relay asks to leave (GOAWAY): with the URL of another relay, which is empty where it names none. */
  readonly leaving: Promise<string>;
  /** Resolves when the session has ended. */
  readonly closed: Promise<Ended>;
  /**
   * Calls `onChange` for each broadcast under `prefix` (whole segments) that is live, then for every change until
   * `close`. The end of the session, or of an incomplete list, is not a change.
   */
  announced(prefix: string, onChange: (change: AnnouncedChange) => void): Following;
  /** Asks the relay for the announcements under `prefix` by a request of its own, and calls `onChange` as {@link announced} does. */
  follow(prefix: string, onChange: (change: AnnouncedChange) => void): Following;
  /** True when the relay announces this broadcast now. */
  isLive(path: string): boolean;
  /** Fetches one whole group. Rejects with {@link FetchError}. */
  fetch(options: FetchOptions): Promise<FetchedGroup>;
  /** Subscribes to a track; its groups go to `sink`. */
  subscribe(broadcast: string, track: string, options: SubscribeOptions, sink: UpstreamSink): Upstream;
  /** Subscribes to a track from its newest group on, until the returned function is called. */
  read(broadcast: string, track: string, reader: FrameReader): () => void;
  /** Announces a broadcast, which `source` serves, until the returned function is called or the session ends. */
  publish(path: string, source: Source): () => void;
  /** Milliseconds until the relay answers a request; undefined without an answer in time. */
  roundTrip(timeoutMs: number): Promise<number | undefined>;
  /** Ends the session; never rejects. */
  close(): Promise<void>;
}
