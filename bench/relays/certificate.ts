import { createHash, X509Certificate } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificateHosts, makeSelfSigned } from "../../transport/tls/index.ts";
import type { TrustSpec } from "../load/messages.ts";

/** A temporary certificate on disk, for a relay that the bench starts. */
export interface Workspace {
  readonly folder: string;
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
  readonly trust: TrustSpec;
  remove(): Promise<void>;
}

export async function makeWorkspace(): Promise<Workspace> {
  const folder = await mkdtemp(join(tmpdir(), "moqmesh-bench-"));
  const made = await makeSelfSigned(certificateHosts([]), Date.now());
  const cert = join(folder, "cert.pem");
  const key = join(folder, "key.pem");
  await writeFile(cert, made.cert);
  await writeFile(key, made.key, { mode: 0o600 });
  const sha256 = createHash("sha256").update(new X509Certificate(made.cert).raw).digest("hex");
  return {
    folder,
    cert,
    key,
    trust: { kind: "hash", sha256 },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
