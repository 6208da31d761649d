/** TLS of the relay and of its clients: certificates (read, made, renewed, served), checks of their chains, and trust in the peer of a dial. */
export {
  type CertificateOptions,
  type CertificateState,
  loadCertificate,
  type PemFiles,
  selfSignedFile,
} from "./certificate.ts";
export { type ChainFault, checkClientChain, checkServerChain } from "./chain.ts";
export { describeTcpFailure, explainCertificateError } from "./failure.ts";
export { CertificateManager } from "./manager.ts";
export {
  assertValidAt,
  certificatesIn,
  dnsNames,
  errorCode,
  type PemSource,
  parseKeyPair,
  pemName,
  readAuthorities,
  readKeyPair,
  readPem,
  readRegularFile,
} from "./pem.ts";
export { certificateHosts, makeSelfProbeCertificate, makeSelfSigned } from "./self-signed.ts";
export { ServerTls } from "./server-tls.ts";
export { clientCertificateOf, dialTlsOptions, matchesPins, peerCertificateOf } from "./trust.ts";
