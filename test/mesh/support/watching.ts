import type { Mesh } from "../../../lab/mesh.ts";
import type { Node } from "../../../lab/node.ts";
import { connect } from "../../../relay/client/client.ts";
import { patient } from "../../../scripts/suite/patience.ts";

/** Milliseconds for a connection. */
const TIMEOUT_MS = patient(10_000);

/** Watches announcements at a relay. */
export async function watching(mesh: Mesh, node: Node, path: string) {
  const { trust, viewerToken } = mesh.workspace;
  if (trust.kind !== "hash") throw new Error("a certificate made for the run is trusted by its hash");
  const sha256 = [new Uint8Array(Buffer.from(trust.sha256, "hex"))];
  const client = await connect(new URL(`${node.url}/?jwt=${viewerToken}`), {
    trust: { kind: "hashes", sha256 },
    timeoutMs: TIMEOUT_MS,
  });
  const gone: string[] = [];
  /** When `path` was announced, as `performance.now()` has it. */
  const seen = Promise.withResolvers<number>();
  client.announced("", (change) => {
    if (!change.active) gone.push(change.path);
    else if (change.path === path) seen.resolve(performance.now());
  });
  return { seen: seen.promise, gone, close: () => client.close() };
}
