export {
  type CertificateOptions,
  type CertificateState,
  loadCertificate,
  type PemFiles,
  selfSignedFile,
} from "./certificate.ts";
export { certificateFault, describeTcpFailure } from "./failure.ts";
export { CertificateManager } from "./manager.ts";
export { errorCode, parseKeyPair, readPem, readRegular } from "./pem.ts";
export { certificateHosts, makeSelfSigned } from "./self-signed.ts";
export { certificateOf, isTrusted, tlsOptions } from "./trust.ts";
