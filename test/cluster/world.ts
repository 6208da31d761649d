/** Whole relays of a mesh in one process: real sessions over a simulated network, with a clock turned by hand. */

import { ClockBound } from "../../cluster/clock-bound.ts";
import type { NodeInfo, Role } from "../../cluster/contract.ts";
import { ControlClient } from "../../cluster/control/client.ts";
import { ControlSessionServer } from "../../cluster/control/session-server.ts";
import { type FailoverCounters, MeshSource } from "../../cluster/failover/mesh-source.ts";
import { PeerLinks } from "../../cluster/links/peer-links.ts";
import { Mesh, patienceOf, type Registrar } from "../../cluster/mesh.ts";
import { Registry } from "../../cluster/registry/registry.ts";
import { Rootless } from "../../cluster/rootless/rootless.ts";
import { RouteTable } from "../../cluster/routes/table.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { type MemoryEngine, MemoryNetwork } from "../../lab/network/memory-network.ts";
import { Counters } from "../../moq/counters.ts";
import type { LinkInfo } from "../../moq/link.ts";
import { Broadcasts } from "../../moq/model/broadcasts.ts";
import type { Source } from "../../moq/model/contract.ts";
import {
  type AnnounceTable,
  ChannelRegistry,
  liteSession,
  openAccess,
  type Session,
  type SessionDeps,
  type SessionReport,
} from "../../moq/session/index.ts";
import { meshSessionPolicy } from "../../relay/mesh/session-policy.ts";
import { CACHE, LIMITS } from "../model/support.ts";
import { SESSION_LIMITS, TestClient } from "../session/support.ts";
import { CONTROL, nodeInfo, REGISTRY } from "./support.ts";

/** Times of a mesh as users have it who say nothing about them. */
const PEER = { uniStreams: 1_000, bidiStreams: 256, idleTimeoutMs: 600, keepAliveMs: 150, queueMark: 1_000_000 };
export const IDLE_MS = 10_000;
const CLIENT = { ...PEER, idleTimeoutMs: IDLE_MS, keepAliveMs: 2_000 };
export const LEASE_MS = 10_000;
const HOLD_MS = 5_000;
export const LINGER_MS = 10_000;
/** When the worlds begin; late enough for clocks that are behind. */
const EPOCH_MS = 1_000_000_000;
const CERTIFICATE = { cert: "", key: "" };

/** How a world is besides its relays; what is absent is as users have it who say nothing. */
export interface WorldOptions {
  /** Of links between relays: large meshes have slow ones, so that most of what happens is not signs of life. */
  readonly peer?: { readonly idleTimeoutMs: number; readonly keepAliveMs: number };
  /** One-way delay of each new link, in milliseconds. */
  readonly latencyMs?: () => number;
  /** What the wall clock of a relay is ahead, in milliseconds. */
  readonly skewMs?: (node: string) => number;
  readonly events?: WorldEvents;
}

/** What relays do, for whoever checks it. */
export interface WorldEvents {
  held(relay: SimRelay, path: string): void;
  released(relay: SimRelay, path: string): void;
  /** A relay was told that another, or what that one held, is gone. */
  nodeGone(relay: SimRelay, node: string): void;
  holdingGone(relay: SimRelay, path: string, node: string): void;
  /** A relay takes a track from another, until the returned function is called. */
  subscribed(relay: SimRelay, node: string, path: string, track: string): () => void;
}

export class World {
  readonly clock = new ManualClock();
  readonly network: MemoryNetwork;
  readonly defects: unknown[] = [];
  readonly relays = new Map<string, SimRelay>();
  readonly roots: readonly string[];
  readonly random: () => number;
  /** Preferred by every relay after its own. */
  regions: readonly string[] = [];
  readonly options: WorldOptions;
  /** Announcements that control sessions carried, both ways. */
  messages = 0;
  hops = 1n;

  constructor(roots: readonly string[], random: () => number, options: WorldOptions = {}) {
    this.roots = roots;
    this.options = options;
    this.random = random;
    this.network = new MemoryNetwork({ clock: this.clock, settings: { latencyMs: 5 } });
  }

