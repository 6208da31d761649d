import { createHash, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Trust } from "../../moq/link.ts";
import { selfSignedFile } from "../../transport/tls/index.ts";

/**
 * Trust in the certificate of a relay on this machine, and in no other: that of the file `cert`, or the self-signed one in `stateDir`.
 * Undefined when the file cannot be read.
 */
export async function ownTrust(cert: string | undefined, stateDir: string): Promise<Trust | undefined> {
  try {
    const leaf = new X509Certificate(await readFile(cert ?? selfSignedFile(stateDir), "utf8"));
    return { kind: "hashes", sha256: [createHash("sha256").update(leaf.raw).digest()] };
  } catch {
    return undefined;
  }
}
