import { createHash, X509Certificate } from "node:crypto";
import type { Certificate } from "../../moq/link.ts";
import { certificateHosts, makeSelfSigned } from "../../transport/tls/self-signed.ts";

export interface TestCertificate extends Certificate {
  /** SHA-256 of the DER, as `serverCertificateHashes` and {@link Trust} take it. */
  readonly sha256: Uint8Array;
}

/** A throw-away ECDSA P-256 certificate for `localhost`, `127.0.0.1` and `::1`, valid for less than 14 days. */
export async function testCertificate(): Promise<TestCertificate> {
  const made = await makeSelfSigned(certificateHosts([]), Date.now());
  const sha256 = createHash("sha256").update(new X509Certificate(made.cert).raw).digest();
  return { ...made, sha256 };
}
