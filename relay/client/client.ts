/** A client of any relay, for the command line: it lists announcements and fetches single groups. */
import { randomBytes } from "node:crypto";
import type { Clock } from "../../moq/clock.ts";
import { Counters } from "../../moq/counters.ts";
import { type EngineDeps, TransportError, type Trust } from "../../moq/link.ts";
import { Broadcasts, type ModelLimits, type Upstream, type UpstreamSink } from "../../moq/model/index.ts";
import { isUnder } from "../../moq/path.ts";
import type { Reason } from "../../moq/reason.ts";
import {
  ChannelRegistry,
  codeOf,
  EXPERIMENTAL_PROTOCOLS,
  liteSession,
  MESH_PROTOCOLS,
  protocols,
  reasonOf,
  type Session,
  type SessionDeps,
  type SessionLimits,
} from "../../moq/session/index.ts";
import { capabilities } from "../../moq/wire/lite/index.ts";
import { systemClock } from "../../transport/shared/index.ts";
import { type AnnouncedChange, AnnouncedPaths } from "./announced-paths.ts";
import { dialRelay } from "./dial.ts";
import { type FetchedFrame, GroupCollector } from "./group-collector.ts";

/** Protocols that this client can offer. */
export const PROTOCOLS: readonly string[] = [...protocols(EXPERIMENTAL_PROTOCOLS), ...MESH_PROTOCOLS];

const MIB = 2 ** 20;

/** Bounds on the data that a relay can make a client keep. */
const MODEL_LIMITS: ModelLimits = {
  broadcasts: 1_000_000,
  tracksPerBroadcast: 16,
  frameBytes: 64 * MIB,
  groupBytes: 256 * MIB,
  framesPerGroup: 65_536,
  groupsPerTrack: 1,
  waitingSubscriptions: 16,
  subscribeWaitMs: 0,
  trackLingerMs: 0,
};

const SESSION_LIMITS: SessionLimits = {
  announcementsPerSession: MODEL_LIMITS.broadcasts,
  announceStreamsPerSession: 16,
  subscriptionsPerSession: 16,
  fetchesPerSession: 16,
  pendingStreamsPerSession: 64,
  groupsPerSession: 256,
  unansweredPerViewer: 64,
  sessionQueueMark: 4 * MIB,
  sessionQueueBytes: 16 * MIB,
  headerTimeoutMs: 10_000,
  pathBytes: 4_096,
  trackNameBytes: 4_096,
  frameBytes: MODEL_LIMITS.frameBytes,
};

/** Milliseconds for our close to reach the relay. */
const FAREWELL_MS = 500;

/** Longest delay of a Node timer, in milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Subscriber priority of fetches: the middle of 0 to 255. */
const PRIORITY = 128;

export interface ConnectOptions {
  /** `system` with an `http:` URL: trust the certificate whose fingerprint the relay gives over HTTP. */
  readonly trust: Trust;
  /** Milliseconds for the connection, and for the first announcements. */
  readonly timeoutMs: number;
  /** Preferred first; default: all stable ones. */
  readonly protocols?: readonly string[];
  /** The prefix of the announcements to ask for; default: everything. */
  readonly announcePrefix?: string;
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

/** A connection to a relay. */
export interface Client {
  /** The negotiated version, such as `moq-lite-05`. */
  readonly protocol: string;
  /** Resolves when the session has ended. */
  readonly closed: Promise<Ended>;
  /**
   * Calls `onChange` for each broadcast under `prefix` (whole segments) that is live, then for every change until
   * `close`. The end of the session, or of an incomplete list, is not a change.
   */
  announced(prefix: string, onChange: (change: AnnouncedChange) => void): Following;
  /** True when the relay announces this broadcast now. */
  isLive(path: string): boolean;
  /** Fetches one whole group. Rejects with {@link FetchError}. */
  fetch(options: FetchOptions): Promise<FetchedGroup>;
  /** Ends the session; never rejects. */
  close(): Promise<void>;
}

/**
 * Connects to the relay at `url`: `https:` and `http:` by WebTransport, `wss:` and `ws:` by WebSocket. The path of the
 * URL is the root of all paths. Rejects with {@link TransportError}.
 */
export async function connect(url: URL, options: ConnectOptions): Promise<Client> {
  const warn = options.warn ?? (() => {});
  const client = new RelayClient(bare(options.announcePrefix ?? ""), options.timeoutMs, warn);
  try {
    await dialRelay({
      url,
      trust: options.trust,
      timeoutMs: options.timeoutMs,
      protocols: options.protocols ?? protocols([]),
      deps: { clock: systemClock, warn },
      attach: client.attach,
    });
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}

class RelayClient implements Client {
  readonly attach;
  readonly #clock: Clock = systemClock;
  readonly #broadcasts: Broadcasts;
  readonly #prefix: string;
  readonly #timeoutMs: number;
  readonly #closed = Promise.withResolvers<Ended>();
  readonly #paths = new AnnouncedPaths();
  /** Keeps the process alive while there is a connection; engines and timers may not. */
  readonly #hold = setInterval(() => {}, LONGEST_TIMER_MS);
  #session: Session | undefined;
  #over = false;

  constructor(prefix: string, timeoutMs: number, warn: EngineDeps["warn"]) {
    this.#prefix = prefix;
    this.#timeoutMs = timeoutMs;
    this.#broadcasts = new Broadcasts({
      clock: this.#clock,
      limits: MODEL_LIMITS,
      cache: { bytes: 0, policy: "oldest", maxAgeMs: 0 },
      counters: new Counters(),
    });
    const deps: SessionDeps = {
      broadcasts: this.#broadcasts,
      clock: this.#clock,
      limits: SESSION_LIMITS,
      channels: new ChannelRegistry(),
      hop: BigInt(randomBytes(6).readUIntBE(0, 6)) + 1n,
      // The relay may ask this client for nothing.
      access: {
        root: "",
        mayPublish: () => true,
        maySubscribe: () => false,
        watchable: () => [],
      },
      announcePrefix: prefix,
      defect: (error) => warn("an internal error in the session, which goes on", error),
      table: this.#paths,
      closed: ({ code, message }) => {
        const refused = code >= 400 && code < 600;
        this.#end({ reason: meaningOf(code), message, ...(refused && { status: code }) });
      },
    };
    this.attach = liteSession(deps, (session) => {
      this.#session = session;
    });
  }

