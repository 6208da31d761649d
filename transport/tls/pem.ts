import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { TransportError } from "../../moq/link.ts";

/** Largest PEM file that is read, in bytes: a chain with its key is a few kilobytes. */
const MAX_PEM_BYTES = 1024 * 1024;

const CERTIFICATE_BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** A certificate chain and its key, checked to belong together. */
export interface KeyPair {
  /** The first certificate: the server's own. */
  readonly leaf: X509Certificate;
  /** All certificates, PEM, the server's own first. */
  readonly cert: string;
  /** PKCS#8 PEM. */
  readonly key: string;
}

/** PEM: the path of its file, or the text itself with a name for messages. */
export type PemSource = string | { readonly pem: string; readonly name: string };

/** As messages name it: the path of the file, or the name of the text. */
export function pemName(source: PemSource): string {
  return typeof source === "string" ? source : source.name;
}

/** Reads a chain and a key. Throws {@link TransportError} `bad_certificate` with the file's name. */
export async function readKeyPair(cert: PemSource, key: PemSource): Promise<KeyPair> {
  const [certPem, keyPem] = await Promise.all([readPem(cert, "certificate"), readPem(key, "key")]);
  return parseKeyPair(certPem, pemName(cert), keyPem, pemName(key));
}

/** As {@link readKeyPair}, from text. Errors use the names. */
export function parseKeyPair(certPem: string, certName: string, keyPem: string, keyName: string): KeyPair {
  const blocks = certPem.match(CERTIFICATE_BLOCK) ?? [];
  const chain = blocks.map((block) => parseCertificate(block, certName));
  const [leaf] = chain;
  if (leaf === undefined) throw bad("certificate_invalid", `${certName} holds no PEM certificate`);
  const key = parseKey(keyPem, keyName);
  if (!leaf.checkPrivateKey(key)) {
    const own = chain.findIndex((one) => one.checkPrivateKey(key)) + 1;
    const message = `the key in ${keyName} does not belong to the first certificate in ${certName}`;
    if (own === 0) throw bad("key_mismatch", message);
    throw bad("certificate_order", `${message}, but to number ${own}: put the server's own certificate first`);
  }
  return { leaf, cert: `${blocks.join("\n")}\n`, key: key.export({ format: "pem", type: "pkcs8" }).toString() };
}

/** Reads the certificates of authorities, PEM. Throws {@link TransportError} `bad_certificate` with the file's name. */
export async function readAuthorities(file: string): Promise<string> {
  const blocks = (await readPem(file, "authorities")).match(CERTIFICATE_BLOCK);
  if (blocks === null) throw bad("authorities_invalid", `${file} holds no PEM certificate`);
  for (const block of blocks) parseCertificate(block, file);
  return `${blocks.join("\n")}\n`;
}

/** The certificates of a PEM text that {@link readAuthorities} or {@link readKeyPair} has read, in its order. */
export function certificatesIn(pem: string): X509Certificate[] {
  return (pem.match(CERTIFICATE_BLOCK) ?? []).map((block) => new X509Certificate(block));
}

/** Throws when the certificate is not valid at `nowMs` (milliseconds since 1970). */
export function assertValidAt(leaf: X509Certificate, nowMs: number, name: string): void {
  if (nowMs > leaf.validToDate.getTime()) {
    throw bad("certificate_expired", `the certificate in ${name} expired on ${leaf.validToDate.toISOString()}`);
  }
  if (nowMs < leaf.validFromDate.getTime()) {
    throw bad(
      "certificate_not_yet_valid",
      `the certificate in ${name} is not valid before ${leaf.validFromDate.toISOString()}`,
    );
  }
}

/** The DNS names of its Subject Alternative Name (RFC 5280 section 4.2.1.6), lower-case. */
export function dnsNames({ subjectAltName = "" }: X509Certificate): string[] {
  return [...subjectAltName.matchAll(/(?:^|, )DNS:([^,"]+)/g)].map(([, name = ""]) => name.toLowerCase());
}

/** Throws {@link TransportError} `bad_certificate`; `what` names the file in its message. */
export async function readPem(source: PemSource, what: string): Promise<string> {
  if (typeof source !== "string") return source.pem;
  const path = source;
  let bytes: Buffer;
  try {
    bytes = await readRegularFile(path);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT") throw bad("file_missing", `the ${what} file ${path} does not exist`, error);
    if (code === "EACCES")
      throw bad("file_unreadable", `the ${what} file ${path} cannot be read: permission denied`, error);
    if (code === "EISDIR") throw bad("file_unreadable", `the ${what} file ${path} is a folder`, error);
    throw bad("file_unreadable", `the ${what} file ${path} cannot be read: ${code ?? messageOf(error)}`, error);
  }
  return bytes.toString("utf8");
}

/**
 * Reads a regular file of at most {@link MAX_PEM_BYTES}. Opening a FIFO would wait for its writer for ever.
 * auth/files.ts has a reader of its own: auth and transport import nothing of each other.
 */
export async function readRegularFile(path: string): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (stats.isDirectory()) throw Object.assign(new Error("it is a folder"), { code: "EISDIR" });
    if (!stats.isFile()) throw new Error("it is not a regular file");
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(Math.min(stats.size, MAX_PEM_BYTES) + 1) });
    if (bytesRead > MAX_PEM_BYTES) throw new Error(`it is larger than ${MAX_PEM_BYTES} bytes`);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function parseCertificate(pem: string, name: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw bad("certificate_invalid", `${name} holds a certificate that cannot be parsed`, error);
  }
}

// Without the cause: OpenSSL's message adds nothing, and no part of a key may reach a log.
function parseKey(pem: string, name: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ERR_MISSING_PASSPHRASE" || /ENCRYPTED/.test(pem)) {
      throw bad("key_encrypted", `the key in ${name} is encrypted; give one without a passphrase`);
    }
    throw bad("key_invalid", `${name} holds no private key in PEM form`);
  }
}

/** The `code` of a system or OpenSSL error, where it has one. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

function bad(fault: string, message: string, cause?: unknown): TransportError {
  return new TransportError("bad_certificate", message, { cause, fault });
}
