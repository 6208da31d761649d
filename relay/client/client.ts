/** A client of any relay, for the command line: it lists announcements and fetches single groups. */
import { randomBytes } from "node:crypto";
import type { Clock } from "../../moq/clock.ts";
import { Counters } from "../../moq/counters.ts";
import { type Attach, type Link, type LinkInfo, TransportError } from "../../moq/link.ts";
import {
  Broadcasts,
  FetchIntoGroup,
  groupRange,
  type Source,
  type SubscribeOptions,
  type Upstream,
  type UpstreamSink,
} from "../../moq/model/index.ts";
import { isUnder } from "../../moq/path.ts";
import type { Reason } from "../../moq/reason.ts";
import {
  ChannelRegistry,
  closeCodes,
  EXPERIMENTAL_PROTOCOLS,
  MESH_PROTOCOLS,
  protocols,
  type Session,
  type SessionDeps,
  startSession,
} from "../../moq/session/index.ts";
import { capabilities } from "../../moq/wire/lite/index.ts";
import { systemClock } from "../../transport/shared/index.ts";
import { type AnnouncedChange, AnnouncedPaths } from "./announced-paths.ts";
import {
  type Client,
  type ConnectOptions,
  type Ended,
  FetchError,
  type FetchedGroup,
  type FetchOptions,
  type Following,
  type FrameReader,
  SessionEndedError,
} from "./contract.ts";
import { dialRelay, sharedEngine } from "./dial.ts";
import { type FetchedFrame, GroupCollector } from "./group-collector.ts";
import { MODEL_LIMITS, SESSION_LIMITS } from "./limits.ts";
import { collectNewestGroup } from "./newest-group.ts";
import { readerSink } from "./reader-sink.ts";
import { namespaceRoundTrip, roundTrip } from "./round-trip.ts";

/** Protocols that this client can offer. */
export const PROTOCOLS: readonly string[] = [...protocols(EXPERIMENTAL_PROTOCOLS), ...MESH_PROTOCOLS];

/** Milliseconds for our close to reach the relay. */
const FAREWELL_MS = 500;

/** Longest delay of a Node timer, in milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Subscriber priority of fetches and subscriptions: the middle of 0 to 255. */
const PRIORITY = 128;

/** Milliseconds for which {@link Client.read} wants a group that has a successor. */
const MAX_LATENCY_MS = 10_000;

/**
 * Connects to the relay at `url`: `https:` and `http:` by WebTransport, `wss:` and `ws:` by WebSocket. The path of the
 * URL is the root of all paths. Rejects with {@link TransportError}.
 */
export async function connect(url: URL, options: ConnectOptions): Promise<Client> {
  const { trust, timeoutMs, address, protocols: offered = protocols([]), warn = () => {} } = options;
  const deps = { clock: systemClock, warn };
  const engine = await sharedEngine(url);
  const dial = { url, trust, timeoutMs, address, protocols: offered, deps, engine };
  return await connectBy((attach) => dialRelay({ ...dial, attach }), options);
}

