/** Who may do what: keys, claims, revocations and limits of addresses. It knows nothing of the relay, which enforces. */
export {
  Authenticator,
  type AuthOptions,
  type Grant,
  type Identity,
  type Visitor,
} from "./authenticator.ts";
export { authorize, type Claims, type ClaimsInput, parseClaims } from "./claims.ts";
export type { AuthClock } from "./clock.ts";
export { AuthError, REFUSALS, type RefusalCode } from "./error.ts";
export { ALGORITHMS, type Algorithm, type Key, KeyError, parseKeys, publicJwk } from "./keys/key.ts";
export { KeyRing } from "./keys/ring.ts";
export { Addresses, type AddressLimits } from "./limits/addresses.ts";
export { Bucket } from "./limits/bucket.ts";
export { isLoopback, parseBlock } from "./limits/networks.ts";
export { Tenants } from "./limits/tenants.ts";
export { covers } from "./permissions.ts";
export { type Revocation, RevocationError, revocationSchema } from "./revocations.ts";
export { generateKey, signToken } from "./sign.ts";
export { readClaims, readHeader, type TokenRules, verifyToken } from "./verify.ts";
