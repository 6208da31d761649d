/** A relay and its clients over a simulated network whose clock a test turns. */
import { createHash, type Hash } from "node:crypto";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { type LaneSettings, MemoryNetwork } from "../../lab/network/memory-network.ts";
import { Counters } from "../../moq/counters.ts";
import type { BidiStream, Link, LinkClosed, LinkLimits } from "../../moq/link.ts";
import { Broadcasts } from "../../moq/model/broadcasts.ts";
import type {
  Channel,
  GroupWriter,
  OutStream,
  Source,
  SubscribeOptions,
  UpstreamSink,
} from "../../moq/model/contract.ts";
import type { CacheOptions, ModelLimits } from "../../moq/model/limits.ts";
import type { Reason } from "../../moq/reason.ts";
import {
  ChannelRegistry,
  liteSession,
  openAccess,
  type Session,
  type SessionLimits,
  type SessionReport,
} from "../../moq/session/index.ts";
import { CACHE, INFO, LIMITS } from "../model/support.ts";

export const VERSIONS = ["moq-lite-03", "moq-lite-04", "moq-lite-05", "moqmesh-1", "moq-lite-06-wip"] as const;
export const TRACK = "video";
export const LIVE: SubscribeOptions = { priority: 1, ordered: false, maxLatency: 5000 };

export const SESSION_LIMITS: SessionLimits = {
  announcements: 1000,
  announceStreams: 8,
  subscriptions: 100,
  fetches: 10,
  pendingStreams: 100,
  groups: 256,
  unanswered: 100,
  queueMark: 256 * 1024,
  queueBytes: 1024 * 1024,
  headerTimeoutMs: 5000,
  pathBytes: 1024,
  trackNameBytes: 256,
  frameBytes: 1_000_000,
};

const LINK_LIMITS: LinkLimits = {
  uniStreams: 100,
  bidiStreams: 100,
  idleTimeoutMs: 10_000,
  keepAliveMs: 2000,
  queueMark: SESSION_LIMITS.queueMark,
};

const CERTIFICATE = { cert: "", key: "" };

export interface RelayOptions {
  readonly session?: Partial<SessionLimits>;
  readonly model?: Partial<ModelLimits>;
  readonly cache?: Partial<CacheOptions>;
  readonly network?: Partial<LaneSettings>;
}

/** A relay that listens at `relay:4443`. */
export class TestRelay {
  readonly clock = new ManualClock();
  readonly network: MemoryNetwork;
  readonly counters = new Counters();
  readonly broadcasts: Broadcasts;
  readonly sessions = new Set<Session>();
  readonly reports: SessionReport[] = [];
  readonly defects: unknown[] = [];
  /** Broadcasts that sessions reported as not taken in. */
  readonly refused: string[] = [];
  readonly #limits: SessionLimits;

  private constructor(options: RelayOptions) {
    const { clock, counters } = this;
    this.network = new MemoryNetwork({ clock, overwrite: true, settings: { latencyMs: 5, ...options.network } });
    this.broadcasts = new Broadcasts({
      clock,
      counters,
      limits: { ...LIMITS, ...options.model },
      cache: { ...CACHE, ...options.cache },
    });
    this.#limits = { ...SESSION_LIMITS, requestTimeoutMs: 5000, ...options.session };
  }

  static async start(options: RelayOptions = {}): Promise<TestRelay> {
    const relay = new TestRelay(options);
    const channels = new ChannelRegistry();
    await relay.network
      .engine()
      .listen(
        { host: "relay", port: 4443, protocols: VERSIONS, certificate: CERTIFICATE, limits: LINK_LIMITS },
        (request) => {
          request.accept((link) => {
            const attach = liteSession(
              {
                broadcasts: relay.broadcasts,
                clock: relay.clock,
                limits: relay.#limits,
                channels,
                hop: 1000n,
                access: openAccess(request.info.path.slice(1)),
                announcePrefix: "",
                refused: (path, reason) => relay.refused.push(`${path} ${reason}`),
                defect: (error) => relay.defects.push(error),
                closed: (report) => relay.reports.push(report),
              },
              (session) => relay.sessions.add(session),
            );
            return attach(link);
          });
        },
      );
    return relay;
  }

