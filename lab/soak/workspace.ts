import { createHash, X509Certificate } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generateKey, type Key, publicJwk, signToken } from "../../auth/index.ts";
import { certificateHosts, makeSelfSigned } from "../../transport/tls/index.ts";
import { type MeshWorkspace, makeMeshWorkspace } from "../workspace.ts";
import type { SoakStart } from "./load/messages.ts";

/** Tokens of viewers, each with an id of its own that can be revoked. */
const GUESTS = 40;

/** Life of the tokens in seconds: longer than any soak. */
const TOKEN_S = 7 * 24 * 60 * 60;

interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** The files of a soak: two certificates, of which one is in use, keys and tokens. */
export interface SoakWorkspace {
  readonly mesh: MeshWorkspace;
  /** SHA-256 in hex of both certificates. */
  readonly fingerprints: readonly string[];
  readonly tokens: SoakStart["tokens"];
  /** Ids of the viewers' tokens. */
  readonly guests: readonly string[];
  /** Puts the other certificate in place. */
  swapCertificate(): Promise<void>;
}

export async function makeSoakWorkspace(): Promise<SoakWorkspace> {
  const mesh = await makeMeshWorkspace();
  const [clients, unknown] = await Promise.all([
    generateKey({ alg: "ES256", kid: "guests" }),
    generateKey({ alg: "ES256", kid: "unknown" }),
  ]);
  await writeFile(join(mesh.keys, "guests.jwk"), JSON.stringify(publicJwk(clients)));
  const pairs = [
    { cert: await readFile(mesh.cert, "utf8"), key: await readFile(mesh.key, "utf8") },
    await makeSelfSigned(certificateHosts([]), Date.now()),
  ];
  const guests = Array.from({ length: GUESTS }, (_, index) => `guest-${index}`);
  let served = 0;
  return {
    mesh,
    fingerprints: pairs.map(({ cert }) => createHash("sha256").update(new X509Certificate(cert).raw).digest("hex")),
    guests,
    tokens: {
      publish: await token(clients, { put: ["live"] }),
      watch: await Promise.all(guests.map((jti) => token(clients, { get: ["live"], jti }))),
      wrong: [
        "",
        "not.a.token",
        await token(unknown, { get: ["live"] }),
        await token(clients, { get: ["live"] }, -60),
        `${await token(clients, { get: ["live"] })}x`,
      ],
    },
    swapCertificate: async () => {
      served = 1 - served;
      const pair = pairs[served];
      if (pair !== undefined) await replace(mesh, pair);
    },
  };
}

async function replace({ cert, key }: MeshWorkspace, pair: KeyPair): Promise<void> {
  for (const [file, content] of [
    [cert, pair.cert],
    [key, pair.key],
  ] as const) {
    await writeFile(`${file}.new`, content, { mode: 0o600 });
    await rename(`${file}.new`, file);
  }
}

async function token(
  key: Key,
  grants: { put?: string[]; get?: string[]; jti?: string },
  life = TOKEN_S,
): Promise<string> {
  const now = Math.floor(Date.now() / 1_000);
  return await signToken(key, { root: "", ...grants, iat: Math.min(now, now + life), exp: now + life });
}
