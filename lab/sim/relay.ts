/** One whole relay of a simulated mesh: the program's own node of the mesh and sessions, over the simulated network. */
import {
  type MeshDial,
  MeshNode,
  type MeshNodeEvents,
  type MeshSettings,
  type NodeInfo,
  type Visitor,
} from "../../cluster/index.ts";
import { Counters } from "../../moq/counters.ts";
import type { LinkInfo, LinkRequest } from "../../moq/link.ts";
import { Broadcasts } from "../../moq/model/index.ts";
import {
  type AnnounceTable,
  ChannelRegistry,
  EXPERIMENTAL_PROTOCOLS,
  MESH_PROTOCOLS,
  openAccess,
  protocols,
  type Session,
  startSession,
} from "../../moq/session/index.ts";
import type { MemoryEngine, Wire } from "../network/index.ts";
import { counted, probe } from "./probe.ts";
import {
  CACHE,
  CLIENT_LINK,
  LIMITS,
  MESH_BOUNDS,
  PEER_LINK,
  PROBE_AFTER_MS,
  SESSION_LIMITS,
  TIMES,
} from "./settings.ts";
import type { Surroundings } from "./surroundings.ts";
import { SimTenants } from "./tenants.ts";

const CERTIFICATE = { cert: "", key: "" };
const DIAL_TIMEOUT_MS = 1_000;

export class SimRelay {
  readonly info: NodeInfo;
  readonly counters = new Counters();
  readonly broadcasts: Broadcasts;
  /** Present where tenants have limits. */
  readonly tenants: SimTenants | undefined;
  readonly engine: MemoryEngine;
  readonly mesh: MeshNode;
  /** Revocations of other relays, as this relay obeys them now. */
  readonly revoked = new Set<string>();
  readonly #world: Surroundings;
  readonly #channels = new ChannelRegistry();
  /** Of the links that it dialled last, by the relay that they lead to. */
  readonly #wires = new Map<string, Wire>();
  /** Cancel the ends of sessions whose token expires later. */
  readonly #expiries = new Set<() => void>();
  #ids = 0;
  #stop: () => Promise<void> = async () => {};

  constructor(world: Surroundings, info: NodeInfo) {
    this.#world = world;
    this.info = info;
    const { clock, random } = world;
    const { events, tenantLimit } = world.options;
    this.engine = world.network.engine();
    this.tenants = tenantLimit && new SimTenants(tenantLimit, () => this.mesh.tenants);
    this.broadcasts = new Broadcasts({ clock, counters: this.counters, limits: LIMITS, cache: CACHE });
    this.mesh = new MeshNode({
      self: info,
      settings: settingsOf(world, info),
      bounds: MESH_BOUNDS,
      broadcasts: this.broadcasts,
      channels: this.#channels,
      limits: SESSION_LIMITS,
      clock,
      wallNow: () => world.wallNow(info.node),
      random,
      dial: this.#dial,
      nextId: () => `${info.node}-${++this.#ids}`,
      tokenExpiry: async () => this.#tokenExpiry(),
      resolver: { addresses: async () => [], services: async () => [] },
      events: eventsOf(world, info),
      revocations: {
        revoked: ({ text }) => void this.revoked.add(text),
        ended: ({ text }) => void this.revoked.delete(text),
      },
      machine: { maxSessions: () => world.options.maxSessions?.(info.node) ?? 0, cpu: () => 0 },
      tenants: this.tenants,
      ...(events && { probe: probe(info.node, events) }),
    });
  }

  async listen(): Promise<void> {
    const offered = [...this.#meshProtocols, ...protocols(EXPERIMENTAL_PROTOCOLS)];
    const options = {
      host: this.info.node,
      port: 1,
      protocols: offered,
      certificate: CERTIFICATE,
      limits: CLIENT_LINK,
    };
    const listener = await this.engine.listen(options, (request) => this.#accept(request));
    this.#stop = () => listener.close();
    this.mesh.start();
  }

  get #meshProtocols(): readonly string[] {
    return this.#world.options.meshProtocols?.(this.info.node) ?? MESH_PROTOCOLS;
  }

  /** The wire of its link to another relay. Throws where it has never dialled that one. */
  wireTo(node: string): Wire {
    const wire = this.#wires.get(node);
    if (wire === undefined) throw new Error(`${this.info.node} has not dialled ${node}`);
    return wire;
  }

  /** Its process is killed: it says nothing to other relays. */
  async kill(): Promise<void> {
    this.engine.vanish();
    for (const cancel of this.#expiries) cancel();
    this.mesh.close();
    await this.#stop();
    this.broadcasts.close("closed");
    this.#world.killed(this.info.node);
  }

  /** Admits every session, and serves it by the policy of the mesh. */
  #accept(request: LinkRequest): void {
    const world = this.#world;
    const { info } = request;
    const visitor = visitorOf(info);
    const policy = this.mesh.sessionPolicy(info, visitor);
    const { access, table, announcePrefix, ownNumbers, limits, started, ended } = policy;
    let session: Session | undefined;
    let cancelExpiry = () => {};
    request.accept(
      startSession(
        {
          broadcasts: this.broadcasts,
          ...(table && { table: counted(world.options.oldRoots === true ? withoutTenants(table) : table, world) }),
          clock: world.clock,
          limits: limits ?? SESSION_LIMITS,
          channels: this.#channels,
          hop: this.info.hop,
          access,
          ...(announcePrefix !== undefined && { announcePrefix }),
          ...(ownNumbers !== undefined && { ownNumbers }),
          defect: (error) => void world.defects.push(error),
          closed: ({ code }) => {
            cancelExpiry();
            if (session !== undefined) ended?.(session, code);
          },
        },
        (begun) => {
          session = begun;
          if (visitor.cluster) cancelExpiry = this.#expire(begun);
          started?.(begun);
          if (!visitor.cluster) this.mesh.viewer(info.peer.address, (url) => begun.goaway(url));
        },
      ),
    );
  }

  /** Ends the session of another relay when its token expires. */
  #expire(session: Session): () => void {
    const { clock, options } = this.#world;
    if (options.tokenLifeMs === undefined) return () => {};
    const cancelTimer = clock.timer(options.tokenLifeMs, () => {
      this.#expiries.delete(cancelTimer);
      session.end("token_expired", "the token has expired");
    });
    this.#expiries.add(cancelTimer);
    return () => {
      this.#expiries.delete(cancelTimer);
      cancelTimer();
    };
  }

