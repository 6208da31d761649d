/** Handshakes that begin and never go on: QUIC Initial packets of one real client, each made to look like a client of its own. */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Engine } from "../../moq/link.ts";

/** RFC 9001 section 5.2. */
const SALT = Buffer.from("38762cf7f55934b34d179ae6a4c80cadccbb7f0a", "hex");
const TAG_BYTES = 16;
/** Milliseconds in which a client sends its first flight, and does not yet repeat it. */
const FLIGHT_MS = 100;

/** The first flight of a client that gets no answer: its datagrams. */
export async function firstFlight(engine: Engine): Promise<Buffer[]> {
  const datagrams: Buffer[] = [];
  const socket = createSocket("udp4", (datagram) => void datagrams.push(datagram)).bind(0, "127.0.0.1");
  await once(socket, "listening");
  const url = new URL(`https://127.0.0.1:${socket.address().port}/`);
  const limits = { uniStreams: 1, bidiStreams: 1, idleTimeoutMs: 1_000, keepAliveMs: 500, queueMark: 1_000 };
  const options = {
    url,
    protocols: ["moq-lite-05"],
    trust: { kind: "insecure" } as const,
    limits,
    timeoutMs: FLIGHT_MS,
  };
  const none = () => {
    throw new Error("there is no server");
  };
  await engine.dial(options, none).catch(() => {});
  socket.close();
  return datagrams.filter(
    (datagram) => isInitial(datagram) && dcidOf(datagram).equals(dcidOf(datagrams[0] ?? datagram)),
  );
}

/** The same flight of another client: with a destination connection id of its own, by which a server tells new connections apart. */
export function asAnotherClient(flight: readonly Buffer[]): Buffer[] {
  const dcid = randomBytes(dcidOf(flight[0] ?? Buffer.alloc(6)).length);
  return flight.map((datagram) => withDcid(datagram, dcid));
}

/** Sockets on as many addresses of loopback, from 127.0.0.2 on. */
export async function socketsOf(addresses: number): Promise<Socket[]> {
  return await Promise.all(
    Array.from({ length: addresses }, async (_, index) => {
      const socket = createSocket("udp4").bind(0, `127.0.${Math.floor((index + 2) / 250)}.${((index + 2) % 250) + 1}`);
      await once(socket, "listening");
      return socket;
    }),
  );
}

/** Sends `count` handshakes that never go on, spread over the sockets and over `ms` milliseconds. */
export async function flood(
  sockets: readonly Socket[],
  flight: readonly Buffer[],
  port: number,
  count: number,
  ms: number,
) {
  const begin = performance.now();
  for (let sent = 0; sent < count; sent++) {
    const socket = sockets[sent % sockets.length];
    for (const datagram of asAnotherClient(flight)) socket?.send(datagram, port, "127.0.0.1");
    const aheadMs = (sent / count) * ms - (performance.now() - begin);
    if (sent % 50 === 0) await sleep(Math.max(0, aheadMs));
  }
}

interface Keys {
  readonly key: Buffer;
  readonly iv: Buffer;
  readonly hp: Buffer;
}

function isInitial(datagram: Buffer): boolean {
  return ((datagram[0] ?? 0) & 0xf0) === 0xc0;
}

function dcidOf(datagram: Buffer): Buffer {
  return datagram.subarray(6, 6 + (datagram[5] ?? 0));
}

/** Decrypts an Initial packet that fills its datagram, and encrypts it again for the server's first keys under another id. */
function withDcid(datagram: Buffer, dcid: Buffer): Buffer {
  const old = dcidOf(datagram);
  // Version, ids, token and length precede the packet number (RFC 9000 section 17.2.2).
  let at = 6 + old.length;
  at += 1 + (datagram[at] ?? 0);
  const [token, afterTokenLength] = varint(datagram, at);
  at = afterTokenLength + token;
  const [length, numberAt] = varint(datagram, at);
  const packet = Buffer.from(datagram.subarray(0, numberAt + length));
  const from = keysOf(old);
  protect(packet, numberAt, from.hp, true);
  const numberBytes = ((packet[0] ?? 0) & 3) + 1;
  const payloadAt = numberAt + numberBytes;
  const number = packet.readUIntBE(numberAt, numberBytes);
  const decipher = createDecipheriv("aes-128-gcm", from.key, nonce(from.iv, number));
  decipher.setAAD(packet.subarray(0, payloadAt)).setAuthTag(packet.subarray(-TAG_BYTES));
  const payload = Buffer.concat([decipher.update(packet.subarray(payloadAt, -TAG_BYTES)), decipher.final()]);
  const to = keysOf(dcid);
  dcid.copy(packet, 6);
  const cipher = createCipheriv("aes-128-gcm", to.key, nonce(to.iv, number));
  cipher.setAAD(packet.subarray(0, payloadAt));
  Buffer.concat([cipher.update(payload), cipher.final(), cipher.getAuthTag()]).copy(packet, payloadAt);
  protect(packet, numberAt, to.hp, false);
  return packet;
}

/** Applies header protection, or takes it away (RFC 9001 section 5.4). */
function protect(packet: Buffer, numberAt: number, hp: Buffer, remove: boolean): void {
  const sample = packet.subarray(numberAt + 4, numberAt + 20);
  const cipher = createCipheriv("aes-128-ecb", hp, null).setAutoPadding(false);
  const mask = Buffer.concat([cipher.update(sample), cipher.final()]);
  const clear = packet[0] ?? 0;
  packet[0] = clear ^ ((mask[0] ?? 0) & 0x0f);
  const numberBytes = ((remove ? packet[0] : clear) & 3) + 1;
  for (let index = 0; index < numberBytes; index++) {
    packet[numberAt + index] = (packet[numberAt + index] ?? 0) ^ (mask[index + 1] ?? 0);
  }
}

function keysOf(dcid: Buffer): Keys {
  const initial = createHmac("sha256", SALT).update(dcid).digest();
  const client = expand(initial, "client in", 32);
  return { key: expand(client, "quic key", 16), iv: expand(client, "quic iv", 12), hp: expand(client, "quic hp", 16) };
}

/** HKDF-Expand-Label of TLS 1.3, for at most one block. */
function expand(secret: Buffer, label: string, bytes: number): Buffer {
  const full = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([Buffer.from([0, bytes, full.length]), full, Buffer.from([0, 1])]);
  return createHmac("sha256", secret).update(info).digest().subarray(0, bytes);
}

function nonce(iv: Buffer, number: number): Buffer {
  const bytes = Buffer.from(iv);
  bytes.writeUInt32BE((bytes.readUInt32BE(8) ^ number) >>> 0, 8);
  return bytes;
}

/** A value and the position after it (RFC 9000 section 16). */
function varint(bytes: Buffer, at: number): [value: number, next: number] {
  const length = 1 << ((bytes[at] ?? 0) >> 6);
  let value = (bytes[at] ?? 0) & 0x3f;
  for (let index = 1; index < length; index++) value = value * 256 + (bytes[at + index] ?? 0);
  return [value, at + length];
}
