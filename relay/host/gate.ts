import { isDeepStrictEqual } from "node:util";
import {
  Addresses,
  type AdminGrant,
  AuthError,
  Authenticator,
  type AuthOptions,
  type AuthRules,
  type AuthServices,
  type Grant,
  isLoopback,
  type KeyEditor,
  type ListedRevocation,
  type PeerCertificate,
  type Revocation,
  type Seat,
  type TenantLimits,
  type UnsavedKey,
  type Warn,
} from "../../auth/index.ts";
import type { Clock } from "../../moq/clock.ts";
import type { LinkInfo } from "../../moq/link.ts";
import { counter, gauge, metricGroup } from "../../moq/metrics.ts";
import type { Access } from "../../moq/session/index.ts";
import { type Config, ConfigError, publicPrefixes } from "../config/index.ts";
import type { Plane } from "./client-authorities.ts";
import type { ClusterPlane } from "./cluster-plane.ts";
import { credentialsOf, isForeign, isProxied } from "./credentials.ts";
import { earlier } from "./expiry.ts";
import { type AccessDeps, accessOf } from "./granted-access.ts";
import type { Prepared } from "./prepared.ts";
import { type TenantDivision, TenantSeats } from "./tenant-seats.ts";

/** An admitted client. */
export interface Admission {
  readonly access: Access;
  /** Absolute prefixes that it may publish and watch. */
  readonly granted: { readonly publish: readonly string[]; readonly subscribe: readonly string[] };
  /** When it expires, in milliseconds since 1970. */
  readonly expiresAt: number | undefined;
  /** True for a relay of the mesh. */
  readonly cluster: boolean;
  /** Its identity for the log; not secret. */
  readonly who: { readonly subject?: string; readonly tokenId?: string; readonly keyId?: string };
  /** Counts it among the sessions of its tenant. */
  readonly seat?: Seat;
  /** Why it no longer holds; undefined while it does. */
  check(): "token_expired" | "token_revoked" | undefined;
  /** Call this when its session has ended or never began. */
  release(): void;
}

/** Admits or refuses clients. */
export interface Gate {
  /** Throws or rejects with `AuthError`; any other error is a defect. `root` is the decoded path of the URL. */
  admit(info: LinkInfo, root: string, plane: Plane): Admission | Promise<Admission>;
}

/** The part of the configuration that decides on clients. */
export type GateConfig = Pick<Config, "auth" | "policies">;

export interface AuthGateDeps {
  readonly config: GateConfig;
  readonly cluster: ClusterPlane;
  readonly clock: Clock;
  readonly wallNow: () => number;
  readonly warn: Warn;
  /** Called when a revocation of this relay itself takes effect, or ends. */
  readonly ownRevocation?: (entry: Revocation, inForce: boolean) => void;
  /** Called when admissions may no longer hold: check each. */
  readonly changed: () => void;
  /** Called with an unexpected error while a running session's tokens are checked. */
  readonly defect?: (error: unknown) => void;
  /** What divides the limits of tenants between relays; absent: they hold at this relay alone. */
  readonly division?: () => TenantDivision | undefined;
}

export const AUTH_METRICS = metricGroup("Authentication", {
  keys: gauge("auth_keys", "Keys that the relay verifies tokens with."),
  revocations: gauge("auth_revocations", "Revocations that are in force."),
  fileFailures: counter(
    "auth_file_failures_total",
    "Times that the relay could not read or use a file or folder of keys or revocations.",
  ),
});

/** The gate of a configuration: it applies limits of addresses, then tokens or public access, then limits of tenants. */
export class AuthGate implements Gate {
  readonly #deps: AuthGateDeps;
  #config: GateConfig;
  readonly #addresses: Addresses;
  /** The sessions of tenants, and what they use. */
  readonly tenants: TenantSeats;
  #auth: Authenticator | undefined;

  constructor(deps: AuthGateDeps) {
    const { config, clock } = deps;
    this.#deps = deps;
    this.#config = config;
    const { division = () => undefined } = deps;
    const { auth } = config;
    this.tenants = new TenantSeats({ clock, division }, tenantLimits(auth), auth.tenantLimits === "mesh");
    this.#addresses = new Addresses(addressLimits(auth), () => clock.now());
  }

  /** Reads keys and revocations. Rejects when a configured file cannot be used. */
  async open(): Promise<void> {
    this.#auth = await this.#open(this.#config);
  }