  /** A client with a table of broadcasts of its own. */
  async connect(
    version: string = "moq-lite-05",
    path = "/",
    prefix?: string,
    limits: Partial<LinkLimits> = {},
  ): Promise<TestClient> {
    const broadcasts = new Broadcasts({ clock: this.clock, limits: LIMITS, cache: CACHE });
    const reports: SessionReport[] = [];
    let session: Session | undefined;
    const engine = this.network.engine();
    const dialled = engine.dial(
      {
        url: new URL(`https://relay:4443${path}`),
        protocols: [version],
        trust: { kind: "insecure" },
        limits: { ...LINK_LIMITS, ...limits },
        timeoutMs: 5000,
      },
      liteSession(
        {
          broadcasts,
          clock: this.clock,
          limits: SESSION_LIMITS,
          channels: new ChannelRegistry(),
          hop: nextHop++,
          access: openAccess(""),
          ...(prefix === undefined ? {} : { announcePrefix: prefix }),
          defect: (error) => this.defects.push(error),
          closed: (report) => reports.push(report),
        },
        (started) => {
          session = started;
        },
      ),
    );
    const link = await this.#established(dialled);
    if (session === undefined) throw new Error("no session");
    return new TestClient(broadcasts, session, link, reports);
  }

  /** A link that speaks no protocol of its own: the test writes the bytes. `asked` gets each stream that the relay opens. */
  async raw(
    version: string,
    asked: (stream: BidiStream) => void = () => {},
  ): Promise<{ link: Link; closed: LinkClosed[]; stops: number[]; resets: number[] }> {
    const closed: LinkClosed[] = [];
    const stops: number[] = [];
    const resets: number[] = [];
    const ignore = {
      data: () => {},
      fin: () => {},
      reset: (code: number) => resets.push(code),
      stop: (code: number) => stops.push(code),
    };
    const dialled = this.network.engine().dial(
      {
        url: new URL("https://relay:4443/"),
        protocols: [version],
        trust: { kind: "insecure" },
        limits: LINK_LIMITS,
        timeoutMs: 5000,
      },
      () => ({
        uni: () => ignore,
        bidi: (stream) => {
          asked(stream);
          return ignore;
        },
        datagram: () => {},
        capacity: () => {},
        backlog: () => {},
        drained: () => {},
        closed: (why) => closed.push(why),
      }),
    );
    return { link: await this.#established(dialled), closed, stops, resets };
  }

  async #established(dialled: Promise<Link>): Promise<Link> {
    let over = false;
    const settled = dialled.finally(() => {
      over = true;
    });
    await this.clock.runUntil(() => over);
    return await settled;
  }

  /** Moves the clock on by `ms`, and lets promises go on after. Sessions need none, so this is all that time is to them. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

let nextHop = 1n;

/** One client's session, and what it publishes. */
export class TestClient {
  readonly broadcasts: Broadcasts;
  readonly session: Session;
  readonly link: Link;
  readonly reports: SessionReport[];

  constructor(broadcasts: Broadcasts, session: Session, link: Link, reports: SessionReport[]) {
    this.broadcasts = broadcasts;
    this.session = session;
    this.link = link;
    this.reports = reports;
  }

  publish(path: string): TestPublisher {
    const source = new TestPublisher();
    const publication = this.broadcasts.publish(path, { epoch: source.epoch, hops: [], cost: 0, ended: false }, source);
    if (typeof publication === "string") throw new Error(publication);
    source.end = () => publication.end(false);
    return source;
  }

  watch(path: string, options: SubscribeOptions = LIVE, track = TRACK): TestViewer {
    const viewer = new TestViewer();
    viewer.upstream = this.session.source.subscribe(path, track, options, viewer);
    return viewer;
  }
}

let epochs = 1n;

/** Where a client's own broadcasts come from: groups are written by the test to whoever subscribes. Of tracks `mute…` it says nothing. */
export class TestPublisher implements Source {
  readonly hasInfo = true;
  readonly epoch = epochs++;
  readonly sinks = new Set<UpstreamSink>();
  readonly requests: SubscribeOptions[] = [];
  readonly fetched: number[] = [];
  end: () => void = () => {};