  async start(node: string, role: Role, region = "eu"): Promise<SimRelay> {
    const startedAt = this.wallNow(node);
    const relay = new SimRelay(
      this,
      nodeInfo(node, role, { hop: this.hops++, region, startedAt, url: `https://${node}:1` }),
    );
    await relay.listen();
    this.relays.set(node, relay);
    return relay;
  }

  /** What time it is for a relay, in milliseconds since 1970. */
  wallNow(node: string): number {
    return EPOCH_MS + this.clock.now() + (this.options.skewMs?.(node) ?? 0);
  }

  relay(node: string): SimRelay {
    const relay = this.relays.get(node);
    if (relay === undefined) throw new Error(`no relay ${node}`);
    return relay;
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 25) {
      this.clock.advance(Math.min(25, left));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** A publisher or viewer at a relay. */
  async client(node: string): Promise<TestClient> {
    const broadcasts = new Broadcasts({ clock: this.clock, limits: LIMITS, cache: CACHE });
    let session: Session | undefined;
    const reports: SessionReport[] = [];
    const attach = liteSession(
      {
        broadcasts,
        clock: this.clock,
        limits: SESSION_LIMITS,
        channels: new ChannelRegistry(),
        hop: this.hops++,
        access: openAccess(""),
        defect: (error) => void this.defects.push(error),
        closed: (report) => void reports.push(report),
      },
      (started) => {
        session = started;
      },
    );
    const url = new URL(`https://${node}:1/`);
    const trust = { kind: "insecure" } as const;
    const options = { url, protocols: ["moq-lite-05"], trust, limits: CLIENT, timeoutMs: 2_000 };
    const dialled = this.network.engine().dial(options, attach);
    const state = { over: false };
    const settled = dialled.finally(() => {
      state.over = true;
    });
    settled.catch(() => {});
    while (!state.over) await this.pass(25);
    const link = await settled;
    if (session === undefined) throw new Error("no session");
    return new TestClient(broadcasts, session, link, reports);
  }
}

export class SimRelay {
  readonly info: NodeInfo;
  readonly counters = new Counters();
  readonly splices: FailoverCounters = { failovers: 0, splices: 0, groupsResumed: 0, groupsLost: 0 };
  readonly broadcasts: Broadcasts;
  readonly engine: MemoryEngine;
  readonly registry: Registry | undefined;
  readonly table: RouteTable;
  readonly peers: PeerLinks;
  readonly control: ControlClient;
  readonly tiers: Rootless;
  readonly mesh: Mesh;
  readonly #world: World;
  readonly #channels = new ChannelRegistry();
  #stop: () => Promise<void> = async () => {};

  constructor(world: World, info: NodeInfo) {
    this.#world = world;
    this.info = info;
    const { clock, random } = world;
    this.engine = world.network.engine();
    const limits = { ...LIMITS, subscribeWaitMs: 10_000 };
    this.broadcasts = new Broadcasts({ clock, counters: this.counters, limits, cache: CACHE });
    const clocks = new ClockBound({
      clock,
      wallNow: () => world.wallNow(info.node),
      refused: () => {},
      report: (node) => void world.defects.push(new Error(`${info.node} takes the clock of ${node} to be far ahead`)),
    });
    const registry =
      info.role === "root" || world.roots.includes(info.node)
        ? new Registry({ ...REGISTRY, clocks, clock, leaseMs: LEASE_MS, maxNodes: 1_000, maxHoldings: 100_000 })
        : undefined;
    this.registry = registry;
    this.peers = new PeerLinks({
      clock,
      random,
      lingerMs: LINGER_MS,
      dial: (node, on) => this.#dialPeer(node, on),
      changed: () => this.mesh.nodesChanged(),
    });
    this.table = new RouteTable({
      clocks,
      self: info,
      regions: world.regions,
      health: (node) => this.peers.health(node),
      changed: (path) => this.mesh.changed(path),
      nodesChanged: () => this.mesh.nodesChanged(),
      restarted: (name) => this.peers.forgive(name),
    });
    this.control = new ControlClient({
      ...CONTROL,
      clock,
      random,
      self: info,
      roots: world.roots.map((root) => `https://${root}:1/.moqmesh?node=${info.node}`),
      ...(registry && { local: () => new ControlSessionServer(registry) }),
      leaseMs: LEASE_MS,
      unreachable: () => {},
      defect: (error) => {
        throw error;
      },
      rooted: (up) => this.tiers.rooted(up),
      dial: (url, table, gone) => this.#dial(new URL(url), { table: this.#counted(table), announcePrefix: "" }, gone),
    });
    this.tiers = new Rootless({
      clock,
      links: this.peers,
      table: this.table,
      leaseMs: LEASE_MS,
      alone: world.roots.length === 0,
      refused: () => {},
      told: () => {},
    });
    this.mesh = new Mesh({
      clocks,
      self: info,
      broadcasts: this.broadcasts,
      clock,
      wallNow: () => world.wallNow(info.node),
      registrar: this.#registrar(),
      table: this.table,
      tiers: this.tiers,
      lingerMs: LINGER_MS,
      maxScopes: 1_000,
      redundant: ["twin"],
      cost: 0,
      source: (on) =>
        new MeshSource({ clock, peers: this.peers, ...patienceOf(info.role, HOLD_MS), counters: this.splices, ...on }),
      refused: () => {},
    });
  }

