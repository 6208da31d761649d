import { createHash, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Trust } from "../../moq/link.ts";
import { selfSignedFile } from "../../transport/tls/index.ts";
import { pemText } from "../config/index.ts";

/**
 * Trust in the certificate of a relay on this machine, and in no other: that of `cert` (a file, or PEM itself), or the self-signed one in `stateDir`.
 * Undefined when the file cannot be read.
 */
export async function ownTrust(cert: string | undefined, stateDir: string): Promise<Trust | undefined> {
  try {
    const given = cert ?? selfSignedFile(stateDir);
    const leaf = new X509Certificate(pemText(given) ?? (await readFile(given, "utf8")));
    return { kind: "hashes", sha256: [createHash("sha256").update(leaf.raw).digest()] };
  } catch {
    return undefined;
  }
}