  get protocol(): string {
    return this.#live.info.protocol;
  }

  get closed(): Promise<Ended> {
    return this.#closed.promise;
  }

  announced(under: string, onChange: (change: AnnouncedChange) => void): Following {
    const prefix = bare(under);
    if (!isUnder(prefix, this.#prefix)) {
      throw new Error(`this client asked for announcements under "${this.#prefix}" only`);
    }
    const close = this.#paths.follow((change) => {
      if (isUnder(change.path, prefix)) onChange(change);
    });
    return { close, ready: this.#firstAnnouncements(), cut: this.#paths.ended };
  }

  isLive(path: string): boolean {
    return this.#paths.has(bare(path));
  }

  fetch({ broadcast, track, group, timeoutMs }: FetchOptions): Promise<FetchedGroup> {
    const what = `${broadcast} ${track}${group === undefined ? "" : ` ${group}`}`;
    const { source } = this.#live;
    return new Promise((resolve, reject) => {
      const fail = (reason: Reason) => {
        finish();
        reject(new FetchError(reason, what, begun));
      };
      let begun = false;
      const begin = () => {
        begun = true;
      };
      const collect = (sequence: number) =>
        new GroupCollector(begin, MODEL_LIMITS.groupBytes, (result) => {
          if (typeof result === "string") return fail(result);
          finish();
          resolve({ group: sequence, frames: result });
        });
      let cancel = () => {};
      let done = false;
      const cancelTimer = this.#clock.timer(timeoutMs, () => fail("timeout"));
      const finish = () => {
        done = true;
        cancelTimer();
        cancel();
      };
      cancel =
        group === undefined
          ? subscribeToOne(fail, collect, (sink) =>
              source.subscribe(broadcast, track, { priority: PRIORITY, ordered: false, maxLatency: timeoutMs }, sink),
            )
          : source.fetch(broadcast, track, group, PRIORITY, collect(group));
      if (done) cancel();
    });
  }

  async close(): Promise<void> {
    this.#session?.close(codeOf("cancelled"), "");
    if (this.#session === undefined) this.#end(GONE);
    // The caller may end the process in the same turn, so no timer may be needed here.
    const cancel = this.#clock.timer(FAREWELL_MS, () => this.#end(GONE));
    await this.#closed.promise;
    cancel();
  }

  get #live(): Session {
    if (this.#session === undefined) throw new Error("not connected");
    return this.#session;
  }

  async #firstAnnouncements(): Promise<boolean | undefined> {
    const timeout = Promise.withResolvers<never>();
    const cancel = this.#clock.timer(this.#timeoutMs, () =>
      timeout.reject(new TransportError("dial_timeout", "the relay did not announce what is live in time")),
    );
    let complete = false;
    try {
      complete = await Promise.race([this.#live.announced, timeout.promise]);
    } finally {
      cancel();
    }
    if (!this.#over) return capabilities(this.protocol)?.announceOk === true ? complete : undefined;
    throw new SessionEndedError(await this.#closed.promise);
  }

  #end(ended: Ended): void {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#hold);
    this.#closed.resolve(ended);
  }
}

/** The client closed the session, or the relay did without a message. */
const GONE: Ended = { reason: "cancelled", message: "" };

/** An engine that cannot refuse a request closes the session with the HTTP status as its code. */
const STATUSES: ReadonlyMap<number, Reason> = new Map([
  [401, "unauthorized"],
  [403, "unauthorized"],
  [429, "limit"],
  [503, "limit"],
]);

function meaningOf(code: number): Reason {
  return STATUSES.get(code) ?? reasonOf(code);
}

/** Removes the slashes at both ends, which have no meaning. */
function bare(path: string): string {
  return path.replace(/^\/+|\/+$/g, "");
}

/** Subscribes and collects the first group. Returns a function that cancels. */
function subscribeToOne(
  fail: (reason: Reason) => void,
  collect: (sequence: number) => GroupCollector,
  subscribe: (sink: UpstreamSink) => Upstream,
): () => void {
  let collecting = false;
  const upstream = subscribe({
    info: () => {},
    started: () => {},
    group: (sequence) => {
      if (collecting) return "cancelled";
      collecting = true;
      return collect(sequence);
    },
    // A datagram is a group of one frame.
    datagram: (sequence, timestamp, payload) => {
      if (collecting) return;
      collecting = true;
      const collector = collect(sequence);
      collector.frame(payload.length, timestamp);
      collector.payload(payload);
      collector.end();
      collector.finish();
    },
    dropped: () => {},
    ended: () => {},
    closed: (reason) => {
      if (!collecting) fail(reason ?? "not_found");
    },
  });
  return () => upstream.cancel();
}