  async listen(): Promise<void> {
    const protocols = ["moqmesh-1", "moq-lite-05"];
    const options = { host: this.info.node, port: 1, protocols, certificate: CERTIFICATE, limits: CLIENT };
    const listener = await this.engine.listen(options, (request) => {
      const { access, table, announcePrefix, ownNumbers = false, started, ended } = this.#terms(request.info);
      const counted = table && this.#counted(table);
      request.accept((link) =>
        liteSession(
          this.#deps(
            {
              access,
              ownNumbers,
              ...(counted && { table: counted }),
              ...(announcePrefix !== undefined && { announcePrefix }),
            },
            (session, code) => ended?.(session, code),
          ),
          (session) => started?.(session),
        )(link),
      );
    });
    this.#stop = () => listener.close();
    this.control.start();
  }

  /** Its process is killed: nobody is told. */
  async kill(): Promise<void> {
    this.engine.vanish();
    this.control.close();
    this.mesh.close();
    this.peers.close();
    this.registry?.close();
    await this.#stop();
    this.broadcasts.close("closed");
    this.#world.relays.delete(this.info.node);
  }

  #terms(info: LinkInfo) {
    const cluster = info.path === "/.moqmesh" || info.query.includes("node=");
    const { registry } = this;
    return meshSessionPolicy(
      {
        limits: SESSION_LIMITS,
        announcements: this.mesh.announcements,
        firstHand: (path) => this.mesh.firstHand(path),
        roleOf: (name) => this.table.get(name)?.role,
        control: registry && ((options) => new ControlSessionServer(registry, { own: this.info.hop, ...options })),
      },
      info,
      {
        access: openAccess(""),
        expiresAt: undefined,
        cluster,
        granted: { publish: [""], subscribe: [""] },
        who: { subject: `relay ${new URLSearchParams(info.query).get("node")}` },
        check: () => undefined,
        release: () => {},
      },
    );
  }

  /** Counts what is heard: each announcement, change and end is one message. */
  #counted(table: AnnounceTable): AnnounceTable {
    const world = this.#world;
    return {
      list: (prefix) => table.list(prefix),
      watch: (prefix, watcher) =>
        table.watch(prefix, {
          changed: (broadcast) => {
            if (/^[bec]\//.test(broadcast.path)) world.messages++;
            watcher.changed(broadcast);
          },
          complete: () => watcher.complete?.(),
        }),
      publish: (path, advertisement, source) => table.publish(path, advertisement, source),
    };
  }

  #dialPeer(node: string, on: { gone: () => void; leaving: () => void }): Promise<Session> {
    const info = this.table.get(node);
    if (info === undefined || info.url === "") return Promise.reject(new Error("unknown"));
    const url = new URL(`https://${node}:1/?node=${this.info.node}&role=${this.info.role}`);
    const access = { ...openAccess(""), maySubscribe: () => false, watchable: () => [] };
    const identified = (hop: bigint) => this.table.met(node, hop);
    return this.#dial(url, { access, leaving: on.leaving, identified }, on.gone).then((session) =>
      this.#watched(session, node),
    );
  }

  /** The control client, with whoever checks the world between. */
  #registrar(): Registrar {
    const { control } = this;
    const { events } = this.#world.options;
    if (events === undefined) return control;
    return {
      hold: (holding) => {
        events.held(this, holding.path);
        control.hold(holding);
      },
      release: (path) => {
        events.released(this, path);
        control.release(path);
      },
      ask: (scope, sink) =>
        control.ask(scope, {
          node: (info) => sink.node(info),
          holding: (holding) => sink.holding(holding),
          complete: () => sink.complete(),
          nodeGone: (node) => {
            events.nodeGone(this, node);
            sink.nodeGone(node);
          },
          holdingGone: (path, node) => {
            // Of rivals also those go that the relay is no rival of any more.
            if (scope.kind !== "rivals") events.holdingGone(this, path, node);
            sink.holdingGone(path, node);
          },
        }),
    };
  }

  /** A session with another relay whose subscriptions are told to whoever checks the world. */
  #watched(session: Session, node: string): Session {
    const { events } = this.#world.options;
    if (events === undefined) return session;
    const { source } = session;
    const watched: Source = {
      hasInfo: source.hasInfo,
      info: (path, track, answer) => source.info(path, track, answer),
      fetch: (path, track, sequence, priority, writer) => source.fetch(path, track, sequence, priority, writer),
      subscribe: (path, track, options, sink) => {
        const over = events.subscribed(this, node, path, track);
        const upstream = source.subscribe(path, track, options, {
          info: (info) => sink.info(info),
          started: (sequence) => sink.started(sequence),
          group: (sequence) => sink.group(sequence),
          datagram: (sequence, timestamp, payload) => sink.datagram(sequence, timestamp, payload),
          dropped: (start, end) => sink.dropped(start, end),
          ended: (end) => sink.ended(end),
          closed: (reason) => {
            over();
            sink.closed(reason);
          },
        });
        return {
          update: (next) => upstream.update(next),
          cancel: () => {
            over();
            upstream.cancel();
          },
        };
      },
    };
    return {
      info: session.info,
      source: watched,
      announced: session.announced,
      follow: (prefix, table) => session.follow(prefix, table),
      traffic: () => session.traffic(),
      retry: () => session.retry(),
      goaway: (uri) => session.goaway(uri),
      close: (code, message) => session.close(code, message),
      end: (reason, message) => session.end(reason, message),
    };
  }

  async #dial(url: URL, terms: Partial<SessionDeps>, gone: () => void): Promise<Session> {
    let session: Session | undefined;
    const attach = liteSession(this.#deps(terms, gone), (started) => {
      session = started;
    });
    const trust = { kind: "insecure" } as const;
    const { network, options } = this.#world;
    const limits = { ...PEER, ...options.peer };
    const link = await this.engine.dial({ url, protocols: ["moqmesh-1"], trust, limits, timeoutMs: 1_000 }, attach);
    if (options.latencyMs !== undefined) network.wireOf(link).configure({ latencyMs: options.latencyMs() });
    if (session === undefined) throw new Error("no session");
    return session;
  }

  #deps(terms: Partial<SessionDeps>, closed: (session: Session, code: number) => void): SessionDeps {
    const world = this.#world;
    return {
      broadcasts: this.broadcasts,
      clock: world.clock,
      limits: {
        ...SESSION_LIMITS,
        announceStreams: 1_000,
        subscriptions: 1_000,
        pendingStreams: 1_000,
        groups: 1_000,
        unanswered: 16,
        requests: 2_000,
      },
      channels: this.#channels,
      hop: this.info.hop,
      access: openAccess(""),
      defect: (error) => void world.defects.push(error),
      ...terms,
      closed: ({ code }) => closed(NO_SESSION, code),
    };
  }
}

/** Whoever hears of a session's end here does not look at it. */
const NO_SESSION = {} as Session;
