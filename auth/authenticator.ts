import { AuthApi } from "./api.ts";
import { isCborText, isProof, Proofs, type ProvedRequest, presentedTexts } from "./cat/index.ts";
import {
  type AdminGrant,
  type AuthOptions,
  type AuthRules,
  type AuthServices,
  type PeerCertificate,
  PROOF_WINDOW_MS,
  type TokenRequest,
  type Visitor,
} from "./contract.ts";
import { AuthError } from "./error.ts";
import { ALL_PATHS, type Grant, grantByToken, grantOf, HERE, type PublicPaths, publicGrant } from "./grant.ts";
import {
  type FileSource,
  type Key,
  KeyEditor,
  KeyRing,
  UrlKeys,
  useKeyText,
  watchKeyFile,
  watchKeyFolder,
} from "./keys/index.ts";
import { Origins } from "./origins.ts";
import { isSuspect, join, normalise } from "./paths.ts";
import { Granted } from "./powers.ts";
import type { Revocation } from "./revocation.ts";
import { type ListedRevocation, Revocations } from "./revocations.ts";
import { isAccepted } from "./rules.ts";
import { Turns } from "./turns.ts";
import { readHeader, type Verified, verifyToken } from "./verify.ts";

/**
 * Tokens that are verified at once, those that wait for their turn, of up to 8 KiB each, and how many milliseconds they wait: an RSA signature costs about
 * 0.1 ms of one core, so these are a second of work.
 */
const MAX_VERIFIED = 512;
const MAX_WAITING = 10_000;
const WAIT_MS = 5_000;

/**
 * Milliseconds that a file may be unreadable before the relay reports it as unhealthy: editors write files in steps, and orchestrators
 * replace folders.
 */
const BLIND_AFTER_MS = 5_000;

/** Decides who may do what, from keys, claims, public prefixes and the time. */
export class Authenticator {
  #options: AuthOptions;
  readonly #ring: KeyRing;
  /** Lists and changes the keys. */
  readonly keyEditor: KeyEditor;
  #origins: Origins;
  readonly #closers: (() => void)[] = [];
  readonly #keyFiles: FileSource[] = [];
  #urlKeys: UrlKeys | undefined;
  #api: AuthApi | undefined;
  #revocations: Revocations | undefined;
  /** Closes them; false while another one, which this one is to replace, has them. */
  #ownsRevocations = false;
  readonly #turns: Turns;
  #proofs: Proofs;

