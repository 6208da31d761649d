/** The authorities for certificates of clients, by listener. */
import type { ClientAuthorities, KeyPairPem } from "../../moq/link.ts";
import { readAuthorities } from "../../transport/tls/index.ts";
import type { Config } from "../config/index.ts";

/** A listener with TLS: that of everyone, that of relays (`[cluster] listen`), or that of operators. */
export type Plane = "public" | "cluster" | "admin";

/** Absent for a listener that asks for no certificate. */
export type AuthoritiesByPlane = Readonly<Partial<Record<Plane, ClientAuthorities>>>;

/** The file of each listener's authorities, and whether its clients need a certificate. */
function authorityFiles({ tls, cluster, http }: Config): Map<Plane, { file: string; required: boolean }> {
  const files = new Map<Plane, { file: string; required: boolean }>();
  if (tls.clientCa !== undefined) files.set("public", { file: tls.clientCa, required: tls.clientRequired });
  if (cluster.clientCa !== undefined) {
    // Without a listener of their own, relays share the port with viewers and publishers, who have no certificate.
    const own = cluster.listen !== undefined;
    files.set(own ? "cluster" : "public", { file: cluster.clientCa, required: own });
  }
  if (http.adminClientCa !== undefined) files.set("admin", { file: http.adminClientCa, required: false });
  return files;
}

/** The files that {@link readClientAuthorities} reads. */
export function clientAuthorityFiles(config: Config): string[] {
  return [...new Set([...authorityFiles(config).values()].map(({ file }) => file))];
}

/** True when every session at the public port needs a certificate: also those of the relay with itself. */
export function needsOwnCertificate({ tls }: Pick<Config, "tls">): boolean {
  return tls.clientCa !== undefined && tls.clientRequired;
}

/**
 * `own`: the certificate that the relay shows at its public port. Rejects with a `TransportError` `bad_certificate` that names the file.
 */
export async function readClientAuthorities(config: Config, own: KeyPairPem | undefined): Promise<AuthoritiesByPlane> {
  const read: Partial<Record<Plane, ClientAuthorities>> = {};
  for (const [plane, { file, required }] of authorityFiles(config)) {
    const pem = await readAuthorities(file);
    read[plane] = { pem: plane === "public" && own !== undefined ? pem + own.cert : pem, required };
  }
  return read;
}
