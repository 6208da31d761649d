import { AuthApi } from "./api.ts";
import { authorize, type Permissions, rebase } from "./claims.ts";
import type { AuthClock } from "./clock.ts";
import { AuthError } from "./error.ts";
import type { Fetch } from "./http.ts";
import { type FileSource, type Key, KeyRing, UrlKeys, watchKeyFile, watchKeyFolder } from "./keys/index.ts";
import { isSuspect, join, normalise } from "./paths.ts";
import { Granted, type Powers } from "./powers.ts";
import { type Revocation, Revocations } from "./revocations.ts";
import { readHeader, type TokenRules, type Verified, verifyToken } from "./verify.ts";

/** Tokens whose verification is under way at once: an RSA signature costs about 0.1 ms of one core. */
const MAX_UNDER_WAY = 512;

/** Milliseconds that a file is unseen before that is worth a word: files are written in steps, and folders replaced. */
const BLIND_AFTER_MS = 5_000;

export interface AuthOptions {
  readonly clock: AuthClock;
  readonly fetch: Fetch;
  readonly warn: (message: string, error?: unknown) => void;
  /** File with a JWK or a JWK set. */
  readonly keyFile?: string;
  /** Folder with a `KID.jwk` for each key. */
  readonly keyFolder?: string;
  readonly keyUrl?: {
    readonly url: URL;
    readonly refreshMs: number;
    readonly cooldownMs: number;
    readonly keepMs: number;
  };
  readonly api?: { readonly url: URL; readonly timeoutMs: number; readonly cacheMs: number };
  readonly revocationFile?: string;
  /** Milliseconds that what files said before is used while they cannot be read. */
  readonly fileKeepMs: number;
  /** Absolute prefixes that need no token; empty lists for none. */
  readonly publicSubscribe: readonly string[];
  readonly publicPublish: readonly string[];
  readonly rules: TokenRules;
  /** Sessions whose key was removed are over. */
  readonly closeOnKeyRemoval: boolean;
  /** Less may be allowed than before: every grant should be {@link Authenticator.check}ed. */
  readonly changed: () => void;
}

/** A client that asks to come in. */
export interface Visitor {
  /** Path of the URL, percent-decoded. */
  readonly path: string;
  readonly token: string | undefined;
  /** `webtransport`, `websocket` or the like, for the external service. */
  readonly transport: string;
  /** It comes from this machine, and not through a proxy. */
  readonly loopback: boolean;
  /** A page of another origin asks, or for a host name that is not of this machine. */
  readonly foreign?: boolean;
  /** The certificate that it proved to own, of an authority that was configured for relays of the mesh. */
  readonly certificate?: PeerCertificate | undefined;
}

/** A certificate of a relay of the mesh. */
export interface PeerCertificate {
  /** Its common name, or all of its subject where it has none. */
  readonly subject: string;
  /** SHA-256 of its DER, in hexadecimal. */
  readonly fingerprint: string;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
}

/** Who a token is of; nothing in it is secret. */
export interface Identity {
  readonly jti: string | undefined;
  readonly sub: string | undefined;
  readonly kid: string | undefined;
  /** The key that verified it; for {@link Authenticator.check} only. */
  readonly fingerprint: string;
  /** Its key is of the ring, not of the external service. */
  readonly ringed: boolean;
}

/** What a visitor may do. Paths are absolute and normalised; a prefix covers itself and what is under it. */
export interface Grant {
  readonly root: string;
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** It is a relay of the mesh: it may do everything. */
  readonly cluster: boolean;
  /** Milliseconds since 1970. */
  readonly expiresAt: number | undefined;
  /** First segment of the token's root, or else of the path. */
  readonly tenant: string;
  /** Nothing for public access. */
  readonly identity: Identity | undefined;
}

/** Answers who may do what, from keys, claims, public prefixes and the time. */
export class Authenticator {
  readonly #options: AuthOptions;
  readonly #ring: KeyRing;
  readonly #closers: (() => void)[] = [];
  readonly #keyFiles: FileSource[] = [];
  #urlKeys: UrlKeys | undefined;
  #api: AuthApi | undefined;
  #revocations: Revocations | undefined;
  #underWay = 0;

  private constructor(options: AuthOptions) {
    this.#options = options;
    this.#ring = new KeyRing(() => options.changed());
  }

  /** Rejects when a configured file cannot be used; a URL that does not answer is told and tried again. */
  static async open(options: AuthOptions): Promise<Authenticator> {
    const auth = new Authenticator(options);
    try {
      await auth.#open();
    } catch (error) {
      auth.close();
      throw error;
    }
    return auth;
  }

  /** Keys in use. */
  get keys(): number {
    return this.#ring.size;
  }

  get revocations(): number {
    return this.#revocations?.size ?? 0;
  }

