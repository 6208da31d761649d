/** Groups of one frame in datagrams (moq-lite Datagrams). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Datagram, decodeDatagram, encodeDatagram } from "../../moq/wire/lite/datagram.ts";
import { bytes, hex } from "./support/bytes.ts";

const DATAGRAM: Datagram = { subscribe: 3, sequence: 300, timestamp: 1000, payload: bytes("aabb") };

test("a datagram is three numbers and a payload", () => {
  assert.equal(hex(encodeDatagram(DATAGRAM)), "03412c43e8aabb");
  assert.deepEqual(decodeDatagram(bytes("03 412c 43e8 aabb")), DATAGRAM);
  assert.deepEqual(decodeDatagram(bytes("00 00 00")), {
    subscribe: 0,
    sequence: 0,
    timestamp: 0,
    payload: new Uint8Array(0),
  });
});

test("a datagram has no negative timestamp", () => {
  assert.equal(hex(encodeDatagram({ ...DATAGRAM, timestamp: -5 })), "03412c00aabb");
});

test("a datagram that is cut off or too long, or has a number over 2^53-1, is dropped", () => {
  for (const cut of ["", "03", "0341", "03412c", "03412c43"]) assert.equal(decodeDatagram(bytes(cut)), undefined);
  assert.equal(decodeDatagram(bytes("00 00 c020000000000000 aa")), undefined);
  assert.equal(decodeDatagram(bytes("ffffffffffffffff 00 00 aa")), undefined);
});

test("a datagram is at most 1200 bytes long", () => {
  const longest = { ...DATAGRAM, payload: new Uint8Array(1195) };
  assert.equal(encodeDatagram(longest).length, 1200);
  assert.deepEqual(decodeDatagram(encodeDatagram(longest)), longest);
  assert.equal(decodeDatagram(encodeDatagram({ ...DATAGRAM, payload: new Uint8Array(1196) })), undefined);
});