/** Connects by the link that `dial` makes; rejects as `dial` does. */
export async function connectBy(dial: (attach: Attach) => Promise<unknown>, options: ClientOptions): Promise<Client> {
  const client = new RelayClient(options);
  try {
    await dial(client.attach);
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}

type ClientOptions = Pick<ConnectOptions, "announcePrefix" | "announcements" | "limits" | "timeoutMs" | "warn">;

class RelayClient implements Client {
  readonly attach: Attach;
  readonly #clock: Clock = systemClock;
  readonly #broadcasts: Broadcasts;
  readonly #prefix: string;
  readonly #timeoutMs: number;
  readonly #closed = Promise.withResolvers<Ended>();
  readonly #left = Promise.withResolvers<string>();
  readonly #paths: AnnouncedPaths;
  /** Broadcasts of this client. */
  readonly #published = new Set<string>();
  /** Keeps the process alive while there is a connection; engines and timers may not. */
  readonly #hold = setInterval(() => {}, LONGEST_TIMER_MS);
  #session: Session | undefined;
  #link: Link | undefined;
  #over = false;

  constructor({ announcePrefix = "", announcements = true, limits = {}, timeoutMs, warn = () => {} }: ClientOptions) {
    const prefix = bare(announcePrefix);
    this.#prefix = prefix;
    this.#timeoutMs = timeoutMs;
    this.#broadcasts = new Broadcasts({
      clock: this.#clock,
      limits: { ...MODEL_LIMITS, ...limits.model },
      cache: { bytes: 0, policy: "oldest", maxAgeMs: 0 },
      counters: new Counters(),
    });
    this.#paths = new AnnouncedPaths(this.#broadcasts);
    const deps: SessionDeps = {
      broadcasts: this.#broadcasts,
      clock: this.#clock,
      limits: { ...SESSION_LIMITS, ...limits.session },
      channels: new ChannelRegistry(),
      hop: BigInt(randomBytes(6).readUIntBE(0, 6)) + 1n,
      // The relay may ask this client for the client's own broadcasts.
      access: {
        root: "",
        mayPublish: () => true,
        maySubscribe: (path) => this.#published.has(path),
        watchable: (under) => [under],
      },
      ...(announcements && { announcePrefix: prefix }),
      defect: (error) => warn("an internal error in the session, which goes on", error),
      table: this.#paths,
      leaving: (uri) => this.#left.resolve(uri),
      closed: ({ info, code, message }) => {
        const refused = code >= 400 && code < 600;
        this.#end({ reason: meaningOf(info, code), message, ...(refused && { status: code }) });
      },
    };
    const attach = startSession(deps, (session) => {
      this.#session = session;
    });
    this.attach = (link) => {
      this.#link = link;
      return attach(link);
    };
  }

  get info(): LinkInfo {
    return this.#live.info;
  }

  get rttMs(): number | undefined {
    return this.#live.figures().rttMs;
  }

  get protocol(): string {
    return this.#live.info.protocol;
  }

  get leaving(): Promise<string> {
    return this.#left.promise;
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

  follow(prefix: string, onChange: (change: AnnouncedChange) => void): Following {
    const paths = new AnnouncedPaths(this.#broadcasts);
    const close = paths.follow(onChange);
    const request = this.#live.follow(bare(prefix), paths);
    const stop = () => {
      close();
      request.stop();
    };
    return { close: stop, ready: request.complete, cut: paths.ended };
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
      const collected = (sequence: number, result: readonly FetchedFrame[] | Reason) => {
        if (typeof result === "string") return fail(result);
        finish();
        resolve({ group: sequence, frames: result });
      };
      const maxBytes = MODEL_LIMITS.groupBytes;
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
          ? collectNewestGroup({ clock: this.#clock, maxBytes, begin, done: collected, fail }, (sink) =>
              source.subscribe(broadcast, track, { priority: PRIORITY, ordered: false, maxLatency: timeoutMs }, sink),
            )
          : this.#fetchGroup(
              broadcast,
              track,
              group,
              new GroupCollector(begin, maxBytes, (result) => collected(group, result)),
            );
      if (done) cancel();
    });
  }

  #fetchGroup(broadcast: string, track: string, group: number, into: GroupCollector): () => void {
    return this.#live.source.fetch(broadcast, track, groupRange(group), PRIORITY, new FetchIntoGroup(into));
  }

  subscribe(broadcast: string, track: string, options: SubscribeOptions, sink: UpstreamSink): Upstream {
    return this.#live.source.subscribe(bare(broadcast), track, options, sink);
  }

  read(broadcast: string, track: string, reader: FrameReader): () => void {
    const options = { priority: PRIORITY, ordered: false, maxLatency: MAX_LATENCY_MS };
    const upstream = this.subscribe(broadcast, track, options, readerSink(reader));
    return () => upstream.cancel();
  }

  publish(path: string, source: Source): () => void {
    const at = bare(path);
    this.#published.add(at);
    const advertisement = { epoch: 0n, hops: [], cost: 0, ended: false };
    const publication = this.#broadcasts.publish(at, advertisement, source);
    if (typeof publication === "string") throw new Error(`this client publishes too many broadcasts (${publication})`);
    return () => {
      this.#published.delete(at);
      publication.end(false);
    };
  }

  roundTrip(timeoutMs: number): Promise<number | undefined> {
    if (this.#link === undefined || this.#session === undefined) throw new Error("not connected");
    if (capabilities(this.protocol) !== undefined) return roundTrip(this.#link, this.#clock, timeoutMs);
    return namespaceRoundTrip(this.#session, this.#prefix, this.#clock, timeoutMs);
  }

  async close(): Promise<void> {
    this.#session?.close(closeCodes(this.protocol).codeOf("cancelled"), "");
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

function meaningOf({ protocol }: LinkInfo, code: number): Reason {
  return STATUSES.get(code) ?? closeCodes(protocol).reasonOf(code);
}

/** Removes the slashes at both ends, which have no meaning. */
function bare(path: string): string {
  return path.replace(/^\/+|\/+$/g, "");
}
