import { isDeepStrictEqual } from "node:util";
import { type Key, KeyError, parseKeys, readClaims, readRegular, shared, signToken } from "../../auth/index.ts";
import { nodeOf, subjectOf } from "../../cluster/index.ts";
import { TransportError, type Trust } from "../../moq/link.ts";
import type { Config } from "../config/index.ts";

/** Bytes of a token, a key or a bundle of authorities: that of Mozilla is about 220 KiB. */
const MAX_FILE_BYTES = 1024 * 1024;

type ClusterConfig = Config["cluster"];

/** How the relay proves to others that it is of the mesh, and how it recognises them. */
export interface MeshCredentials {
  /** A token for a new connection; absent where none is configured. Rejects naming the file that cannot be used. */
  token(): Promise<string | undefined>;
  /** For new connections. */
  readonly trust: Trust;
  /** Reads authorities and key again. True when one has changed. Rejects where a file cannot be used; then the old ones stay in use. */
  reload(): Promise<boolean>;
}

/** Reads what `[cluster]` names. Rejects with {@link TransportError} naming a file that cannot be used. */
export async function meshCredentials(config: ClusterConfig, wallNow: () => number): Promise<MeshCredentials> {
  let read = await readAll(config);
  const token = tokens(config, wallNow, () => read.key);
  // A token that cannot be made or read is an error now, not at the first connection.
  await token();
  return {
    token,
    get trust() {
      return read.trust;
    },
    reload: async () => {
      const before = read;
      read = await readAll(config);
      return before.text !== read.text || !isDeepStrictEqual(before.trust, read.trust);
    },
  };
}

/** The files that are read at the start, and again when one is replaced. `text` is that of the key. */
async function readAll(config: ClusterConfig): Promise<{ trust: Trust; key: Key | undefined; text: string }> {
  const { keyFile, tokenFile } = config;
  const trust = await trustOf(config);
  if (keyFile === undefined || tokenFile !== undefined) return { trust, key: undefined, text: "" };
  const text = await read(keyFile);
  return { trust, key: parse(keyFile, text), text };
}

function tokens(config: ClusterConfig, wallNow: () => number, signer: () => Key | undefined): MeshCredentials["token"] {
  const { token, tokenFile, tokenLifeMs, node } = config;
  if (tokenFile !== undefined) {
    const latest = shared(() => read(tokenFile));
    return async () => ofNode((await latest()).trim(), node, `the token in ${tokenFile} (cluster.token_file)`);
  }
  return async () => {
    const key = signer();
    if (key === undefined) return token && ofNode(token, node, "the token of cluster.token");
    const now = Math.floor(wallNow() / 1000);
    return await signToken(key, {
      cluster: true,
      ...(node !== undefined && { sub: subjectOf(node) }),
      iat: now,
      exp: now + Math.ceil(tokenLifeMs / 1000),
    });
  };
}

/** The token. Throws where it is that of another relay: every root and relay would refuse it. */
function ofNode(token: string, node: string | undefined, what: string): string {
  const claims = readClaims(token)?.claims;
  const sub = typeof claims === "object" && claims !== null && "sub" in claims ? claims.sub : undefined;
  if (typeof sub !== "string" || node === undefined || nodeOf(sub) === node) return token;
  throw new TransportError(
    "cluster_unusable",
    `${what} is that of \`${nodeOf(sub)}\`, and cluster.node is \`${node}\``,
  );
}

function parse(path: string, text: string): Key {
  try {
    const [key] = parseKeys(text);
    if (key?.scope?.cluster === false) {
      throw new KeyError("its scope lacks `cluster`, so it cannot sign for relays of the mesh");
    }
    if (key?.signs) return key;
  } catch (cause) {
    if (!(cause instanceof KeyError)) throw cause;
    throw new TransportError("cluster_unusable", `${path} (cluster.key_file): ${cause.message}`, { cause });
  }
  throw new TransportError("cluster_unusable", `${path} (cluster.key_file) holds no key that can sign`);
}

async function trustOf({ ca, fingerprints }: ClusterConfig): Promise<Trust> {
  if (fingerprints.length > 0) {
    const sha256 = fingerprints.map((hex) => new Uint8Array(Buffer.from(hex.replaceAll(":", ""), "hex")));
    return { kind: "hashes", sha256 };
  }
  return ca === undefined ? { kind: "system" } : { kind: "roots", pem: await read(ca) };
}

async function read(path: string): Promise<string> {
  try {
    return (await readRegular(path, MAX_FILE_BYTES)).text;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TransportError("cluster_unusable", `the file ${path} of [cluster] cannot be read: ${why}`, { cause });
  }
}

/** When the token expires, in milliseconds since 1970; absent for a token that never does, or is none. */
export function expiryOf(token: string | undefined): number | undefined {
  const claims = token === undefined ? undefined : readClaims(token)?.claims;
  const exp = typeof claims === "object" && claims !== null && "exp" in claims ? claims.exp : undefined;
  return typeof exp === "number" ? exp * 1000 : undefined;
}
