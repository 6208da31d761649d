/** Who may do what: keys, claims, revocations and limits of addresses. It knows nothing of the relay, which enforces. */
export {
  Authenticator,
  type AuthOptions,
  type Grant,
  type PeerCertificate,
  type Visitor,
} from "./authenticator.ts";
export { authorize, type ClaimsInput, parseClaims } from "./claims.ts";
export type { AuthClock } from "./clock.ts";
export { AuthError } from "./error.ts";
export { carelessness, faultOf, readRegular, shared } from "./files.ts";
export { ALGORITHMS, type Key, KeyError, parseKeys, publicJwk } from "./keys/key.ts";
export { KeyRing } from "./keys/ring.ts";
export { Addresses } from "./limits/addresses.ts";
export { Bucket } from "./limits/bucket.ts";
export { isLoopback } from "./limits/networks.ts";
export { Places } from "./limits/places.ts";
export { type Seat, Tenants } from "./limits/tenants.ts";
export { seenFrom } from "./paths.ts";
export { covers, overlap } from "./permissions.ts";
export { beyondScope, type KeyScope } from "./powers.ts";
export { type Revocation, RevocationError, revocationSchema } from "./revocations.ts";
export { generateKey, signToken } from "./sign.ts";
export { readClaims, readHeader, type TokenRules, verifyToken } from "./verify.ts";
