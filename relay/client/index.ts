export { namespaceOf, trackNameOf } from "../../moq/wire/ietf/index.ts";
export { describeTcpFailure, explainCertificateError } from "../../transport/tls/index.ts";
export type { AnnouncedChange } from "./announced-paths.ts";
export { askAccess, isAdminListener, type Verdict } from "./ask.ts";
export { connect, connectBy, PROTOCOLS } from "./client.ts";
export { type Client, FetchError, type FetchedGroup, type Following, SessionEndedError } from "./contract.ts";
export { adminListener, DIAL_LIMITS, fetchTrust, sharedEngine } from "./dial.ts";
export { askHttp, type HttpAnswer } from "./http.ts";
export { MODEL_LIMITS, SESSION_LIMITS } from "./limits.ts";
export { ownTrust } from "./own-certificate.ts";
export { PROBE_HEADER_BYTES, ProbeTrack } from "./probe-track.ts";
export {
  addressesOf,
  type CertificateFacts,
  certificateFacts,
  type HostAddress,
  knockTcp,
  shownCertificate,
} from "./reach.ts";
