import { randomBytes, type X509Certificate } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Certificate, type KeyPairPem, TransportError } from "../contract.ts";
import { makeFolder } from "../folder.ts";
import { assertValidAt, dnsNames, errorCode, type KeyPair, parseKeyPair, readKeyPair, readRegular } from "./pem.ts";
import {
  certificateHosts,
  fingerprintOf,
  hasHosts,
  makeSelfSigned,
  RENEW_BEFORE_MS,
  SELF_SIGNED_LIFE_MS,
} from "./self-signed.ts";

/** Certificate and key of a self-signed certificate, in one file so that they are replaced together. */
const STATE_FILE = "self-signed.pem";

/** Where the state folder keeps its self-signed certificate. */
export function selfSignedFile(stateDir: string): string {
  return join(stateDir, STATE_FILE);
}
const FILE_MODE = 0o600;

export interface CertificateOptions {
  /** PEM files of a certificate that was given; without them a self-signed one is made and kept in `stateDir`. */
  readonly files?: PemFiles;
  /** Of certificates for clients that ask for one of their names. */
  readonly further?: readonly PemFiles[];
  /** Folder for what outlives a start; made with mode 0700. */
  readonly stateDir: string;
  /** Names of a self-signed certificate besides `localhost`, `127.0.0.1` and `::1`. */
  readonly hosts: readonly string[];
  /** Milliseconds since 1970: the life of a certificate is in wall time. */
  readonly wallNow: () => number;
}

/** Paths of a chain and its key. */
export interface PemFiles {
  readonly cert: string;
  readonly key: string;
}

/** A certificate ready for use. */
export interface CertificateState {
  readonly certificate: Certificate;
  /** Lower-case hex of the SHA-256 of the DER. */
  readonly fingerprint: string;
  readonly notAfter: Date;
  /** No authority vouches for it: clients have to be told its fingerprint. */
  readonly selfSigned: boolean;
  /** Made by this program, which renews it. */
  readonly generated: boolean;
}

/**
 * The certificate to serve: the given files, or the self-signed one of the state folder, made anew when it has
 * less than two days left, names other hosts, or cannot be used.
 *
 * Throws {@link TransportError} `bad_certificate` saying what is wrong with which file.
 */
export async function loadCertificate(options: CertificateOptions): Promise<CertificateState> {
  const state = await loadMain(options);
  const names = await loadFurther(options.further ?? [], options.wallNow());
  return names.size === 0 ? state : { ...state, certificate: { ...state.certificate, names } };
}

/** Further certificates under each name that they are for; of two for one name the first counts. */
async function loadFurther(further: readonly PemFiles[], nowMs: number): Promise<Map<string, KeyPairPem>> {
  const names = new Map<string, KeyPairPem>();
  for (const { cert, key } of further) {
    const pair = await readKeyPair(cert, key);
    assertValidAt(pair.leaf, nowMs, cert);
    const own = dnsNames(pair.leaf);
    if (own.length === 0) {
      throw new TransportError("bad_certificate", `${cert} names no host, so no client can ask for it`);
    }
    for (const name of own) if (!names.has(name)) names.set(name, { cert: pair.cert, key: pair.key });
  }
  return names;
}

async function loadMain(options: CertificateOptions): Promise<CertificateState> {
  if (options.files !== undefined) {
    const pair = await readKeyPair(options.files.cert, options.files.key);
    assertValidAt(pair.leaf, options.wallNow(), options.files.cert);
    return stateOf(pair, false);
  }
  const hosts = certificateHosts(options.hosts);
  const path = selfSignedFile(options.stateDir);
  const kept = await readKept(path);
  if (kept !== undefined && isUsable(kept.leaf, hosts, options.wallNow())) return stateOf(kept, true);
  const made = await makeSelfSigned(hosts, options.wallNow());
  await keep(options.stateDir, path, made);
  return stateOf(parseKeyPair(made.cert, path, made.key, path), true);
}

function stateOf(pair: KeyPair, generated: boolean): CertificateState {
  return {
    certificate: { cert: pair.cert, key: pair.key },
    fingerprint: fingerprintOf(pair.leaf),
    notAfter: pair.leaf.validToDate,
    selfSigned: generated || (pair.leaf.subject === pair.leaf.issuer && pair.leaf.verify(pair.leaf.publicKey)),
    generated,
  };
}

function isUsable(leaf: X509Certificate, hosts: readonly string[], nowMs: number): boolean {
  const from = leaf.validFromDate.getTime();
  const to = leaf.validToDate.getTime();
  return (
    nowMs >= from &&
    to - nowMs > RENEW_BEFORE_MS &&
    to - from <= SELF_SIGNED_LIFE_MS &&
    leaf.publicKey.asymmetricKeyDetails?.namedCurve === "prime256v1" &&
    hasHosts(leaf, hosts)
  );
}

/** What the state folder holds; nothing when there is no file or it is damaged, which a new certificate mends. */
async function readKept(path: string): Promise<KeyPair | undefined> {
  try {
    const pem = (await readRegular(path)).toString("utf8");
    return parseKeyPair(pem, path, pem, path);
  } catch (error) {
    if (errorCode(error) === "ENOENT" || error instanceof TransportError) return undefined;
    throw new TransportError("bad_certificate", `${path} cannot be read: ${errorCode(error) ?? String(error)}`);
  }
}

async function keep(folder: string, path: string, made: Certificate): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    // A folder that is there already is the operator's and keeps its mode; the file alone guards the key then.
    await makeFolder(folder);
    const file = await open(temporary, "wx", FILE_MODE);
    try {
      await file.writeFile(made.key + made.cert);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    const reason = errorCode(error) ?? String(error);
    throw new TransportError("bad_certificate", `no certificate can be kept in ${folder}: ${reason}`, { cause: error });
  }
}