  subscribe(_path: string, _track: string, options: SubscribeOptions, sink: UpstreamSink) {
    this.sinks.add(sink);
    this.requests.push(options);
    return { update: (next: SubscribeOptions) => this.requests.push(next), cancel: () => void this.sinks.delete(sink) };
  }

  info(_path: string, track: string, answer: (result: typeof INFO | Reason) => void): () => void {
    if (!track.startsWith("mute")) answer(track === "nothing" ? "not_found" : INFO);
    return () => {};
  }

  fetch(_path: string, _track: string, sequence: number, _priority: number, writer: GroupWriter): () => void {
    this.fetched.push(sequence);
    for (const frame of [`fetched ${sequence}`, "more"]) write(writer, Buffer.from(frame));
    writer.finish();
    return () => {};
  }

  /** Begins a group at every subscriber. */
  open(sequence: number): GroupWriter[] {
    const writers: GroupWriter[] = [];
    for (const sink of this.sinks) {
      const writer = sink.group(sequence);
      if (typeof writer !== "string") writers.push(writer);
    }
    return writers;
  }

  send(sequence: number, ...frames: (string | Uint8Array)[]): void {
    for (const writer of this.open(sequence)) {
      for (const frame of frames) write(writer, Buffer.from(frame));
      writer.finish();
    }
  }
}

export function write(writer: GroupWriter, bytes: Uint8Array, timestamp = 0): void {
  writer.frame(bytes.length, timestamp);
  if (bytes.length > 0) writer.payload(bytes);
  writer.end();
}

/** One group as a viewer got it; frame boundaries are part of the hash. */
export class TestGroup implements GroupWriter {
  readonly sequence: number;
  readonly frames: string[] = [];
  readonly timestamps: (number | undefined)[] = [];
  readonly #hash: Hash = createHash("sha256");
  readonly #keep: boolean;
  #frame: Buffer[] = [];
  state: "open" | "finished" | Reason = "open";
  bytes = 0;

  constructor(sequence: number, keep: boolean) {
    this.sequence = sequence;
    this.#keep = keep;
  }

  frame(size: number, timestamp: number | undefined): void {
    this.timestamps.push(timestamp);
    this.#hash.update(`${size}:`);
  }

  payload(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    this.#hash.update(bytes);
    if (this.#keep) this.#frame.push(Buffer.from(bytes));
  }

  end(): void {
    if (this.#keep) this.frames.push(Buffer.concat(this.#frame).toString());
    this.#frame = [];
  }

  finish(): void {
    this.state = "finished";
  }

  reset(reason: Reason): void {
    this.state = reason;
  }

  onStop(): void {}

  digest(): string {
    return this.#hash.digest("hex");
  }
}

/** Takes what a subscription brings. */
export class TestViewer implements UpstreamSink {
  upstream: { update(options: SubscribeOptions): void; cancel(): void } | undefined;
  readonly groups: TestGroup[] = [];
  readonly log: string[] = [];
  /** Keep frames, not only their hash. */
  keep = true;

  info(info: typeof INFO): void {
    this.log.push(`info ${info.maxLatency}`);
  }

  started(sequence: number): void {
    this.log.push(`started ${sequence}`);
  }

  group(sequence: number): GroupWriter {
    const group = new TestGroup(sequence, this.keep);
    this.groups.push(group);
    return group;
  }

  datagram(sequence: number, timestamp: number, payload: Uint8Array): void {
    this.log.push(`datagram ${sequence} ${timestamp} ${Buffer.from(payload)}`);
  }

  dropped(start: number, end: number): void {
    this.log.push(`dropped ${start}-${end}`);
  }

  ended(end: number): void {
    this.log.push(`ended ${end}`);
  }

  closed(reason: Reason | undefined): void {
    this.log.push(`closed ${reason ?? "cleanly"}`);
  }

  /** E.g. `3 finished a|b`. */
  get told(): string[] {
    return this.groups.map(({ sequence, state, frames }) => `${sequence} ${state} ${frames.join("|")}`);
  }
}

export type { Channel, OutStream };