  private constructor(options: AuthOptions) {
    this.#options = options;
    this.#ring = new KeyRing({
      removed: () => options.changed(),
      overridden: (kid, { name }) =>
        options.warn(
          `${name}: its key ${JSON.stringify(kid)} is not used: another key with this \`kid\` was added while the relay runs`,
          undefined,
          "key_not_used",
        ),
    });
    this.keyEditor = new KeyEditor({
      ring: this.#ring,
      clock: options.clock,
      warn: (message) => options.warn(message),
      options,
      watches: this.#keyFiles,
      revoked: (kid) => this.#revocations?.match({ jti: undefined, sub: undefined, kid }) !== undefined,
      usual: () => (this.#options.closeOnKeyRemoval ? "close" : "keep"),
    });
    this.#origins = new Origins(options.origins);
    const { clock } = options;
    const what = "clients wait until their tokens are verified";
    this.#proofs = new Proofs(clock);
    this.#turns = new Turns({ most: MAX_VERIFIED, waiting: MAX_WAITING, waitMs: WAIT_MS, clock, what });
  }

  /**
   * Rejects when a configured file cannot be used. A URL that does not answer is logged and retried. With `before`, the revocations are those
   * of `before`, which goes on until {@link replace}.
   */
  static async open(options: AuthOptions, before?: Authenticator): Promise<Authenticator> {
    const auth = new Authenticator(options);
    if (before !== undefined) auth.#revocations = before.#revocations;
    try {
      await auth.#open();
    } catch (error) {
      auth.close();
      throw error;
    }
    return auth;
  }

  /** Changes the rules for new sessions; the sources of keys stay. Sessions that run keep what they may do. */
  setRules(rules: AuthRules): void {
    this.#options = { ...this.#options, ...rules };
    this.#origins = new Origins(rules.origins);
  }

  /** Why the keys of the URL cannot be used now; undefined when they can, or there is no URL. */
  get keyUrlFault(): string | undefined {
    if (this.#urlKeys === undefined || this.#urlKeys.fresh) return undefined;
    return "the key set cannot be fetched or has no usable key";
  }

  /** Takes the place of `before`, which was given to {@link open}, and closes it. */
  replace(before: Authenticator): void {
    this.#ownsRevocations = true;
    before.#ownsRevocations = false;
    this.#ring.takeChanges(before.#ring);
    this.keyEditor.follow(before.keyEditor);
    this.#proofs = before.#proofs;
    before.close();
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

  /** Stable names of the sources that cannot be read now, so that a removed key or a revocation may be missed. */
  blindness(): string[] {
    return [
      ...(this.#keyFiles.some((file) => this.#blindFor(file) >= BLIND_AFTER_MS) ? ["keys_unreadable"] : []),
      ...(this.#blindFor(this.#revocations?.source) >= BLIND_AFTER_MS ? ["revocations_unreadable"] : []),
    ];
  }

  /** The state of the services that the configuration names; absent for those that it does not. */
  services(): AuthServices {
    const keys = this.#urlKeys;
    const api = this.#api;
    return {
      ...(keys !== undefined && { keyUrl: { failure: keys.failure, fresh: keys.fresh, ageMs: keys.ageMs } }),
      ...(api !== undefined && { api: { failure: api.failure, retry: () => api.retry() } }),
    };
  }

  /** True when nothing is configured: the relay then serves its own machine only. */
  get #unconfigured(): boolean {
    const { publicPublish, publicSubscribe } = this.#options;
    return !this.#takesTokens && publicPublish.length + publicSubscribe.length === 0;
  }

  get #takesTokens(): boolean {
    const { keyText, keyFile, keyFolder, keyUrl, api } = this.#options;
    return this.#ring.size > 0 || [keyText, keyFile, keyFolder, keyUrl, api].some((source) => source !== undefined);
  }

  close(): void {
    for (const close of this.#closers.splice(0)) close();
    if (this.#ownsRevocations) this.#revocations?.close();
  }

  /** Decides on a visitor. Throws {@link AuthError}; anything else is a defect. */
  async admit(visitor: Visitor): Promise<Grant> {
    if (isSuspect(visitor.path)) throw new AuthError("path_invalid", "the path of the URL cannot be used");
    if (!this.#origins.accepts(visitor.origin)) {
      throw new AuthError("origin_refused", "this relay does not serve pages of this origin");
    }
    const root = normalise(visitor.path);
    // A token is more specific than a certificate, so it decides where there are both.
    if (visitor.certificate !== undefined && visitor.token === undefined) {
      return this.#admitPeer(visitor.certificate, root);
    }
    if (this.#api !== undefined) return await this.#admitByApi(this.#api, root, visitor);
    // A relay without keys ignores tokens: their clients get public access.
    if (visitor.token !== undefined && this.#takesTokens) return await this.#admitToken(visitor, visitor.token, root);
    if (this.#unconfigured) {
      if (visitor.loopback && visitor.foreign !== true)
        return grantOf(Granted.within(undefined, ALL_PATHS), root, HERE);
      if (visitor.loopback) {
        throw new AuthError(
          "origin_refused",
          "until keys or public prefixes are configured, this relay serves its own machine only: no pages of other origins and no other host names",
        );
      }
      throw new AuthError(
        "not_configured",
        "until keys or public prefixes are configured, this relay serves its own machine only",
      );
    }
    const { publicPublish, publicSubscribe, closedPublish, closedSubscribe } = this.#options;
    return publicGrant(root, root, paths(publicPublish, closedPublish), paths(publicSubscribe, closedSubscribe));
  }

  /**
   * Decides on a request that brings a token, and a proof where the token is bound to a key. What the token permits counts for this request,
   * beside what the session may do; undefined where no token has a type that is known. Throws {@link AuthError}.
   */
  async admitRequest({ tokens, path, transport, action, target }: TokenRequest): Promise<Grant | undefined> {
    const texts = presentedTexts(tokens);
    if (texts.length === 0) return undefined;
    const [token, second] = texts.filter((text) => !isProof(text));
    const [proof, other] = texts.filter(isProof);
    if (token === undefined) throw new AuthError("token_missing", "the request has no token");
    if (second !== undefined || other !== undefined) {
      throw new AuthError("token_malformed", "the request has several tokens");
    }
    const root = normalise(path);
    const { kid } = readHeader(token);
    const answer = await this.#api?.ask({ root, kid, transport });
    const key = this.#api === undefined ? await this.#keyFor(kid) : answer?.key;
    if (key === undefined) throw new AuthError("key_unknown", "the auth API has no key for this token");
    const verified = await this.#verified(token, key);
    await this.#prove(verified, { token, proof, action, target });
    const at = answer?.alias === undefined ? root : normalise(answer.alias);
    return grantByToken(verified, key, { asked: root, at, ringed: this.#api === undefined });
  }

  /**
   * The right that a token has at the admin API. Only the keys of this relay count, never those of the auth API, which decides on sessions.
   * Throws {@link AuthError}: `admin_required` for a valid token without the `admin` claim, `token_revoked`, `token_expired` and the other
   * codes of a token.
   */
  async verifyAdmin(token: string): Promise<AdminGrant> {
    const key = await this.#keyFor(readHeader(token).kid);
    const { granted, about } = await this.#verified(token, key);
    if (granted.admin === undefined) {
      throw new AuthError("admin_required", "the token has no `admin` claim, so it permits nothing at the admin API");
    }
    const { jti, sub, exp } = about;
    const expiresAt = exp === undefined ? undefined : exp * 1000;
    return { right: granted.admin, subject: sub, id: jti, keyId: key.kid, expiresAt };
  }

  /** Why a grant no longer holds; undefined while it does. */
  check({ identity, expiresAt, revalidated }: Grant): "token_expired" | "token_revoked" | undefined {
    if (identity === undefined) return undefined;
    if (this.#revocations?.match(identity) !== undefined) return "token_revoked";
    const { clock, rules } = this.#options;
    if (revalidated !== undefined && !isAccepted(revalidated, rules)) return "token_revoked";
    if (identity.ringed && this.#hasLost(identity.fingerprint)) return "token_revoked";
    return expiresAt !== undefined && expiresAt <= clock.wallNow() ? "token_expired" : undefined;
  }

  /** Revokes at once. Rejects with a `RevocationError` when the list is full or the entry cannot be written to its file. */
  async revoke(entry: Revocation): Promise<void> {
    await this.#revocations?.add(entry);
  }

  /** Ends a revocation of this relay. False when it has no such entry. Rejects with a `RevocationError` when its file cannot be written. */
  async restore(entry: Revocation): Promise<boolean> {
    return (await this.#revocations?.remove(entry)) ?? false;
  }

  /** Every revocation in force, those of other relays included. */
  *listRevocations(): Generator<ListedRevocation> {
    yield* this.#revocations?.list() ?? [];
  }

  /** The revocations of this relay itself. */
  *ownRevocations(): Generator<Revocation> {
    yield* this.#revocations?.own() ?? [];
  }

  /** The relay `from` of the mesh revoked. `source` identifies the entry for {@link unlearnRevocation}. False when the list is full. */
  learnRevocation(source: string, entry: Revocation, from: string): boolean {
    return this.#revocations?.learn(source, entry, from) ?? false;
  }

  unlearnRevocation(source: string): void {
    this.#revocations?.unlearn(source);
  }

  async #open(): Promise<void> {
    const { clock, warn, fetch, keyFile, keyFolder, keyUrl, api, fileKeepMs } = this.#options;
    const { keyText, revocationFile: file } = this.#options;
    const deps = { clock, warn, ring: this.#ring, keepMs: fileKeepMs };
    const changed = () => this.#options.changed();
    const own = (entry: Revocation, inForce: boolean) => this.#options.ownRevocation(entry, inForce);
    if (this.#revocations === undefined) {
      this.#ownsRevocations = true;
      this.#revocations = await Revocations.open({ clock, warn, changed, own, ...(file !== undefined && { file }) });
    }
    if (keyText !== undefined) useKeyText(keyText, "the key of [auth] key", deps);
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

  /** A relay of the mesh that shows its certificate may do everything, until the certificate expires or its subject is revoked. */
  #admitPeer({ subject, fingerprint, notAfter }: PeerCertificate, root: string): Grant {
    this.#checkRevocations();
    const identity = { jti: undefined, sub: subject, kid: undefined, fingerprint, ringed: false };
    const granted = Granted.within(undefined, { ...ALL_PATHS, cluster: true });
    const grant = grantOf(granted, root, HERE, { identity, expiresAt: notAfter });
    const over = this.check(grant);
    if (over !== undefined) throw new AuthError(over, "the client certificate has expired or was revoked");
    return grant;
  }

  async #admitToken({ proof }: Pick<Visitor, "proof">, token: string, root: string): Promise<Grant> {
    const key = await this.#keyFor(readHeader(token).kid);
    const verified = await this.#verified(token, key);
    await this.#prove(verified, { token, proof, action: "client_setup" });
    return grantByToken(verified, key, { asked: root, at: root, ringed: true });
  }

  async #admitByApi(api: AuthApi, root: string, { token, transport, proof }: Visitor): Promise<Grant> {
    const kid = token === undefined ? undefined : readHeader(token).kid;
    const answer = await api.ask({ root, kid, transport });
    const at = answer.alias === undefined ? root : normalise(answer.alias);
    if (token === undefined) {
      // The answer's prefixes are relative to the path.
      const open = (list: readonly string[] = []) => paths(list.map((one) => join(at, normalise(one))));
      return publicGrant(at, root, open(answer.public?.publish), open(answer.public?.subscribe));
    }
    if (answer.key === undefined) throw new AuthError("key_unknown", "the auth API has no key for this token");
    const verified = await this.#verified(token, answer.key);
    await this.#prove(verified, { token, proof, action: "client_setup" });
    return grantByToken(verified, answer.key, { asked: root, at, ringed: false });
  }

  /**
   * Throws {@link AuthError} when a Common Access Token does not permit the action anywhere, or the client does not prove that it has the
   * token's key.
   */
  async #prove({ terms }: Verified, request: ProvedRequest): Promise<void> {
    if (terms === undefined) return;
    if (!terms.scopes.names(request.action)) {
      throw new AuthError("action_not_granted", `the token's \`moqt\` does not permit ${request.action.toUpperCase()}`);
    }
    if (terms.confirmation === undefined) return;
    const { rules, proofWindowMs: windowMs = PROOF_WINDOW_MS } = this.#options;
    await this.#proofs.check(terms.confirmation, request, { skewMs: rules.skewMs, windowMs });
  }

  /** True when the key is gone and its sessions end. */
  #hasLost(fingerprint: string): boolean {
    if (this.#ring.has(fingerprint)) return false;
    return (this.#ring.sessionsOf(fingerprint) ?? (this.#options.closeOnKeyRemoval ? "close" : "keep")) === "close";
  }

  /** Milliseconds for which a file has been unreadable. */
  #blindFor(file: FileSource | undefined): number {
    return file?.blindSince === undefined ? 0 : this.#options.clock.now() - file.blindSince;
  }

  /** Throws {@link AuthError} when the revocation file has been unreadable for too long. */
  #checkRevocations(): void {
    if (this.#blindFor(this.#revocations?.source) < this.#options.fileKeepMs) return;
    throw new AuthError("revocations_unavailable", "the revocation file cannot be read, so no token is accepted");
  }

  async #keyFor(kid: string | undefined): Promise<Key> {
    if (this.#keyFiles.some((file) => this.#blindFor(file) >= this.#options.fileKeepMs)) {
      throw new AuthError("keys_unavailable", "the key files cannot be read, so no token is accepted");
    }
    let key = this.#ring.find(kid);
    if (this.#urlKeys !== undefined && (key === undefined || !this.#urlKeys.fresh)) {
      await this.#urlKeys.refresh();
      this.#urlKeys.check();
      key = this.#ring.find(kid);
    }
    if (key !== undefined) return key;
    if (this.#ring.size === 0) throw new AuthError("key_unknown", "this relay has no key to verify tokens with");
    const which =
      kid === undefined
        ? "the token has no `kid`, and this relay has several keys"
        : "this relay has no key with the token's `kid`";
    throw new AuthError("key_unknown", which);
  }

  async #verified(token: string, key: Key): Promise<Verified> {
    const { rules, clock } = this.#options;
    this.#checkRevocations();
    const kind = isCborText(token) ? "cat" : "jwt";
    const { kinds = [] } = this.#options;
    if (kinds.length > 0 && !kinds.includes(kind)) {
      throw new AuthError("token_kind_refused", `this relay does not accept tokens of the kind ${kind}`);
    }
    const verified = await this.#turns.run(() => verifyToken(token, key, rules, clock.wallNow()));
    const { jti, sub } = verified.about;
    const by = this.#revocations?.match({ jti, sub, kid: key.kid });
    if (by !== undefined) throw new AuthError("token_revoked", `the token was revoked by its \`${by}\``);
    return verified;
  }
}

function paths(open: readonly string[], closed: readonly string[] = []): PublicPaths {
  return { open: open.map(normalise), closed: closed.map(normalise) };
}
