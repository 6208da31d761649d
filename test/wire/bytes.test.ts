/** Every message of every version, byte for byte. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ProtocolViolation } from "../../moq/wire/codec/errors.ts";
import { encodeAnnouncement } from "../../moq/wire/lite/announce.ts";
import { encodeSubscribeResponse } from "../../moq/wire/lite/subscribe.ts";
import { bytes, capsOf, EVERY, hex } from "./support/bytes.ts";
import { readAll } from "./support/read.ts";
import { streamOf, VECTORS } from "./support/vectors.ts";

/** Stream type. */
const PROBE_STREAM = 4;

describe("bytes", () => {
  for (const vector of VECTORS) {
    test(`of ${vector.name}`, () => {
      const { stream, caps, before, first, message, encode } = vector;
      const all = streamOf(vector);
      if (encode !== undefined) assert.equal(hex(encode()), hex(vector.bytes), "written");
      assert.deepEqual(readAll(stream, caps, all), [...first, message], "read");
      assert.deepEqual(readAll(stream, caps, all, { sizes: [1] }), [...first, message], "read one by one");
      for (let length = before.length + 1; length < all.length; length++) {
        const cut = all.subarray(0, length);
        // A Probe Stream may have no message after its type.
        if (stream === "request" && all[0] === PROBE_STREAM && length === 1) continue;
        assert.throws(() => readAll(stream, caps, cut), ProtocolViolation, `cut off at ${length}`);
      }
    });
  }

  test("cover every version on every kind of stream that it has", () => {
    for (const { protocol, trackStream } of EVERY) {
      const kinds = new Set(VECTORS.filter(({ caps }) => caps.protocol === protocol).map(({ stream }) => stream));
      const expected = ["announce", "probe", "request", "subscribe", "uni", ...(trackStream ? ["track"] : [])];
      assert.deepEqual([...kinds].toSorted(), expected.toSorted(), protocol);
    }
  });
});

describe("a message that the version does not have is not written", () => {
  const fields = { hops: [], epoch: 0n, ended: false, cost: 0 };

  test("an update of 05 is a repeated start, which 03 and 04 do not know", () => {
    const update = { kind: "update" as const, suffix: "a", ...fields, hops: [1n] };
    assert.equal(hex(encodeAnnouncement(update, capsOf("moq-lite-05"))), hex(bytes("05 01 01 61 01 01")));
    for (const version of ["moq-lite-03", "moq-lite-04"] as const) {
      assert.throws(() => encodeAnnouncement(update, capsOf(version)), RangeError);
    }
  });

  test("an announcement without an id or a suffix", () => {
    assert.throws(() => encodeAnnouncement({ kind: "end", suffix: "a" }, capsOf("moqmesh-1")), RangeError);
    assert.throws(
      () => encodeAnnouncement({ kind: "update", suffix: "a", ...fields }, capsOf("moqmesh-1")),
      RangeError,
    );
    assert.throws(() => encodeAnnouncement({ kind: "end", id: 1 }, capsOf("moq-lite-05")), RangeError);
  });

  test("an answer to SUBSCRIBE of another version", () => {
    const ok = { kind: "ok" as const, priority: 0, ordered: false, maxLatency: 0 };
    assert.throws(() => encodeSubscribeResponse(ok, capsOf("moq-lite-05")), RangeError);
    assert.throws(() => encodeSubscribeResponse({ kind: "start", group: 1 }, capsOf("moq-lite-04")), RangeError);
    assert.throws(() => encodeSubscribeResponse({ kind: "end", group: 1 }, capsOf("moq-lite-03")), RangeError);
  });
});
