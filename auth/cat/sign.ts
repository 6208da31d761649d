/** Makes Common Access Tokens and proofs: for the command line and for tests, never for the relay. */
import { createHash, randomUUID } from "node:crypto";
import { SignJWT } from "jose";
import { type About, aboutOf } from "../claims.ts";
import { type Key, KeyError, signerOf } from "../keys/index.ts";
import { beyondScope } from "../powers.ts";
import { CLAIM, readCatClaims } from "./claims.ts";
import { HEADER, makeSigned, writeCbor } from "./cose.ts";
import { actionText, nameText } from "./proofs.ts";
import { type MoqtAction, type MoqtTarget, type Scope, writeScopes } from "./scopes.ts";
import { jwkThumbprint, publicMembers } from "./thumbprint.ts";

/** The type of the token in its header (RFC 9596). */
const TYPE = "CAT";

export interface CatInput {
  readonly scopes: readonly Scope[];
  readonly about: About;
  /** Seconds of `moqt-reval`. */
  readonly revalidate?: number | undefined;
  /** The client must prove that it has this key. */
  readonly bind?: Key | undefined;
}

/**
 * Signs a token: base64url of COSE_Sign1 or COSE_Mac0. Throws {@link KeyError} when the key cannot sign or its scope does not cover the
 * claims, `AuthError` `claims_invalid` when the claims are invalid.
 */
export async function signCat(key: Key, { scopes, about, revalidate, bind }: CatInput): Promise<string> {
  const { jti, ...named } = aboutOf(about);
  const keys = ["iss", "sub", "aud", "exp", "nbf", "iat"] as const;
  const claims = new Map<number, unknown>(
    keys.flatMap((name) => (named[name] === undefined ? [] : [[CLAIM[name], named[name]]])),
  );
  if (jti !== undefined) claims.set(CLAIM.cti, new Uint8Array(Buffer.from(jti)));
  claims.set(CLAIM.moqt, writeScopes(scopes));
  if (revalidate !== undefined) claims.set(CLAIM["moqt-reval"], revalidate);
  if (bind?.holds === "secret") throw new KeyError("a token cannot be bound to a secret", "key_unfit");
  if (bind !== undefined) claims.set(CLAIM.cnf, new Map([[3, await jwkThumbprint(bind)]]));
  const payload = writeCbor(claims);
  const { asked } = readCatClaims(payload);
  const beyond = key.scope && beyondScope(key.scope, asked);
  if (beyond !== undefined) throw new KeyError(`\`${beyond}\` grants more than the scope of the key permits`);
  const token = await makeSigned(key, new Map([[HEADER.typ, TYPE]]), payload);
  return Buffer.from(token).toString("base64url");
}

export interface ProofInput {
  /** As it is presented. */
  readonly token: string;
  readonly action: MoqtAction;
  /** Absent for the set-up of a session. */
  readonly target?: MoqtTarget | undefined;
  /** Seconds since 1970. */
  readonly iat: number;
}

/** A proof that its maker has `key`. Throws {@link KeyError} for a secret, and for a key without its private part. */
export async function signProof(key: Key, { token, action, target, iat }: ProofInput): Promise<string> {
  if (key.holds === "secret") throw new KeyError("a secret proves nothing: a proof needs a private key", "key_unfit");
  const names =
    target === undefined
      ? { tns: "", tn: "" }
      : { tns: target.namespace.map(nameText).join("-"), tn: nameText(target.track ?? new Uint8Array(0)) };
  const claims = {
    jti: randomUUID(),
    iat,
    actx: { type: "moqt", action: actionText(action), ...names },
    ath: createHash("sha256").update(token).digest("base64url"),
  };
  return await new SignJWT(claims)
    .setProtectedHeader({ typ: "dpop-proof+jwt", alg: key.alg, jwk: publicMembers(key) })
    .sign(await signerOf(key));
}