  /** When a token that the relay makes now expires. */
  #tokenExpiry(): number | undefined {
    const { tokenLifeMs } = this.#world.options;
    return tokenLifeMs === undefined ? undefined : this.#world.wallNow(this.info.node) + tokenLifeMs;
  }

  readonly #dial: MeshDial = async ({ url, protocols }, attach) => {
    const { network, options } = this.#world;
    const trust = { kind: "insecure" } as const;
    const limits = { ...PEER_LINK, ...options.peer };
    const expiresAt = this.#tokenExpiry();
    const offered = protocols.filter((one) => !MESH_PROTOCOLS.includes(one) || this.#meshProtocols.includes(one));
    const target = { url, protocols: offered, trust, limits, timeoutMs: DIAL_TIMEOUT_MS };
    const link = await this.engine.dial(target, attach);
    const wire = network.wireOf(link);
    this.#wires.set(url.hostname, wire);
    const latencyMs = options.latencyMs?.(this.info.node, url.hostname);
    if (latencyMs !== undefined) wire.configure({ latencyMs });
    return { expiresAt };
  };
}

function settingsOf({ roots, regions, options }: Surroundings, info: NodeInfo): MeshSettings {
  const { node, role } = info;
  return {
    roots: roots.map((root) => `https://${root}:1/`),
    isRoot: role === "root" || roots.includes(node),
    peers: [],
    dns: [],
    dnsIntervalMs: 0,
    externals: [],
    regions,
    hashDepth: 0,
    busyAt: 0.85,
    redirects: true,
    bitsOut: 0,
    redundant: ["twin"],
    hitless: options.hitless ?? [],
    cost: 0,
    ...TIMES,
    peerTimeoutMs: options.peer?.idleTimeoutMs ?? PEER_LINK.idleTimeoutMs,
    heartbeatMs: options.peer?.keepAliveMs ?? PEER_LINK.keepAliveMs,
    probeAfterMs: PROBE_AFTER_MS,
    warmLinks: 4,
    ...options.settings?.(info),
  };
}

/** Every relay of the simulation has a token with its name. */
function visitorOf({ path, query }: LinkInfo): Visitor {
  const node = new URLSearchParams(query).get("node");
  const cluster = path === "/.moqmesh" || node !== null;
  return { access: openAccess(""), cluster, subject: node === null ? undefined : `relay ${node}` };
}

/** What the program logs is of no interest here, but for what must never happen. */
function eventsOf({ defects }: Surroundings, { node: self }: NodeInfo): MeshNodeEvents {
  const ignored = () => {};
  const defect = (error: unknown) => void defects.push(error);
  return {
    rootReached: ignored,
    rootUnreachable: ignored,
    answerCut: ignored,
    rootless: ignored,
    parentIgnored: ignored,
    relayReached: ignored,
    relayUnreachable: ignored,
    externalReached: ignored,
    externalUnreachable: ignored,
    notIdentified: ignored,
    relaySuspected: ignored,
    relayAnswers: ignored,
    dnsTrouble: ignored,
    sessionClosed: ignored,
    tokenExpires: (peer) => defect(new Error(`${self} has no newer token for its session with ${peer}`)),
    namesake: ignored,
    nameContested: ignored,
    nodeUnnamed: ({ node }) => defect(new Error(`${self} reads no name in the token of ${node}`)),
    clockAhead: (node) => defect(new Error(`${self} takes the clock of ${node} to be far ahead`)),
    sessionDefect: defect,
    controlDefect: defect,
  };
}

/** The table of a root that knows nothing of tenants: it answers no question about them, and refuses what relays report. */
function withoutTenants(table: AnnounceTable): AnnounceTable {
  const isOfTenants = (path: string) => path === "t" || path.startsWith("t/");
  return {
    list: (prefix) => (isOfTenants(prefix) ? [] : table.list(prefix)),
    watch: (prefix, watcher, watchable) => {
      if (!isOfTenants(prefix)) return table.watch(prefix, watcher, watchable);
      watcher.complete?.();
      return () => {};
    },
    publish: (path, advertisement, source) =>
      isOfTenants(path) ? "unauthorized" : table.publish(path, advertisement, source),
  };
}
