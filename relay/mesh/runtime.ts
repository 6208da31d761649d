import { AuthError, type ListedRevocation, type Revocation } from "../../auth/index.ts";
import {
  type DnsEntry,
  dnsEntries,
  type LoadLink,
  MESH_LIMITS,
  MeshNode,
  MeshRefusal,
  type MeshSettings,
  meshLimits,
  type NodeInfo,
  type Protection,
  type Resolver,
  type SessionPolicy,
  type TenantDesk,
  type TenantUsage,
} from "../../cluster/index.ts";
import type { Clock } from "../../moq/clock.ts";
import { type Engine, type LinkInfo, TransportError } from "../../moq/link.ts";
import type { Broadcasts, Source } from "../../moq/model/index.ts";
import type { ChannelRegistry, Session, SessionLimits } from "../../moq/session/index.ts";
import { type Config, viewersUrl } from "../config/index.ts";
import {
  type Admission,
  busyThreads,
  type Defects,
  meshFault,
  type Prepared,
  redirectUri,
  type SessionHost,
} from "../host/index.ts";
import type { ClusterView } from "../http/index.ts";
import type { Logger } from "../log/index.ts";
import { VERSION } from "../version.ts";
import { type MeshCredentials, meshCredentials } from "./credentials.ts";
import { meshDial } from "./dial.ts";
import { meshLog } from "./log.ts";
import { replicateRegistry } from "./registry.ts";
import { meshRevocation, obey, type RevocationList } from "./revocations.ts";
import { attachMesh, clusterView } from "./view.ts";

export interface MeshRuntimeDeps {
  readonly config: Config["cluster"];
  readonly broadcasts: Broadcasts;
  readonly clock: Clock;
  readonly wallNow: () => number;
  readonly channels: ChannelRegistry;
  readonly hop: bigint;
  readonly limits: SessionLimits;
  /** `[server] experimental`. */
  readonly experimental: readonly string[];
  /** `[limits] sessions`; changes with a reload. */
  readonly maxSessions: () => number;
  readonly log: Logger;
  readonly defects: Defects;
  readonly quic: Engine;
  readonly websocket: Engine;
  readonly resolver: Resolver;
  readonly warn: (message: string, error?: unknown) => void;
  /** Tenants with metrics of their own. */
  readonly tenantSeries: number;
  /** The relay's list of revocations, and its tenants. */
  readonly gate: RevocationList & { readonly tenants: TenantUsage };
  /** Gives ids to the sessions that this relay opens. */
  readonly host: Pick<SessionHost, "newId">;
}

/** Milliseconds that a root has to say what another relay reported. */
const ASK_MS = 1_000;

/** What a relay reaches of its mesh. */
export interface MeshReach {
  readonly roots: { readonly known: number; readonly connected: number };
  /** Names of relays. */
  readonly upstreams: { readonly up: readonly string[]; readonly down: readonly string[] };
  /** Names of `[cluster] dns` without an answer. */
  readonly unresolved: readonly string[];
  /** Whether a shared registry is reached; undefined for a relay without one. */
  readonly registry: boolean | undefined;
}

/** A relay's part in its mesh: a node of the mesh, with the program's dials, credentials, registry and log. */
export class MeshRuntime {
  readonly #deps: MeshRuntimeDeps;
  readonly #credentials: MeshCredentials;
  /** Those of clients; shared with the node, which reads them for each new session. */
  readonly #limits: SessionLimits;
  readonly #node: MeshNode;
  #redirect: string | undefined;
  #closed = false;

  /** Rejects with a `TransportError` naming what of `[cluster]` cannot be used. Absent where no mesh is configured. */
  static async open(deps: MeshRuntimeDeps): Promise<MeshRuntime | undefined> {
    const { config, wallNow } = deps;
    if (config.node === undefined) return undefined;
    const entries = dnsEntries(config.dns);
    const fault = meshFault(deps.quic, config);
    if (fault !== undefined) throw new TransportError("cluster_unusable", `${fault.key}: ${fault.message}`);
    return new MeshRuntime(deps, config.node, entries, await meshCredentials(config, wallNow));
  }

