import { createHash } from "node:crypto";
import type { AuthClock } from "../clock.ts";
import { AuthError } from "../error.ts";
import type { Confirmation } from "./claims.ts";
import { fromBase64 } from "./cose.ts";
import { badProof, type ProofClaims, readProof } from "./proof.ts";
import type { MoqtAction, MoqtTarget } from "./scopes.ts";

/** Proofs that are remembered until they are no longer fresh, of some 100 bytes each. */
const MAX_REMEMBERED = 100_000;
/** Milliseconds between two searches for proofs that need not be remembered any longer. */
const SWEEP_MS = 1_000;

/** The actions as proofs name them (draft-ietf-moq-c4m-01 table 2). */
const ACTIONS: Readonly<Record<MoqtAction, string>> = {
  client_setup: "SETUP",
  server_setup: "SETUP",
  publish_namespace: "PUB_NS",
  subscribe_namespace: "SUB_NS",
  subscribe: "SUBSCRIBE",
  request_update: "REQ_UPDATE",
  publish: "PUBLISH",
  fetch: "FETCH",
  track_status: "TRK_STATUS",
};

/** The action as a proof names it. */
export function actionText(action: MoqtAction): string {
  return ACTIONS[action];
}

/** What a client asks for with a token that is bound to its key. */
export interface ProvedRequest {
  /** As it was presented. */
  readonly token: string;
  readonly proof: string | undefined;
  readonly action: MoqtAction;
  /** Absent for the set-up of a session. */
  readonly target?: MoqtTarget | undefined;
}

export interface ProofRules {
  readonly skewMs: number;
  /** Milliseconds for which a proof is fresh where the token does not say. */
  readonly windowMs: number;
}

/** Checks proofs, and accepts each once. */
export class Proofs {
  readonly #clock: AuthClock;
  /** Wall time until which a proof is remembered, by the hash of its key and id. */
  readonly #seen = new Map<string, number>();
  #sweptAt = Number.NEGATIVE_INFINITY;

  constructor(clock: AuthClock) {
    this.#clock = clock;
  }

  /** Throws {@link AuthError} `proof_missing`, `proof_invalid`, `busy`. */
  async check(confirmation: Confirmation, request: ProvedRequest, rules: ProofRules): Promise<void> {
    if (request.proof === undefined) {
      throw new AuthError("proof_missing", "the token is bound to a key: a DPoP proof of that key is needed");
    }
    const { claims, thumbprints } = await readProof(request.proof);
    const thumbprint = thumbprints[confirmation.method];
    if (Buffer.compare(thumbprint, confirmation.thumbprint) !== 0) throw badProof("its key is not that of the token");
    if (!hashesOf(request.token).includes(claims.ath)) throw badProof("its `ath` is not the hash of the token");
    checkContext(claims, request);
    const windowMs = confirmation.windowMs ?? rules.windowMs;
    const now = this.#clock.wallNow();
    const iat = claims.iat * 1000;
    if (iat > now + rules.skewMs) throw badProof("it is from the future; compare the clocks");
    if (iat + windowMs < now) throw badProof(`it is older than ${windowMs / 1000} s`);
    if (confirmation.once) this.#remember(thumbprint, claims.jti, iat + windowMs, now);
  }

  #remember(thumbprint: Uint8Array, id: string, until: number, now: number): void {
    const key = createHash("sha256").update(thumbprint).update(id).digest("base64url");
    const before = this.#seen.get(key);
    if (before !== undefined && before >= now) throw badProof("it was used before");
    if (this.#seen.size >= MAX_REMEMBERED) this.#sweep(now);
    if (this.#seen.size >= MAX_REMEMBERED) throw new AuthError("busy", "too many proofs at once: try again");
    this.#seen.set(key, until);
  }

  #sweep(now: number): void {
    const at = this.#clock.now();
    if (at - this.#sweptAt < SWEEP_MS) return;
    this.#sweptAt = at;
    for (const [key, until] of this.#seen) if (until < now) this.#seen.delete(key);
  }
}

/** Of the token as a text, and as the bytes that it is the base64 of. */
function hashesOf(token: string): string[] {
  const bytes = token.includes(".") ? undefined : fromBase64(token);
  return [token, ...(bytes === undefined ? [] : [bytes])].map((one) =>
    createHash("sha256").update(one).digest("base64url"),
  );
}

function checkContext({ actx }: ProofClaims, { action, target }: ProvedRequest): void {
  if (actx.type !== "moqt") throw badProof("its `actx` is not of the type moqt");
  if (actx.action !== ACTIONS[action]) throw badProof(`its \`actx\` is not for the action ${ACTIONS[action]}`);
  const { tns = "", tn = "", resource } = actx;
  // A session is set up for no track.
  const namespace = target?.namespace.map(nameText).join("-") ?? "";
  if (tns !== namespace) throw badProof("its `tns` is another namespace");
  if (tn !== nameText(target?.track ?? new Uint8Array(0))) throw badProof("its `tn` is another track");
  if (resource === undefined) return;
  const url = URL.parse(resource);
  if (url?.protocol !== "moqt:") throw badProof("its `resource` is not a moqt:// URI");
  const named = (name: string) => url.searchParams.get(name) ?? "";
  if (named("tns") !== tns || named("tn") !== tn) throw badProof("its `resource` is not what `tns` and `tn` name");
}

/** A field as a text (moq-transport section 1.5.1): letters, digits and `_` as they are, every other byte as `.` and two digits. */
export function nameText(field: Uint8Array): string {
  let text = "";
  for (const byte of field) {
    const character = String.fromCharCode(byte);
    text += /\w/.test(character) ? character : `.${byte.toString(16).padStart(2, "0")}`;
  }
  return text;
}
