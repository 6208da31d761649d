/** Who may do what: keys, claims, revocations and limits of addresses. It decides; the relay enforces. */
export { Authenticator } from "./authenticator.ts";
export {
  isCborText,
  isProof,
  MOQT_ACTIONS,
  presentedTexts,
  scopesOfJson,
  scopesOfPaths,
  signCat,
  signProof,
} from "./cat/index.ts";
export { authorize, type ClaimsInput, parseClaims } from "./claims.ts";
export type { AuthClock } from "./clock.ts";
export type {
  AdminGrant,
  AuthOptions,
  AuthRules,
  AuthServices,
  PeerCertificate,
  Visitor,
} from "./contract.ts";
export { AuthError, REFUSALS } from "./error.ts";
export { careless, faultOf, readRegularFile, replaceFile, SECRET_READABLE, shared } from "./files.ts";
export type { Grant } from "./grant.ts";
export {
  ALGORITHMS,
  type Key,
  type KeyEditor,
  KeyError,
  type KeyFault,
  KeyRing,
  type ListedKey,
  parseKeys,
  publicJwk,
  type UnsavedKey,
} from "./keys/index.ts";
export {
  Addresses,
  Bucket,
  ByteRate,
  isLoopback,
  Networks,
  Places,
  type RateState,
  type Seat,
  type TenantLimits,
  type TenantShares,
  Tenants,
} from "./limits/index.ts";
export { seenFrom } from "./paths.ts";
export { covers, overlap } from "./permissions.ts";
export { type AdminRight, beyondScope, type KeyScope } from "./powers.ts";
export { type Revocation, revocationSchema } from "./revocation.ts";
export { type ListedRevocation, RevocationError } from "./revocations.ts";
export type { TokenRules } from "./rules.ts";
export { generateKey, signToken } from "./sign.ts";
export { readClaims, readHeader, verifyToken } from "./verify.ts";
export type { FileAdvice, Warn } from "./warn.ts";
