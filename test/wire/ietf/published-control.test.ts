/** Vectors of others for control messages of drafts 14 and 16: read, and written again byte for byte. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ProtocolViolation } from "../../../moq/wire/codec/index.ts";
import { encodeMessage, type Message, type Side } from "../../../moq/wire/ietf/index.ts";
import { bytes, concat, hex } from "../support/bytes.ts";
import { draft } from "./support/data.ts";
import { type PublishedVector, publishedMessages, publishedVectors } from "./support/published-vectors.ts";
import { readAll } from "./support/streams.ts";

/** Vectors that a draft does not allow, and why. */
const REFUSED: Record<string, string> = {
  "14 publish-namespace-ok basic": "PUBLISH_NAMESPACE_OK ends with the Request ID: there are no parameters",
  "14 subscribe-namespace-ok basic": "SUBSCRIBE_NAMESPACE_OK ends with the Request ID: there are no parameters",
  "14 subscribe-ok no-content": "SUBSCRIBE_OK: a Group Order of 0 is a protocol error",
  "16 fetch with-params": "Key-Value-Pair Structure: types are deltas, so the second one is 0x42, which is unknown",
  "16 publish-ok with-params":
    "Key-Value-Pair Structure: types are deltas, so the second one is 0x42, which is unknown",
  "16 subscribe unknown-extension-param": "Parameters: an unknown Message Parameter must close the session",
};

/** Vectors that are written in another way: with varints longer than necessary, a default value, or what this relay ignores. */
const OTHERWISE =
  /^1[46] \S+ non-canonical-|^14 client-setup two-versions$|^1[46] client-setup max-request-id-param$|^14 subscribe unknown-extension-param$/;

/** Messages of draft 16 on a stream of their own, and what comes before them. */
const STREAMS: Record<string, readonly string[]> = {
  "subscribe-namespace": [],
  namespace: ["request-ok"],
  "namespace-done": ["request-ok", "namespace"],
};

const SETUPS: Record<Side, string> = { client: "client-setup", server: "server-setup" };

/** The first vector of a file. */
function firstOf(number: 14 | 16, file: string): Uint8Array {
  const [first] = publishedVectors(number, `messages/${file}`);
  assert.ok(first);
  return bytes(first.hex);
}

/** The message after others on a stream. */
function last(
  place: Parameters<typeof readAll>[0],
  number: 14 | 16,
  all: readonly Uint8Array[],
  sizes: readonly number[],
) {
  const message = readAll(place, concat(...all), draft(number), sizes)[all.length - 1];
  if (message === undefined) throw new ProtocolViolation("Control Messages", "no complete message");
  return message;
}

/** On the control stream of that side, which begins with its SETUP. */
function readFrom(number: 14 | 16, side: Side, file: string, digits: string, sizes: readonly number[]): Message {
  const before = file === SETUPS[side] ? [] : [firstOf(number, SETUPS[side])];
  return last({ place: "control", from: side }, number, [...before, bytes(digits)], sizes);
}

/** Some messages are of one side alone. */
function read(number: 14 | 16, file: string, digits: string, sizes: readonly number[] = []): Message {
  const before = number === 16 ? STREAMS[file] : undefined;
  if (before !== undefined) {
    const place = before.length === 0 ? ("requests" as const) : ("answers" as const);
    const all = [...before.map((name) => firstOf(number, name)), bytes(digits)];
    return last({ place, from: "client", request: "subscribeNamespace" }, number, all, sizes);
  }
  try {
    return readFrom(number, "client", file, digits, sizes);
  } catch (error) {
    if (!(error instanceof ProtocolViolation)) throw error;
    return readFrom(number, "server", file, digits, sizes);
  }
}

function run(number: 14 | 16, file: string, { id, hex: digits, decoded }: PublishedVector): void {
  const name = `${number} ${file} ${id}`;
  if (decoded === undefined || REFUSED[name] !== undefined) {
    assert.throws(() => read(number, file, digits), ProtocolViolation);
    return;
  }
  const message = read(number, file, digits);
  for (const sizes of [[1], [3, 7]]) assert.deepEqual(read(number, file, digits, sizes), message);
  if (!OTHERWISE.test(name)) assert.equal(hex(encodeMessage(message, draft(number))), digits);
}

for (const number of [14, 16] as const) {
  for (const file of publishedMessages(number)) {
    describe(`draft ${number}: ${file}`, () => {
      for (const vector of publishedVectors(number, `messages/${file}`)) {
        test(`${vector.id}: ${vector.description}`, () => run(number, file, vector));
      }
    });
  }
}