  /**
   * Reads what `next` names, without using it yet. Keys, URLs and files are opened again only when their settings differ. Rejects with a
   * `ConfigError` when something cannot be used.
   */
  async prepare(next: GateConfig): Promise<Prepared> {
    const same = isDeepStrictEqual(sourcesOf(next.auth), sourcesOf(this.#config.auth));
    const opened = same ? undefined : await this.#open(next, this.#auth);
    const fault = opened?.keyUrlFault;
    if (fault !== undefined) {
      opened?.close();
      throw new ConfigError([{ code: "bad_value", key: "auth.key_url", message: fault, origin: { kind: "default" } }]);
    }
    return {
      commit: () => {
        this.#use(next, opened);
        return false;
      },
      discard: () => opened?.close(),
    };
  }

  #use(next: GateConfig, opened: Authenticator | undefined): void {
    const before = this.#auth;
    this.#config = next;
    this.tenants.setLimits(tenantLimits(next.auth), next.auth.tenantLimits === "mesh");
    this.#addresses.setLimits(addressLimits(next.auth));
    if (opened === undefined) {
      before?.setRules(rulesOf(next));
      // Sessions whose token revalidates may be over.
      this.#deps.changed();
      return;
    }
    if (before !== undefined) opened.replace(before);
    this.#auth = opened;
    // Sessions whose key is gone end.
    this.#deps.changed();
  }

  async #open(settings: GateConfig, before?: Authenticator): Promise<Authenticator> {
    const { clock, wallNow, warn, changed } = this.#deps;
    const { auth: config } = settings;
    const { key, keyFile, keyDir, keyUrl, api, revocations } = config;
    const options: AuthOptions = {
      clock: { now: () => clock.now(), wallNow, timer: (delayMs, callback) => clock.timer(delayMs, callback) },
      fetch: (url, init) => fetch(url, init),
      warn,
      changed,
      ownRevocation: (entry, inForce) => this.#deps.ownRevocation?.(entry, inForce),
      ...(key !== undefined && { keyText: key }),
      ...(keyFile !== undefined && { keyFile }),
      ...(keyDir !== undefined && { keyFolder: keyDir }),
      ...(keyUrl !== undefined && {
        keyUrl: {
          url: new URL(keyUrl),
          refreshMs: config.keyUrlRefreshMs,
          cooldownMs: config.keyUrlCooldownMs,
          keepMs: config.keyUrlKeepMs,
        },
      }),
      ...(api !== undefined && {
        api: { url: new URL(api), timeoutMs: config.apiTimeoutMs, cacheMs: config.apiCacheMs },
      }),
      ...(revocations !== undefined && { revocationFile: revocations }),
      fileKeepMs: config.fileKeepMs,
      ...rulesOf(settings),
    };
    return await Authenticator.open(options, before);
  }

  get #opened(): Authenticator {
    if (this.#auth === undefined) throw new AuthError("busy", "this relay is still starting: try again");
    return this.#auth;
  }

  close(): void {
    this.#auth?.close();
  }

  /** What {@link AUTH_METRICS} are read from; nothing until the gate is open. */
  get metrics(): Readonly<Record<keyof typeof AUTH_METRICS.metrics, number>> | undefined {
    return this.#auth;
  }

  /** The state of the services that tokens are checked with. */
  services(): AuthServices {
    return this.#auth?.services() ?? {};
  }

  /** Stable names of reasons against readiness: the relay may miss that a key was removed or a token revoked. */
  reasons(): string[] {
    return this.#auth?.blindness() ?? [];
  }

  async revoke(entry: Revocation): Promise<void> {
    await this.#auth?.revoke(entry);
  }

  /** Ends a revocation of this relay. False when it has no such entry. Rejects with a `RevocationError` when its file cannot be written. */
  async restore(entry: Revocation): Promise<boolean> {
    return await this.#opened.restore(entry);
  }

  /** Lists and changes the keys that verify tokens. Throws `AuthError` `busy` until the gate is open. */
  get keys(): KeyEditor {
    return this.#opened.keyEditor;
  }

  /** Keys that were added or removed while the relay runs, and that no file has. */
  unsavedKeys(): readonly UnsavedKey[] {
    return this.#auth?.keyEditor.unsaved() ?? [];
  }

  /** Every revocation in force, those of other relays included. */
  *listRevocations(): Generator<ListedRevocation> {
    yield* this.#auth?.listRevocations() ?? [];
  }

  /** The revocations of this relay itself. */
  *ownRevocations(): Generator<Revocation> {
    yield* this.#auth?.ownRevocations() ?? [];
  }

  /** The relay `from` of the mesh revoked. `source` identifies the entry for {@link unlearnRevocation}. False when the list is full. */
  learnRevocation(source: string, entry: Revocation, from: string): boolean {
    return this.#auth?.learnRevocation(source, entry, from) ?? false;
  }

  unlearnRevocation(source: string): void {
    this.#auth?.unlearnRevocation(source);
  }

  /** Verifies a token for the admin API. Rejects with `AuthError`, `admin_required` for a token without the `admin` claim. */
  async verifyAdmin(token: string): Promise<AdminGrant> {
    return await this.#opened.verifyAdmin(token);
  }

