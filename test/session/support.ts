/** A relay and its clients over a simulated network whose clock a test turns. */
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { type LaneSettings, MemoryNetwork } from "../../lab/network/memory-network.ts";
import { TestClient } from "../../lab/sim/client.ts";
import { CACHE, LIMITS, SESSION_LIMITS } from "../../lab/sim/settings.ts";
import { Counters } from "../../moq/counters.ts";
import type { BidiStream, Link, LinkClosed, LinkLimits } from "../../moq/link.ts";
import { Broadcasts } from "../../moq/model/broadcasts.ts";
import type { CacheOptions, ModelLimits } from "../../moq/model/limits.ts";
import {
  type Access,
  ChannelRegistry,
  MESH_PROTOCOLS,
  openAccess,
  type Session,
  type SessionLimits,
  type SessionReport,
  startSession,
} from "../../moq/session/index.ts";

export { TestClient, TestGroup, TestPublisher, TestViewer, write } from "../../lab/sim/client.ts";
export { LIVE, SESSION_LIMITS, TRACK } from "../../lab/sim/settings.ts";

export const VERSIONS = [
  "moq-lite-03",
  "moq-lite-04",
  "moq-lite-05",
  "moq-lite-06",
  "moqmesh-2",
  "moqmesh-1",
  "moq-lite-06-wip",
  "moq-lite-07-wip",
] as const;

/** Drafts in which each request has a stream of its own. */
export const STREAMED_VERSIONS = ["moqt-18", "moqt-22", "moqt-20", "moqt-23"] as const;

export const IETF_VERSIONS = [...STREAMED_VERSIONS, "moqt-16", "moqt-14"] as const;

export const EVERY_VERSION = [...VERSIONS, ...IETF_VERSIONS] as const;

export const LINK_LIMITS: LinkLimits = {
  uniStreams: 100,
  bidiStreams: 100,
  idleTimeoutMs: 10_000,
  keepAliveMs: 2000,
  queueMark: SESSION_LIMITS.sessionQueueMark,
};

const CERTIFICATE = { cert: "", key: "" };

export interface RelayOptions {
  readonly session?: Partial<SessionLimits>;
  readonly model?: Partial<ModelLimits>;
  readonly cache?: Partial<CacheOptions>;
  readonly network?: Partial<LaneSettings>;
  /** Peers that speak the mesh wire are relays of one mesh. */
  readonly mesh?: boolean;
  /** What clients may do, under the root of their path. Absent: everything. */
  readonly access?: Partial<Access>;
}

/** A relay that listens at `relay:4443`. */
export class TestRelay {
  readonly clock = new ManualClock();
  readonly network: MemoryNetwork;
  readonly counters = new Counters();
  readonly broadcasts: Broadcasts;
  readonly sessions = new Set<Session>();
  /** The relay's end of each connection, oldest first. */
  readonly links: Link[] = [];
  readonly reports: SessionReport[] = [];
  readonly defects: unknown[] = [];
  /** Broadcasts that sessions refused. */
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
        { host: "relay", port: 4443, protocols: EVERY_VERSION, certificate: CERTIFICATE, limits: LINK_LIMITS },
        (request) => {
          request.accept((link) => {
            const attach = startSession(
              {
                broadcasts: relay.broadcasts,
                clock: relay.clock,
                limits: relay.#limits,
                channels,
                hop: 1000n,
                access: {
                  ...openAccess(request.info.path.slice(1)),
                  ...options.access,
                },
                announcePrefix: "",
                ownNumbers: options.mesh === true && MESH_PROTOCOLS.includes(request.info.protocol),
                refused: (path, reason) => relay.refused.push(`${path} ${reason}`),
                defect: (error) => relay.defects.push(error),
                closed: (report) => relay.reports.push(report),
              },
              (session) => relay.sessions.add(session),
            );
            relay.links.push(link);
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
      startSession(
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
    const link = await this.established(dialled);
    if (session === undefined) throw new Error("no session");
    return new TestClient(broadcasts, session, link, reports);
  }

  /** A link without a session: the test writes the bytes. `asked` is called with each stream that the relay opens. */
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
    return { link: await this.established(dialled), closed, stops, resets };
  }

  /** Turns the clock until the dial has an end. */
  async established(dialled: Promise<Link>): Promise<Link> {
    let over = false;
    const settled = dialled.finally(() => {
      over = true;
    });
    await this.clock.runUntil(() => over);
    return await settled;
  }

  /** Moves the clock on by `ms`, and then lets promises settle. Sessions have no other clock. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

let nextHop = 1n;
