export {
  type CertificateOptions,
  type CertificateState,
  loadCertificate,
  type PemFiles,
  selfSignedFile,
} from "./certificate.ts";
export { type ChainFault, clientChainFault, serverChainFault } from "./chain.ts";
export { certificateFault, describeTcpFailure } from "./failure.ts";
export { CertificateManager } from "./manager.ts";
export {
  assertValidAt,
  certificatesIn,
  dnsNames,
  errorCode,
  parseKeyPair,
  readAuthorities,
  readKeyPair,
  readPem,
  readRegular,
} from "./pem.ts";
export { certificateHosts, makeOwnClient, makeSelfSigned } from "./self-signed.ts";
export { ServerTls } from "./server-tls.ts";
export { certificateOf, clientCertificateOf, isTrusted, tlsOptions } from "./trust.ts";