  private constructor(deps: MeshRuntimeDeps, node: string, dns: readonly DnsEntry[], credentials: MeshCredentials) {
    const { config, clock, wallNow, log, defects, hop } = deps;
    const { role, region, parentRegion, url = "", peerTimeoutMs, heartbeatMs } = config;
    const self: NodeInfo = {
      node,
      hop,
      role,
      region,
      ...(parentRegion !== undefined && { parent: parentRegion }),
      url,
      publicUrl: viewersUrl(config),
      draining: false,
      startedAt: wallNow(),
      version: VERSION,
    };
    const { sessionQueueMark: queueMark } = meshLimits(deps.limits);
    this.#deps = deps;
    this.#limits = { ...deps.limits };
    this.#credentials = credentials;
    this.#redirect = config.redirect;
    this.#node = new MeshNode({
      ...deps,
      limits: this.#limits,
      self,
      settings: settingsOf(config, dns),
      bounds: MESH_LIMITS,
      machine: { maxSessions: deps.maxSessions, cpu: busyThreads(deps.quic, () => deps.clock.now()) },
      random: Math.random,
      nextId: () => deps.host.newId(),
      dial: meshDial({ ...deps, credentials, peerTimeoutMs, heartbeatMs, queueMark }),
      tokenExpiry: async () => credentials.expiry(await credentials.token()),
      replicate: (registry) => replicateRegistry(registry, { config, clock, log }),
      events: meshLog(log, defects),
      revocations: obey(deps.gate, deps.warn),
      tenants: deps.gate.tenants,
    });
    for (const entry of deps.gate.ownRevocations()) this.revoked(entry, true);
    attachMesh(deps.broadcasts.counters, () => this.view(), deps.tenantSeries, this.#node.root?.replicated?.counters);
  }

  /** To be called once the relay accepts sessions itself. */
  start(): void {
    this.#node.start();
  }

  /** Divides the limits of tenants between the relays; absent where no root is configured. */
  get tenants(): TenantDesk | undefined {
    return this.#node.tenants;
  }

  /** A revocation of this relay takes effect or ends: the roots announce that to all relays. */
  revoked(entry: Revocation, inForce: boolean): void {
    const revocation = meshRevocation(entry);
    if (revocation !== undefined) this.#node.revoked(revocation, inForce);
    else if (inForce) {
      this.#deps.warn("a revocation has a name that is too long for the mesh, so only this relay obeys it");
    }
  }

  /** Ends a revocation of another relay. False when that relay reports it to this root now, so that it has to be ended there. */
  endRevocation({ entry, from = "" }: ListedRevocation): boolean {
    const revocation = meshRevocation(entry);
    return revocation !== undefined && this.#node.endRevocation({ ...revocation, node: from });
  }

  /** What an admitted session may do. Throws `AuthError`. */
  sessionPolicy(info: LinkInfo, { access, cluster, who, granted }: Admission): SessionPolicy {
    try {
      const policy = this.#node.sessionPolicy(info, { access, cluster, subject: who.subject });
      return cluster || granted.publish.length > 0
        ? policy
        : { ...policy, started: (session) => this.#viewer(session) };
    } catch (cause) {
      if (cause instanceof MeshRefusal) throw new AuthError(cause.code, cause.message, { cause });
      throw cause;
    }
  }

  /** A client that may watch and not publish. */
  #viewer(session: Session): void {
    const { peer, path } = session.info;
    this.#node.viewer(peer.address, (url) => session.goaway(redirectUri(url, path)));
  }

  /** Reads the authorities and the key of `[cluster]` again, for new connections. True when one has changed. */
  async reloadTrust(): Promise<boolean> {
    return await this.#credentials.reload();
  }

  /** Reads what the live keys of `next` name, without using it yet. Rejects naming a file that cannot be used. */
  async prepare(next: Config["cluster"], limits: SessionLimits): Promise<Prepared> {
    const fault = meshFault(this.#deps.quic, next);
    if (fault !== undefined) throw new TransportError("cluster_unusable", fault.message);
    const { commit, discard } = await this.#credentials.prepare(next);
    return {
      commit: () => {
        const changed = commit();
        Object.assign(this.#limits, limits);
        this.#redirect = next.redirect;
        this.#node.learn(next.peers);
        this.#node.sources.hitless.use(next.hitless);
        return changed;
      },
      discard,
    };
  }

  /** Who this relay is, for the log. */
  get place(): { node: string; role: string; region: string; roots: readonly string[] } {
    const { node, role, region } = this.#node.self;
    return { node, role, region, roots: this.#deps.config.root };
  }

  /** Why the relay is not ready, as stable names. Media flows on without a root, so only the first one counts. */
  reasons(): string[] {
    const { control } = this.#node;
    const rootless = this.#deps.config.root.length > 0 && !control.reached;
    return [...(rootless ? ["no_root"] : []), ...(control.nameTaken ? ["node_taken"] : [])];
  }

  /** The name of the relay with this hop id. */
  nameOf(hop: bigint): string | undefined {
    return this.#node.routes.named(hop);
  }

  /** Milliseconds of the round trip to a relay to which a link is open. */
  rttOf(node: string): number | undefined {
    return this.#node.peers.session(node)?.figures().rttMs;
  }

  /** The links of a relay to those that it takes media from, as it last reported to a root. Empty where no root says so within a second. */
  async linksOf(node: string): Promise<readonly LoadLink[]> {
    if (node === this.#node.self.node) return [];
    const late = Promise.withResolvers<undefined>();
    const cancel = this.#deps.clock.timer(ASK_MS, () => late.resolve(undefined));
    try {
      const load = await Promise.race([this.#node.control.loadOf(node), late.promise]);
      return load?.links ?? [];
    } finally {
      cancel();
    }
  }

  /** The id in the log of the open link to a relay. */
  linkOf(node: string): string | undefined {
    return this.#node.linkId(node);
  }

  /** The relay that a track of the source is taken from now. */
  relayOf(source: Source, track: string): string | undefined {
    return this.#node.sources.relayOf(source, track);
  }

  /** How a track of the source is protected under a hitless prefix. */
  protectionOf(source: Source, track: string): Protection | undefined {
    return this.#node.sources.protectionOf(source, track);
  }

  /** What this relay cannot reach now, by the kind of its role in the mesh. */
  reach(): MeshReach {
    const { control, peers, unresolved, root } = this.#node;
    return {
      roots: { known: control.known, connected: control.connected },
      upstreams: { up: peers.up, down: peers.unreachable },
      unresolved,
      registry: root?.replicated?.connected,
    };
  }

  view(): ClusterView {
    return clusterView(this.#node);
  }

  /** Other relays open nothing new here from now on, and move what they take from here elsewhere. */
  drain(): void {
    this.#node.drain();
  }

  /** Takes back {@link drain}. */
  undrain(): void {
    this.#node.undrain();
  }

  /** URL that viewers are sent to while this relay drains; empty when no place is known. */
  refuge(): string {
    return this.#redirect ?? this.#node.routes.refuge()?.publicUrl ?? "";
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#node.leave();
    this.#node.close();
  }
}

function settingsOf(config: Config["cluster"], dns: readonly DnsEntry[]): MeshSettings {
  const { root: roots, role, serveRoot, peers, connect: externals, regions, hashDepth, redundant } = config;
  const { hitless, cost, busy, egress, redirectBusy: redirects, dnsIntervalMs, leaseMs, holdMs, lingerMs } = config;
  const { peerTimeoutMs, heartbeatMs, probeAfterMs, rampMs, returnAfterMs: returnMs, warmLinks } = config;
  const silences = { peerTimeoutMs, heartbeatMs, probeAfterMs };
  const times = { dnsIntervalMs, leaseMs, holdMs, lingerMs, rampMs, returnMs, ...silences };
  return {
    roots,
    isRoot: role === "root" || serveRoot,
    peers,
    dns,
    externals,
    regions,
    hashDepth,
    busyAt: busy / 100,
    bitsOut: egress * 8,
    redirects,
    redundant,
    hitless,
    cost,
    warmLinks,
    ...times,
  };
}
