/** What `[cluster]` names: authorities, tokens, keys and certificates of the mesh. */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { AuthError, type Key, parseKeys, readClaims, readRegularFile, verifyToken } from "../../auth/index.ts";
import { checkClientChain, readAuthorities, selfSignedFile } from "../../transport/tls/index.ts";
import { type Config, formatDuration } from "../config/index.ts";
import { type MeshCredentials, meshCredentials } from "../mesh/index.ts";
import { inspectAuthorities } from "./certificates.ts";
import type { FindingList } from "./findings.ts";

/** Longest key file, in bytes. */
const MAX_KEY_BYTES = 1024 * 1024;

const DAY_MS = 86_400_000;

/** Loads the credentials as the relay does. Undefined where it cannot, or where the relay is in no mesh. */
export async function inspectCredentials(
  found: FindingList,
  { cluster, tls }: Config,
  wallNow: () => number,
): Promise<MeshCredentials | undefined> {
  const { node, key, keyFile, tokenFile, clientCert, clientKey } = cluster;
  if (node === undefined) return undefined;
  const ca = makesItself(cluster.ca, tls) ? undefined : cluster.ca;
  await inspectAuthorities(found, [["cluster.ca", ca]], wallNow);
  const keys = [
    ["cluster.ca", ca],
    ["cluster.key_file", keyFile],
    ["cluster.token_file", tokenFile],
    ["cluster.client_key", clientKey],
    ["cluster.client_cert", clientCert],
    [key === undefined ? "cluster.token" : "cluster.key", undefined],
  ] as const;
  // The authorities have been read already.
  const load = () => meshCredentials({ ...cluster, ca: undefined }, wallNow);
  const credentials = await found.load(load, "cluster_credentials_invalid", keys);
  if (credentials === undefined) return undefined;
  return credentials;
}

/** True for the self-signed certificate of this machine, which the first relay that starts makes for all. */
function makesItself(file: string | undefined, { cert, stateDir }: Config["tls"]): boolean {
  if (file === undefined || cert !== undefined) return false;
  return resolve(file) === resolve(selfSignedFile(stateDir)) && !existsSync(file);
}

/** What other relays would say about these credentials. */
export async function inspectMembership(
  found: FindingList,
  config: Config,
  credentials: MeshCredentials,
  wallNow: () => number,
): Promise<void> {
  const { cluster, auth } = config;
  await shownCertificate(found, cluster, credentials);
  const token = await credentials.token();
  if (token === undefined) return;
  const signs = cluster.keyFile ?? cluster.key;
  if (signs === undefined) {
    if (!inspectToken(found, cluster, token, wallNow())) return;
  } else if (auth.maxLifeMs > 0 && cluster.tokenLifeMs > auth.maxLifeMs) {
    const message = `tokens of ${formatDuration(cluster.tokenLifeMs)} are longer than [auth] max_life of ${formatDuration(auth.maxLifeMs)}, so relays with these settings refuse each other`;
    found.warn(
      "token_life_refused",
      "cluster.token_life",
      message,
      "lower `token_life`, or raise `max_life` everywhere",
    );
  }
  // Relays dial roots, origins and regionals, and these have the keys of the mesh.
  if (cluster.role === "edge" || auth.keyUrl !== undefined || auth.api !== undefined) return;
  const keys = await verifiers(auth);
  if (keys.length === 0) return;
  const rules = { issuers: auth.issuers, audiences: auth.audiences, skewMs: auth.clockSkewMs, maxLifeMs: 0 };
  for (const key of keys) if (await accepts(token, key, rules, wallNow())) return;
  const { keyFile, key: ownKey, tokenFile } = cluster;
  const named = keyFile ? "key_file" : ownKey ? "key" : tokenFile ? "token_file" : "token";
  const message =
    "no key of [auth] accepts this relay's own token for the mesh, so relays with the same keys refuse it";
  found.warn(
    "cluster_token_refused",
    `cluster.${named}`,
    message,
    "add the public half of the signing key to `[auth] key_dir`",
  );
}

/** A given token, as a root reads it. False when it cannot be used. */
function inspectToken(found: FindingList, cluster: Config["cluster"], token: string, now: number): boolean {
  const key = cluster.tokenFile === undefined ? "cluster.token" : "cluster.token_file";
  const hint = "`moqmesh token sign --cluster` makes one";
  const claims = readClaims(token)?.claims;
  if (typeof claims !== "object" || claims === null) {
    found.problem("cluster_token_invalid", key, "this is no token in the form of a JWT", hint);
    return false;
  }
  if (!("cluster" in claims) || claims.cluster !== true) {
    found.problem("cluster_token_invalid", key, "the token lacks the claim `cluster`, so roots refuse it", hint);
    return false;
  }
  const end = "exp" in claims && typeof claims.exp === "number" ? claims.exp * 1_000 : Number.POSITIVE_INFINITY;
  if (end <= now) {
    found.problem("cluster_token_expired", key, `the token expired on ${new Date(end).toISOString()}`, hint);
    return false;
  }
  if (end - now < DAY_MS) {
    const message = `the token expires on ${new Date(end).toISOString()}, and this relay then leaves the mesh`;
    found.warn("cluster_token_expired", key, message, "give it a new one, or `key_file`, with which it makes its own");
  }
  return true;
}

/** The relay's own certificate, as relays with the same `client_ca` judge it. */
async function shownCertificate(
  found: FindingList,
  { clientCa, clientCert }: Config["cluster"],
  { certificate }: MeshCredentials,
) {
  if (certificate === undefined || clientCa === undefined) return;
  const authorities = await readAuthorities(clientCa).catch(() => undefined);
  if (authorities === undefined) return;
  const fault = await checkClientChain(certificate, authorities);
  if (fault === undefined) return;
  const message = `the certificate in ${clientCert}, judged by \`client_ca\` of this relay, ${fault.message}`;
  const hint = "all relays of a mesh have certificates of the authorities in `client_ca`";
  found.warn(fault.fault, "cluster.client_cert", message, hint);
}

async function verifiers({ key, keyFile, keyDir }: Config["auth"]): Promise<Key[]> {
  const folder = keyDir === undefined ? [] : await readdir(keyDir).catch(() => []);
  const names = folder.filter((name) => name.endsWith(".jwk")).map((name) => join(keyDir ?? "", name));
  const files = [...(keyFile === undefined ? [] : [keyFile]), ...names];
  const texts = await Promise.all(
    files.map((file) =>
      readRegularFile(file, MAX_KEY_BYTES).then(
        ({ text }) => text,
        () => "",
      ),
    ),
  );
  return [...(key === undefined ? [] : [key]), ...texts].flatMap((text) => {
    try {
      return parseKeys(text);
    } catch {
      return [];
    }
  });
}

async function accepts(
  token: string,
  key: Key,
  rules: Parameters<typeof verifyToken>[2],
  now: number,
): Promise<boolean> {
  try {
    await verifyToken(token, key, rules, now);
    return true;
  } catch (error) {
    if (error instanceof AuthError) return false;
    throw error;
  }
}
