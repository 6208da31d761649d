/** One whole relay of a simulated mesh. */
import {
  ClockBound,
  ControlClient,
  ControlSessionServer,
  type FailoverCounters,
  Mesh,
  MeshSource,
  type NodeInfo,
  PeerLinks,
  patienceOf,
  type Registrar,
  Registry,
  Rootless,
  RouteTable,
} from "../../cluster/index.ts";
import { Counters } from "../../moq/counters.ts";
import type { LinkInfo } from "../../moq/link.ts";
import { Broadcasts, type Source } from "../../moq/model/index.ts";
import {
  type AnnounceTable,
  ChannelRegistry,
  liteSession,
  openAccess,
  type Session,
  type SessionDeps,
} from "../../moq/session/index.ts";
import { meshSessionPolicy } from "../../relay/mesh/index.ts";
import type { MemoryEngine } from "../network/index.ts";
import { CACHE, CLIENT_LINK, HOLD_MS, LEASE_MS, LIMITS, LINGER_MS, PEER_LINK, SESSION_LIMITS } from "./settings.ts";
import type { World } from "./world.ts";

const CERTIFICATE = { cert: "", key: "" };

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
        ? new Registry({
            clocks,
            clock,
            leaseMs: LEASE_MS,
            maxNodes: 1_000,
            maxHoldings: 100_000,
            settleMs: 5_000,
            contested: () => {},
          })
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
      settleMs: 5_000,
      namesake: () => {},
      cut: () => {},
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
    const options = { host: this.info.node, port: 1, protocols, certificate: CERTIFICATE, limits: CLIENT_LINK };
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
    const limits = { ...PEER_LINK, ...options.peer };
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
        announceStreamsPerSession: 1_000,
        subscriptionsPerSession: 1_000,
        pendingStreamsPerSession: 1_000,
        groupsPerSession: 1_000,
        unansweredPerViewer: 16,
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
