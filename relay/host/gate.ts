import {
  Addresses,
  type AdminGrant,
  AuthError,
  Authenticator,
  covers,
  type Grant,
  isLoopback,
  type ListedKey,
  type ListedRevocation,
  overlap,
  type PeerCertificate,
  type Revocation,
  type Seat,
  Tenants,
} from "../../auth/index.ts";
import type { Clock } from "../../moq/clock.ts";
import type { LinkInfo } from "../../moq/link.ts";
import { counter, gauge, metricGroup } from "../../moq/metrics.ts";
import type { Access } from "../../moq/session/index.ts";
import type { Config } from "../config/index.ts";
import type { Plane } from "./client-authorities.ts";
import type { ClusterPlane } from "./cluster-plane.ts";
import { isForeign, isProxied, tokenOf } from "./credentials.ts";
import { earlier } from "./expiry.ts";

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

export interface AuthGateDeps {
  readonly config: Config["auth"];
  readonly cluster: ClusterPlane;
  readonly clock: Clock;
  readonly wallNow: () => number;
  readonly warn: (message: string, error?: unknown) => void;
  /** Called when a revocation of this relay itself takes effect, or ends. */
  readonly ownRevocation?: (entry: Revocation, inForce: boolean) => void;
  /** Called when admissions may no longer hold: check each. */
  readonly changed: () => void;
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
  readonly #addresses: Addresses;
  readonly #tenants: Tenants;
  #auth: Authenticator | undefined;

  constructor(deps: AuthGateDeps) {
    const { config, clock } = deps;
    this.#deps = deps;
    this.#tenants = new Tenants(
      {
        sessions: config.sessionsPerTenant,
        broadcasts: config.broadcastsPerTenant,
        subscriptions: config.subscriptionsPerTenant,
        ingress: config.ingressPerTenant,
        egress: config.egressPerTenant,
      },
      () => clock.now(),
    );
    this.#addresses = new Addresses(
      {
        sessions: config.sessionsPerAddress,
        handshakesPerSecond: config.handshakesPerAddress,
        allow: config.allow,
        deny: config.deny,
        limitLoopback: config.limitLoopback,
      },
      () => clock.now(),
    );
  }

  /** Reads keys and revocations. Rejects when a configured file cannot be used. */
  async open(): Promise<void> {
    const { config, clock, wallNow, warn, changed } = this.#deps;
    const { key, keyDir, keyUrl, api, revocations } = config;
    this.#auth = await Authenticator.open({
      clock: { now: () => clock.now(), wallNow, timer: (delayMs, callback) => clock.timer(delayMs, callback) },
      fetch: (url, init) => fetch(url, init),
      warn,
      changed,
      ownRevocation: (entry, inForce) => this.#deps.ownRevocation?.(entry, inForce),
      ...(key !== undefined && { keyFile: key }),
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
      publicSubscribe: config.publicSubscribe,
      publicPublish: config.publicPublish,
      origins: config.origins,
      rules: {
        issuers: config.issuers,
        audiences: config.audiences,
        skewMs: config.clockSkewMs,
        maxLifeMs: config.maxLifeMs,
      },
      closeOnKeyRemoval: config.onKeyRemoved === "close",
    });
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

  /** The keys that verify tokens now, without their material. */
  *listKeys(): Generator<ListedKey> {
    yield* this.#auth?.listKeys() ?? [];
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
      const token = tokenOf(info);
      const loopback = isLoopback(address) && !isProxied(info);
      const foreign = isForeign(info);
      const origin = info.headers.get("origin");
      const certificate = this.#deps.cluster.relayCertificate(info, plane);
      const visitor = { path: root, token, transport: info.binding, loopback, origin, foreign, certificate };
      const grant = await auth.admit(visitor);
      const { cluster, identity } = grant;
      this.#deps.cluster.check({ cluster, subject: identity?.sub, certificate }, info, plane);
      const seat = this.#tenants.enter(grant.tenant);
      return admission(auth, grant, cluster ? certificate : undefined, seat, () => {
        leave();
        seat.leave();
      });
    } catch (error) {
      leave();
      if (error instanceof AuthError && error.guess) this.#addresses.guessed(address);
      throw error;
    }
  }
}

/** `certificate`: that of a relay. Its powers end with it, and its name is in it, whatever its token says. */
function admission(
  auth: Authenticator,
  grant: Grant,
  certificate: PeerCertificate | undefined,
  seat: Seat,
  release: () => void,
): Admission {
  const { root, publish, subscribe, cluster, identity } = grant;
  const subject = identity?.sub ?? certificate?.subject;
  return {
    access: {
      root,
      mayPublish: (path) => covers(publish, path),
      maySubscribe: (path) => covers(subscribe, path),
      watchable: (prefix) => overlap(subscribe, prefix),
      listable: (prefix) => overlap(subscribe, prefix),
    },
    granted: { publish, subscribe },
    expiresAt: earlier(grant.expiresAt, certificate?.notAfter),
    cluster,
    seat,
    who: {
      ...(subject !== undefined && { subject }),
      ...(identity?.jti !== undefined && { tokenId: identity.jti }),
      ...(identity?.kid !== undefined && { keyId: identity.kid }),
    },
    check: () => auth.check(grant),
    release,
  };
}