  /** Times that a file or folder of keys or revocations could not be read or used. */
  get fileFailures(): number {
    return [...this.#keyFiles, this.#revocations?.source].reduce((sum, file) => sum + (file?.failures ?? 0), 0);
  }

  /** What this relay does not know at the moment, as stable names: a removed key or a revocation may go unseen. */
  blindness(): string[] {
    return [
      ...(this.#keyFiles.some((file) => this.#blindFor(file) >= BLIND_AFTER_MS) ? ["keys_unreadable"] : []),
      ...(this.#blindFor(this.#revocations?.source) >= BLIND_AFTER_MS ? ["revocations_unreadable"] : []),
    ];
  }

  /** Nothing is configured: only this machine itself is served. */
  get #unconfigured(): boolean {
    const { publicPublish, publicSubscribe } = this.#options;
    return !this.#takesTokens && publicPublish.length + publicSubscribe.length === 0;
  }

  get #takesTokens(): boolean {
    const { keyFile, keyFolder, keyUrl, api } = this.#options;
    return [keyFile, keyFolder, keyUrl, api].some((source) => source !== undefined);
  }

  close(): void {
    for (const close of this.#closers.splice(0)) close();
  }

  /** Decides on a visitor. Throws {@link AuthError}; anything else is a defect. */
  async admit(visitor: Visitor): Promise<Grant> {
    if (isSuspect(visitor.path)) throw new AuthError("path_invalid", "the path of the URL cannot be used");
    const root = normalise(visitor.path);
    // A token says more exactly what is asked for, so it goes first.
    if (visitor.certificate !== undefined && visitor.token === undefined) {
      return this.#admitPeer(visitor.certificate, root);
    }
    if (this.#api !== undefined) return await this.#admitByApi(this.#api, root, visitor);
    // Where nothing can verify tokens they are not looked at: they get what everybody gets.
    if (visitor.token !== undefined && this.#takesTokens) return await this.#admitToken(visitor.token, root);
    if (this.#unconfigured) {
      if (visitor.loopback && visitor.foreign !== true)
        return grantOf(Granted.within(undefined, ALL_PATHS), root, HERE);
      if (visitor.loopback) {
        throw new AuthError(
          "origin_refused",
          "this relay serves its own machine only, and neither pages of other origins nor other host names, until keys or public prefixes are configured",
        );
      }
      throw new AuthError(
        "not_configured",
        "this relay serves its own machine only until keys or public prefixes are configured",
      );
    }
    const { publicPublish, publicSubscribe } = this.#options;
    return open(root, root, rebase(publicPublish, root), rebase(publicSubscribe, root));
  }

  /** Why a grant that was given no longer holds, by the state of now; nothing while it does. */
  check({ identity, expiresAt }: Grant): "token_expired" | "token_revoked" | undefined {
    if (identity === undefined) return undefined;
    if (this.#revocations?.match(identity) !== undefined) return "token_revoked";
    const { closeOnKeyRemoval, clock } = this.#options;
    if (closeOnKeyRemoval && identity.ringed && !this.#ring.has(identity.fingerprint)) return "token_revoked";
    return expiresAt !== undefined && expiresAt <= clock.wallNow() ? "token_expired" : undefined;
  }

  /** Revokes at once. Rejects with a `RevocationError` when that does not last or was not possible. */
  async revoke(entry: Revocation): Promise<void> {
    await this.#revocations?.add(entry);
  }

  async #open(): Promise<void> {
    const { clock, warn, fetch, keyFile, keyFolder, keyUrl, api, revocationFile: file, fileKeepMs } = this.#options;
    const deps = { clock, warn, ring: this.#ring, keepMs: fileKeepMs };
    const changed = () => this.#options.changed();
    this.#revocations = await Revocations.open({ clock, warn, changed, ...(file !== undefined && { file }) });
    this.#closers.push(() => this.#revocations?.close());
    const watches = [
      ...(keyFile === undefined ? [] : [watchKeyFile(keyFile, deps)]),
      ...(keyFolder === undefined ? [] : [watchKeyFolder(keyFolder, deps)]),
    ];
    for (const opened of await Promise.allSettled(watches)) {
      if (opened.status === "rejected") throw opened.reason;
      this.#keyFiles.push(opened.value);
      this.#closers.push(() => opened.value.close());
    }
    if (keyUrl !== undefined) {
      const urlKeys = new UrlKeys({ ...deps, fetch, ...keyUrl });
      this.#urlKeys = urlKeys;
      this.#closers.push(() => urlKeys.close());
      await urlKeys.start();
    }
    if (api !== undefined) this.#api = new AuthApi({ clock, fetch, warn, ...api });
  }

  /** A relay of the mesh, by its certificate: everything, until the certificate ends or its subject is revoked. */
  #admitPeer({ subject, fingerprint, notAfter }: PeerCertificate, root: string): Grant {
    this.#checkRevocations();
    const identity = { jti: undefined, sub: subject, kid: undefined, fingerprint, ringed: false };
    const granted = Granted.within(undefined, { ...ALL_PATHS, cluster: true });
    const grant = grantOf(granted, root, HERE, { identity, expiresAt: notAfter });
    const over = this.check(grant);
    if (over !== undefined) throw new AuthError(over, "the client certificate does not hold any more");
    return grant;
  }

  async #admitToken(token: string, root: string): Promise<Grant> {
    const { kid } = readHeader(token);
    const key = await this.#keyFor(kid);
    return grantByToken(await this.#verified(token, key), key, { asked: root, at: root, ringed: true });
  }

  async #admitByApi(api: AuthApi, root: string, { token, transport }: Visitor): Promise<Grant> {
    const kid = token === undefined ? undefined : readHeader(token).kid;
    const answer = await api.ask({ root, kid, transport });
    const at = answer.alias === undefined ? root : normalise(answer.alias);
    if (token === undefined) {
      const relative = (list: readonly string[] = []) => list.map(normalise);
      return open(at, root, relative(answer.public?.publish), relative(answer.public?.subscribe));
    }
    if (answer.key === undefined) throw new AuthError("key_unknown", "the auth API has no key for the token");
    return grantByToken(await this.#verified(token, answer.key), answer.key, { asked: root, at, ringed: false });
  }

  /** Milliseconds that a file has not been seen for. */
  #blindFor(file: FileSource | undefined): number {
    return file?.blindSince === undefined ? 0 : this.#options.clock.now() - file.blindSince;
  }

  /** Throws {@link AuthError} where too much may have been revoked unseen. */
  #checkRevocations(): void {
    if (this.#blindFor(this.#revocations?.source) < this.#options.fileKeepMs) return;
    throw new AuthError("revocations_unavailable", "the file of what is revoked cannot be read");
  }

  async #keyFor(kid: string | undefined): Promise<Key> {
    if (this.#keyFiles.some((file) => this.#blindFor(file) >= this.#options.fileKeepMs)) {
      throw new AuthError("keys_unavailable", "the files of keys cannot be read");
    }
    let key = this.#ring.find(kid);
    if (this.#urlKeys !== undefined && (key === undefined || !this.#urlKeys.fresh)) {
      await this.#urlKeys.refresh();
      this.#urlKeys.check();
      key = this.#ring.find(kid);
    }
    if (key !== undefined) return key;
    if (this.#ring.size === 0) throw new AuthError("key_unknown", "there is no key here to verify tokens with");
    const which =
      kid === undefined ? "the token names no `kid`, and there are several keys" : "no key has the token's `kid`";
    throw new AuthError("key_unknown", which);
  }

  async #verified(token: string, key: Key): Promise<Verified> {
    const { rules, clock } = this.#options;
    this.#checkRevocations();
    if (this.#underWay >= MAX_UNDER_WAY) throw new AuthError("busy", "too many tokens are being verified");
    this.#underWay++;
    try {
      const verified = await verifyToken(token, key, rules, clock.wallNow());
      const { jti, sub } = verified.about;
      const by = this.#revocations?.match({ jti, sub, kid: key.kid });
      if (by !== undefined) throw new AuthError("token_revoked", `the token was revoked by its \`${by}\``);
      return verified;
    } finally {
      this.#underWay--;
    }
  }
}

/** No token is needed for it, so nothing but paths is in it. */
const NO_POWERS: Powers = { root: "", put: [], get: [], cluster: false };
const ALL_PATHS: Powers = { ...NO_POWERS, put: [""], get: [""] };
/** Everything under the path of the URL. */
const HERE: Permissions = { publish: [""], subscribe: [""] };

function open(root: string, asked: string, publish: readonly string[], subscribe: readonly string[]): Grant {
  if (publish.length + subscribe.length === 0) {
    throw new AuthError("token_missing", `a token is needed for /${asked}: \`jwt\` in the URL, or a Bearer`);
  }
  const granted = Granted.within(undefined, { ...NO_POWERS, put: [...publish], get: [...subscribe] });
  return grantOf(granted, root, { publish: granted.put, subscribe: granted.get });
}

/** `asked`: the path of the URL. `at`: what takes its place, where a service says so. */
function grantByToken(
  { granted, about: { jti, sub, exp } }: Verified,
  { kid, fingerprint }: Key,
  { asked, at, ringed }: { readonly asked: string; readonly at: string; readonly ringed: boolean },
): Grant {
  // A token of a relay of the mesh need not name paths.
  const bare = granted.cluster && granted.put.length + granted.get.length === 0;
  const paths = bare ? { publish: [], subscribe: [] } : authorize(granted, asked);
  const identity = { jti, sub, kid, fingerprint, ringed };
  return grantOf(granted, at, paths, { identity, expiresAt: exp === undefined ? undefined : exp * 1000 });
}

/** The one place where powers become a grant. `paths` are relative to `root`. */
function grantOf(
  granted: Granted,
  root: string,
  { publish, subscribe }: Permissions,
  who: Pick<Grant, "identity" | "expiresAt"> = { identity: undefined, expiresAt: undefined },
): Grant {
  return {
    root,
    publish: publish.map((prefix) => join(root, prefix)),
    subscribe: subscribe.map((prefix) => join(root, prefix)),
    cluster: granted.cluster,
    tenant: tenantOf(normalise(granted.root)) || tenantOf(root),
    ...who,
  };
}

function tenantOf(path: string): string {
  return path.split("/", 1)[0] ?? "";
}