  async admit(info: LinkInfo, root: string, plane: Plane): Promise<Admission> {
    const auth = this.#opened;
    const { address } = info.peer;
    const leave = this.#addresses.enter(address);
    try {
      const credentials = credentialsOf(info);
      const loopback = isLoopback(address) && !isProxied(info);
      const foreign = isForeign(info);
      const origin = info.headers.get("origin");
      const certificate = this.#deps.cluster.relayCertificate(info, plane);
      const visitor = { path: root, ...credentials, transport: info.binding, loopback, origin, foreign, certificate };
      const grant = await auth.admit(visitor);
      const { cluster, identity } = grant;
      this.#deps.cluster.check({ cluster, subject: identity?.sub, certificate }, info, plane);
      // Relays of the mesh are no clients of a tenant.
      const seat = cluster ? undefined : await this.tenants.enter(grant.tenant);
      return admission(
        () => this.#auth ?? auth,
        grant,
        this.#requests(info, root),
        cluster ? certificate : undefined,
        seat,
        () => {
          leave();
          seat?.leave();
        },
      );
    } catch (error) {
      leave();
      if (error instanceof AuthError && error.guess) this.#addresses.guessed(address);
      throw error;
    }
  }

  /** Decides on the tokens of requests of a session. A client that guesses is slowed down like one that opens sessions. */
  #requests({ binding, peer: { address } }: LinkInfo, path: string): AccessDeps {
    return {
      wallNow: this.#deps.wallNow,
      defect: (error) => this.#deps.defect?.(error),
      admit: async (tokens, action, target) => {
        const auth = this.#opened;
        try {
          const about = target === undefined ? {} : { target };
          const grant = await auth.admitRequest({ tokens, path, transport: binding, action, ...about });
          return grant && { grant, check: () => (this.#auth ?? auth).check(grant) };
        } catch (error) {
          if (error instanceof AuthError && error.guess) this.#addresses.guessed(address);
          throw error;
        }
      },
    };
  }
}

/** `certificate`: that of a relay. Its powers end with it, and its name is in it, whatever its token says. */
function admission(
  auth: () => Authenticator,
  grant: Grant,
  requests: AccessDeps,
  certificate: PeerCertificate | undefined,
  seat: Seat | undefined,
  release: () => void,
): Admission {
  const { publish, subscribe, cluster, identity } = grant;
  const subject = identity?.sub ?? certificate?.subject;
  return {
    access: accessOf(grant, requests),
    granted: { publish, subscribe },
    expiresAt: earlier(grant.expiresAt, certificate?.notAfter),
    cluster,
    ...(seat !== undefined && { seat }),
    who: {
      ...(subject !== undefined && { subject }),
      ...(identity?.jti !== undefined && { tokenId: identity.jti }),
      ...(identity?.kid !== undefined && { keyId: identity.kid }),
    },
    check: () => auth().check(grant),
    release,
  };
}

/** The settings whose change opens keys, URLs and files again. */
function sourcesOf(config: Config["auth"]): readonly unknown[] {
  const { key, keyFile, keyDir, fileKeepMs } = config;
  const { keyUrl, keyUrlRefreshMs, keyUrlCooldownMs, keyUrlKeepMs, api, apiTimeoutMs, apiCacheMs } = config;
  const urls = [keyUrl, keyUrlRefreshMs, keyUrlCooldownMs, keyUrlKeepMs, api, apiTimeoutMs, apiCacheMs];
  return [key, keyFile, keyDir, fileKeepMs, ...urls];
}

function rulesOf(settings: GateConfig): AuthRules {
  const { origins, issuers, audiences, clockSkewMs: skewMs, maxLifeMs, onKeyRemoved } = settings.auth;
  const { tokens: kinds, proofWindowMs } = settings.auth;
  const [subscribe, publish] = [publicPrefixes(settings, "publicSubscribe"), publicPrefixes(settings, "publicPublish")];
  return {
    publicSubscribe: subscribe.open,
    closedSubscribe: subscribe.closed,
    publicPublish: publish.open,
    closedPublish: publish.closed,
    origins,
    rules: { issuers, audiences, skewMs, maxLifeMs },
    kinds,
    proofWindowMs,
    closeOnKeyRemoval: onKeyRemoved === "close",
  };
}

function tenantLimits(config: Config["auth"]): TenantLimits {
  return {
    sessions: config.sessionsPerTenant,
    broadcasts: config.broadcastsPerTenant,
    subscriptions: config.subscriptionsPerTenant,
    ingress: config.ingressPerTenant,
    egress: config.egressPerTenant,
  };
}

function addressLimits(config: Config["auth"]): ConstructorParameters<typeof Addresses>[0] {
  return {
    sessions: config.sessionsPerAddress,
    handshakesPerSecond: config.handshakesPerAddress,
    allow: config.allow,
    deny: config.deny,
    limitLoopback: config.limitLoopback,
  };
}
