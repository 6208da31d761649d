import { isDeepStrictEqual } from "node:util";
import { type Key, KeyError, parseKeys, readClaims, readRegularFile, shared, signToken } from "../../auth/index.ts";
import { nodeOf, subjectOf } from "../../cluster/index.ts";
import { type KeyPairPem, TransportError, type Trust } from "../../moq/link.ts";
import { assertValidAt, readKeyPair } from "../../transport/tls/index.ts";
import type { Config } from "../config/index.ts";
import { certificateName, earlier, type Prepared } from "../host/index.ts";

/** Bytes of a token, a key or a bundle of authorities: that of Mozilla is about 220 KiB. */
const MAX_FILE_BYTES = 1024 * 1024;

/** What is wrong with a key that cannot sign. */
const UNUSABLE_KEY = "cluster_key_unusable";

type ClusterConfig = Config["cluster"];

/** How the relay proves to others that it is of the mesh, and how it recognises them. */
export interface MeshCredentials {
  /** A token for a new connection; absent where none is configured. Rejects naming the file that cannot be used. */
  token(): Promise<string | undefined>;
  /** For new connections. */
  readonly trust: Trust;
  /** Shown to roots and peers that ask for one; absent where none is configured. */
  readonly certificate: KeyPairPem | undefined;
  /** When this relay's powers in the mesh expire with `token`, in milliseconds since 1970; absent when they never do. */
  expiry(token: string | undefined): number | undefined;
  /** Reads authorities, key and certificate again. True when one has changed. Rejects where a file cannot be used; then the old ones stay in use. */
  reload(): Promise<boolean>;
  /** Reads what `next` names, without using it yet. Rejects naming a file that cannot be used. */
  prepare(next: ClusterConfig): Promise<Prepared>;
}

/** Reads what `[cluster]` names. Rejects with {@link TransportError} naming a file that cannot be used. */
export async function meshCredentials(first: ClusterConfig, wallNow: () => number): Promise<MeshCredentials> {
  let used = await opened(first, wallNow);
  const take = (next: Opened) => {
    const [before, after] = [used.read, next.read];
    const same =
      before.text === after.text && isDeepStrictEqual([before.trust, before.shown], [after.trust, after.shown]);
    used = next;
    return !same;
  };
  return {
    token: () => used.token(),
    get trust() {
      return used.read.trust;
    },
    get certificate() {
      return used.read.shown?.pair;
    },
    expiry: (token) => earlier(expiryOf(token), used.read.shown?.notAfter),
    reload: async () => take(await opened(used.config, wallNow)),
    prepare: async (config) => {
      const next = await opened(config, wallNow);
      return { commit: () => take(next), discard: () => {} };
    },
  };
}

/** Credentials that have been read. */
interface Opened {
  readonly config: ClusterConfig;
  readonly read: Awaited<ReturnType<typeof readAll>>;
  readonly token: MeshCredentials["token"];
}

async function opened(config: ClusterConfig, wallNow: () => number): Promise<Opened> {
  const read = await readAll(config, wallNow());
  const token = tokens(config, wallNow, () => read.key);
  // A token that cannot be made or read is an error now, not at the first connection.
  await token();
  return { config, read, token };
}

/** The certificate that this relay shows. */
interface Shown {
  readonly pair: KeyPairPem;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
}

/** The files that are read at the start, and again when one is replaced. `text` is that of the key. */
interface FilesRead {
  readonly trust: Trust;
  readonly key: Key | undefined;
  readonly text: string;
  readonly shown: Shown | undefined;
}

async function readAll(config: ClusterConfig, nowMs: number): Promise<FilesRead> {
  const trust = await trustOf(config);
  const shown = await shownBy(config, nowMs);
  const text = await keyText(config);
  if (text === undefined) return { trust, key: undefined, text: "", shown };
  const { keyFile } = config;
  const name = keyFile === undefined ? "the key of cluster.key" : `${keyFile} (cluster.key_file)`;
  return { trust, key: parse(name, text), text, shown };
}

async function keyText({ key, keyFile, token, tokenFile }: ClusterConfig): Promise<string | undefined> {
  if (token !== undefined || tokenFile !== undefined) return undefined;
  return keyFile === undefined ? key : await read(keyFile);
}

/** Rejects where the certificate is that of another relay: every root and relay would refuse it. */
async function shownBy({ clientCert, clientKey, node }: ClusterConfig, nowMs: number): Promise<Shown | undefined> {
  if (clientCert === undefined || clientKey === undefined) return undefined;
  const { leaf, cert, key } = await readKeyPair(clientCert, clientKey);
  assertValidAt(leaf, nowMs, clientCert);
  const name = nodeOf(certificateName(leaf));
  if (name !== node) {
    throw new TransportError(
      "cluster_unusable",
      `the certificate in ${clientCert} (cluster.client_cert) is that of \`${name}\`, and cluster.node is \`${node}\``,
      { fault: "node_mismatch" },
    );
  }
  return { pair: { cert, key }, notAfter: leaf.validToDate.getTime() };
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
    { fault: "node_mismatch" },
  );
}

function parse(what: string, text: string): Key {
  try {
    const [key] = parseKeys(text);
    if (key?.scope?.cluster === false) {
      throw new KeyError("its scope lacks `cluster`, so it cannot sign for relays of the mesh");
    }
    if (key?.signs) return key;
  } catch (cause) {
    if (!(cause instanceof KeyError)) throw cause;
    throw new TransportError("cluster_unusable", `${what}: ${cause.message}`, { cause, fault: UNUSABLE_KEY });
  }
  throw new TransportError("cluster_unusable", `${what} holds no key that can sign`, { fault: UNUSABLE_KEY });
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
    return (await readRegularFile(path, MAX_FILE_BYTES)).text;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TransportError("cluster_unusable", `the file ${path} of [cluster] cannot be read: ${why}`, { cause });
  }
}

/** When the token expires, in milliseconds since 1970; absent for a token that never does, or is none. */
function expiryOf(token: string | undefined): number | undefined {
  const claims = token === undefined ? undefined : readClaims(token)?.claims;
  const exp = typeof claims === "object" && claims !== null && "exp" in claims ? claims.exp : undefined;
  return typeof exp === "number" ? exp * 1000 : undefined;
}
