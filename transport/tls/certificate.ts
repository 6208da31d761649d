import { randomBytes, type X509Certificate } from "node:crypto";
import { link, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Certificate, type KeyPairPem, TransportError } from "../../moq/link.ts";
import { makeFolder } from "../shared/index.ts";
import {
  assertValidAt,
  dnsNames,
  errorCode,
  type KeyPair,
  type PemSource,
  parseKeyPair,
  pemName,
  readKeyPair,
  readRegularFile,
} from "./pem.ts";
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
  /** PEM files of a configured certificate. Without them a self-signed one is made and kept in `stateDir`. */
  readonly files?: PemFiles;
  /** PEM files of certificates for clients that ask for one of their names. */
  readonly further?: readonly PemFiles[];
  /** Folder for files that survive a restart; created with mode 0700. */
  readonly stateDir: string;
  /** Names of a self-signed certificate besides `localhost`, `127.0.0.1` and `::1`. */
  readonly hosts: readonly string[];
  /** Milliseconds since 1970: a certificate's validity is in wall time. */
  readonly wallNow: () => number;
}

/** A chain and its key, usually as two files. */
export interface PemFiles {
  readonly cert: PemSource;
  readonly key: PemSource;
}

/** A certificate ready for use. */
export interface CertificateState {
  readonly certificate: Certificate;
  /** Lower-case hex of the SHA-256 of the DER. */
  readonly fingerprint: string;
  readonly notAfter: Date;
  /** No authority signed the certificate: clients need its fingerprint. */
  readonly selfSigned: boolean;
  /** This program made the certificate, and renews it. */
  readonly generated: boolean;
}

/**
 * The certificate to serve: the configured files, or the self-signed one of the state folder. A self-signed one is
 * replaced when it has less than two days left, names other hosts, or cannot be used.
 *
 * Throws {@link TransportError} `bad_certificate` saying what is wrong with which file.
 */
export async function loadCertificate(options: CertificateOptions): Promise<CertificateState> {
  return await withFurther(await loadMain(options), options);
}

/**
 * The certificate to serve after files were replaced, or `current` where the state folder has no usable one. It makes
 * none: relays with other hosts may share the folder, and would replace each other's certificates without end. Throws
 * as {@link loadCertificate}.
 */
export async function reloadCertificate(
  options: CertificateOptions,
  current: CertificateState,
): Promise<CertificateState> {
  if (options.files !== undefined) return await loadCertificate(options);
  const kept = await readUsable(options);
  return await withFurther(kept === undefined ? current : stateOf(kept, true), options);
}

async function withFurther(state: CertificateState, options: CertificateOptions): Promise<CertificateState> {
  const names = await loadFurther(options.further ?? [], options.wallNow());
  const { cert, key } = state.certificate;
  return { ...state, certificate: { cert, key, ...(names.size > 0 && { names }) } };
}

/** Further certificates by the names that they are for; the first certificate for a name counts. */
async function loadFurther(further: readonly PemFiles[], nowMs: number): Promise<Map<string, KeyPairPem>> {
  const names = new Map<string, KeyPairPem>();
  for (const { cert, key } of further) {
    const pair = await readKeyPair(cert, key);
    assertValidAt(pair.leaf, nowMs, pemName(cert));
    const own = dnsNames(pair.leaf);
    if (own.length === 0) {
      const message = `${pemName(cert)} names no host, so no client can ask for it`;
      throw new TransportError("bad_certificate", message, { fault: "certificate_without_names" });
    }
    for (const name of own) if (!names.has(name)) names.set(name, { cert: pair.cert, key: pair.key });
  }
  return names;
}

async function loadMain(options: CertificateOptions): Promise<CertificateState> {
  if (options.files !== undefined) {
    const pair = await readKeyPair(options.files.cert, options.files.key);
    assertValidAt(pair.leaf, options.wallNow(), pemName(options.files.cert));
    return stateOf(pair, false);
  }
  const kept = await readUsable(options);
  if (kept !== undefined) return stateOf(kept, true);
  const made = await makeSelfSigned(certificateHosts(options.hosts), options.wallNow());
  const path = selfSignedFile(options.stateDir);
  // Another relay with the same folder may have made one meanwhile. All relays serve the one in the file.
  const other = await keep(options.stateDir, path, made, () => readUsable(options));
  return stateOf(other ?? parseKeyPair(made.cert, path, made.key, path), true);
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

async function readUsable({ stateDir, hosts, wallNow }: CertificateOptions): Promise<KeyPair | undefined> {
  const kept = await readKept(selfSignedFile(stateDir));
  return kept !== undefined && isUsable(kept.leaf, certificateHosts(hosts), wallNow()) ? kept : undefined;
}

/** The state folder's certificate; undefined without a folder, without a file, or when the file is damaged. */
async function readKept(path: string): Promise<KeyPair | undefined> {
  try {
    const pem = (await readRegularFile(path)).toString("utf8");
    return parseKeyPair(pem, path, pem, path);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR" || error instanceof TransportError) return undefined;
    throw new TransportError("bad_certificate", `${path} cannot be read: ${code ?? String(error)}`);
  }
}

/**
 * Writes the certificate to the file, in place of one that cannot be used. If another relay wrote a usable one first,
 * resolves with that one.
 */
async function keep(
  folder: string,
  path: string,
  made: Certificate,
  usable: () => Promise<KeyPair | undefined>,
): Promise<KeyPair | undefined> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    // An existing folder is the operator's and keeps its mode; then the file's mode alone protects the key.
    await makeFolder(folder);
    const file = await open(temporary, "wx", FILE_MODE);
    try {
      await file.writeFile(made.key + made.cert);
      await file.sync();
    } finally {
      await file.close();
    }
    if (await linked(temporary, path)) return undefined;
    const other = await usable();
    if (other === undefined) await rename(temporary, path);
    return other;
  } catch (error) {
    throw new TransportError("bad_certificate", `cannot keep a certificate in ${folder}: ${whyNotKept(error)}`, {
      cause: error,
    });
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
  }
}

/** True when `path` now names the file; false when `path` exists already, or the file system has no links. */
async function linked(file: string, path: string): Promise<boolean> {
  try {
    await link(file, path);
    return true;
  } catch {
    return false;
  }
}

function whyNotKept(error: unknown): string {
  const code = errorCode(error);
  if (code === undefined) return error instanceof Error ? error.message : String(error);
  const why = new Map([
    ["EACCES", "this user may not write there"],
    ["EPERM", "this user may not write there"],
    ["EROFS", "the file system is read-only"],
    ["ENOENT", "it cannot be made"],
    ["ENOSPC", "the disk is full"],
    ["ENOTDIR", "it is not a folder"],
    ["EEXIST", "it is not a folder"],
  ]).get(code);
  return `${why === undefined ? code : `${why} (${code})`}; name another folder in [tls] state_dir`;
}
