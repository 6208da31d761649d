import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import type { Certificate } from "../../../moq/link.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const HOUR_MS = 60 * 60 * 1000;

/** A certificate authority made for a test. */
export interface Authority {
  /** PEM of its own certificate. */
  readonly root: string;
  /** A certificate for a server of these names, or for a client. */
  issue(use: "server" | "client", names: readonly string[]): Promise<Certificate>;
}

export async function authority(name: string): Promise<Authority> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const root = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: `CN=${name}`,
      ...validity(),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    },
    crypto,
  );
  return {
    root: root.toString("pem"),
    issue: async (use, names) => {
      const own = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
      const purpose = use === "server" ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;
      const certificate = await x509.X509CertificateGenerator.create(
        {
          subject: `CN=${names[0] ?? "nobody"}`,
          issuer: root.subject,
          ...validity(),
          publicKey: own.publicKey,
          signingKey: keys.privateKey,
          signingAlgorithm: ALGORITHM,
          extensions: [
            new x509.BasicConstraintsExtension(false, undefined, true),
            new x509.ExtendedKeyUsageExtension([purpose]),
            new x509.SubjectAlternativeNameExtension(
              names.map((value) => ({ type: /^[\d.]+$/.test(value) ? ("ip" as const) : ("dns" as const), value })),
            ),
          ],
        },
        crypto,
      );
      const pkcs8 = Buffer.from(await crypto.subtle.exportKey("pkcs8", own.privateKey)).toString("base64");
      const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`;
      return { cert: `${certificate.toString("pem")}\n`, key };
    },
  };
}

function validity(): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - HOUR_MS), notAfter: new Date(now + 24 * HOUR_MS) };
}
