import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generateKey, type Key, publicJwk, signToken } from "../auth/index.ts";
import type { TrustSpec } from "../bench/load/messages.ts";
import { makeWorkspace } from "../bench/relays/certificate.ts";

/** Root of broadcasts that have one publisher at a time. */
export const LIVE = "live";

/** Root of broadcasts that are published to several origins with the same content. */
export const TWIN = "twin";

/** Lifetime of client tokens in seconds: longer than a person watches a mesh. */
const TOKEN_S = 24 * 60 * 60;

/** The files that the processes of one mesh share: a certificate and keys. */
export interface MeshWorkspace {
  readonly folder: string;
  readonly cert: string;
  readonly key: string;
  readonly trust: TrustSpec;
  /** SHA-256 of the certificate, in hex. */
  readonly fingerprint: string;
  /** Folder with the public keys that verify tokens. */
  readonly keys: string;
  /** The private key of the mesh. */
  readonly clusterKey: string;
  /** Tokens of clients. */
  readonly publisherToken: string;
  readonly viewerToken: string;
  remove(): Promise<void>;
}

export async function makeMeshWorkspace(): Promise<MeshWorkspace> {
  const base = await makeWorkspace();
  const { folder, cert, key, trust } = base;
  if (trust.kind !== "hash") throw new Error("the certificate of this run must be trusted by its hash");
  const keys = join(folder, "keys");
  await mkdir(keys);
  const [cluster, clients] = await Promise.all(
    ["cluster", "clients"].map(async (kid) => {
      const made = await generateKey({ alg: "ES256", kid });
      await writeFile(join(keys, `${kid}.jwk`), JSON.stringify(publicJwk(made)));
      return made;
    }),
  );
  if (cluster === undefined || clients === undefined) throw new Error("no keys");
  const clusterKey = join(folder, "cluster-private.jwk");
  await writeFile(clusterKey, JSON.stringify(cluster.jwk), { mode: 0o600 });
  return {
    folder,
    cert,
    key,
    trust,
    fingerprint: trust.sha256,
    keys,
    clusterKey,
    publisherToken: await tokenOf(clients, { put: [LIVE, TWIN] }),
    viewerToken: await tokenOf(clients, { get: [LIVE, TWIN] }),
    remove: () => base.remove(),
  };
}

async function tokenOf(key: Key, grants: { put?: string[]; get?: string[] }): Promise<string> {
  const now = Math.floor(Date.now() / 1_000);
  return await signToken(key, { root: "", ...grants, iat: now, exp: now + TOKEN_S });
}
