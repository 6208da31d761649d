/**
 * The header with which a proxy of TCP names its client: "The PROXY protocol, versions 1 and 2" of HAProxy. It comes before everything else on
 * the connection, also before TLS.
 */
import { isIPv4, isIPv6, SocketAddress } from "node:net";
import type { PeerAddress } from "../../moq/link.ts";

/**
 * Most bytes of a header. Addresses need 52; the rest is for extensions (TLVs), such as the names of a client's certificate. A longer header
 * is refused.
 */
export const MAX_HEADER_BYTES = 4_096;

/** Most bytes of version 1, its line end included (section 2.1). */
const MAX_TEXT_BYTES = 107;

const SIGNATURE_1 = Buffer.from("PROXY ");
const SIGNATURE_2 = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");

/** Bytes of version 2 before the addresses: signature, version and command, family, length. */
const FIXED_BYTES = 16;

const LOCAL = 0x20;
const PROXY = 0x21;

/** Address families (high half) and transport protocols (low half) above these are reserved: receivers must refuse them (section 2.2). */
const LAST_FAMILY = 3;
const LAST_PROTOCOL = 2;

const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;

/** Bytes of two addresses and two ports. */
const IPV4_BYTES = 12;
const IPV6_BYTES = 36;

/** A whole header. */
export interface ProxyHeader {
  /** Bytes of the header. What follows is the client's. */
  readonly length: number;
  /** The client; undefined where the proxy speaks for itself, as for a health check, or names no TCP client. */
  readonly client: PeerAddress | undefined;
}

/** The header at the start of `bytes`; `partial` while more bytes are needed. */
export function readHeader(bytes: Uint8Array): ProxyHeader | "partial" | "invalid" {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (begins(buffer, SIGNATURE_2)) return readBinary(buffer);
  if (begins(buffer, SIGNATURE_1)) return readText(buffer);
  return "invalid";
}

/** True when `bytes` begin with the whole signature of a header. */
export function isHeader(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return [SIGNATURE_1, SIGNATURE_2].some((one) => buffer.length >= one.length && begins(buffer, one));
}

/** The header of a connection that a proxy, or the relay itself, opens for itself. */
export function localHeader(): Uint8Array {
  return Uint8Array.from([...SIGNATURE_2, LOCAL, 0, 0, 0]);
}

/** True when one of both begins with the other. */
function begins(bytes: Buffer, signature: Buffer): boolean {
  const shared = Math.min(bytes.length, signature.length);
  return bytes.compare(signature, 0, shared, 0, shared) === 0;
}

function readBinary(bytes: Buffer): ProxyHeader | "partial" | "invalid" {
  if (bytes.length < FIXED_BYTES) return "partial";
  const command = bytes.readUInt8(12);
  const family = bytes.readUInt8(13);
  const size = bytes.readUInt16BE(14);
  const length = FIXED_BYTES + size;
  if (command !== LOCAL && command !== PROXY) return "invalid";
  if (family >> 4 > LAST_FAMILY || (family & 0x0f) > LAST_PROTOCOL || length > MAX_HEADER_BYTES) return "invalid";
  const needed =
    command === LOCAL ? 0 : family === TCP_OVER_IPV4 ? IPV4_BYTES : family === TCP_OVER_IPV6 ? IPV6_BYTES : 0;
  if (size < needed) return "invalid";
  if (bytes.length < length) return "partial";
  if (needed === 0) return { length, client: undefined };
  const at = FIXED_BYTES;
  const client =
    needed === IPV4_BYTES
      ? { address: bytes.subarray(at, at + 4).join("."), port: bytes.readUInt16BE(at + 8) }
      : { address: ipv6(bytes.subarray(at, at + 16)), port: bytes.readUInt16BE(at + 32) };
  return { length, client };
}

function ipv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  return plainAddress(new SocketAddress({ address: groups.join(":"), family: "ipv6" }).address);
}

function readText(bytes: Buffer): ProxyHeader | "partial" | "invalid" {
  const end = bytes.subarray(0, MAX_TEXT_BYTES).indexOf("\r\n");
  if (end < 0) return bytes.length < MAX_TEXT_BYTES ? "partial" : "invalid";
  const [, family = "", source = "", target = "", port = "", targetPort = "", ...more] = bytes
    .toString("latin1", 0, end)
    .split(" ");
  const length = end + 2;
  // "The receiver must ignore anything presented before the CRLF" (section 2.1).
  if (family === "UNKNOWN") return { length, client: undefined };
  const isAddress = family === "TCP4" ? isIPv4 : family === "TCP6" ? isIPv6 : () => false;
  const sound = isAddress(source) && isAddress(target) && isPort(port) && isPort(targetPort) && more.length === 0;
  return sound ? { length, client: { address: plainAddress(source), port: Number(port) } } : "invalid";
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 0xffff;
}

/** An address without a zone; IPv4 inside IPv6 becomes IPv4. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, "");
}
