/** Frames of groups and of fetches (moq-lite FRAME), read from any pieces. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { DEFAULT_WIRE_LIMITS } from "../../moq/wire/codec/limits.ts";
import { encodeFrameHeader, FrameReader } from "../../moq/wire/lite/frame.ts";
import { frameHeaders } from "../../moq/wire/lite/frame-codec.ts";
import { encodeGroupStream } from "../../moq/wire/lite/group.ts";
import type { ObjectSink } from "../../moq/wire/lite/object.ts";
import { UniReader } from "../../moq/wire/lite/uni.ts";
import type { Capabilities } from "../../moq/wire/lite/versions.ts";
import { bytes, capsOf, concat, EVERY, hex } from "./support/bytes.ts";
import { readAll } from "./support/read.ts";

const plain = EVERY.filter(({ timestamps }) => !timestamps);
const FRAMED = EVERY.filter(({ objects }) => !objects);
const timed = FRAMED.filter(({ timestamps }) => timestamps);

describe("frame headers", () => {
  for (const caps of plain) {
    test(`of ${caps.protocol} are a size`, () => {
      assert.equal(hex(encodeFrameHeader(caps, 0, 5)), "00");
      assert.equal(hex(encodeFrameHeader(caps, 300, 5)), "412c");
      assert.equal(hex(encodeFrameHeader(caps, 0x0100_0000, 5)), "81000000");
    });
  }
  for (const caps of timed) {
    test(`of ${caps.protocol} are a timestamp delta and a size`, () => {
      assert.equal(hex(encodeFrameHeader(caps, 3, 0)), "0003");
      assert.equal(hex(encodeFrameHeader(caps, 3, 1000)), "47d003");
      assert.equal(hex(encodeFrameHeader(caps, 0, -1)), "0100");
      assert.equal(hex(encodeFrameHeader(caps, 300, -33)), "4041412c");
      assert.equal(hex(encodeFrameHeader(caps, 1, Number.MAX_SAFE_INTEGER)), "c03ffffffffffffe01");
      assert.equal(hex(encodeFrameHeader(caps, 1, -(2 ** 60))), "c03ffffffffffffd01");
    });
  }
});

describe("frames", () => {
  test("have the sum of the deltas as timestamp, which may fall and be negative", () => {
    const all = bytes("47d0 03 aabbcc  01 00  47d1 01 dd  4043 00");
    assert.deepEqual(readAll("frames", capsOf("moq-lite-05"), all), [
      { size: 3, timestamp: 1000, payload: "aabbcc" },
      { size: 0, timestamp: 999, payload: "" },
      { size: 1, timestamp: -2, payload: "dd" },
      { size: 0, timestamp: -36, payload: "" },
    ]);
  });

  test("have no timestamp before 05", () => {
    assert.deepEqual(readAll("frames", capsOf("moq-lite-04"), bytes("03 aabbcc 00 01 dd")), [
      { size: 3, timestamp: undefined, payload: "aabbcc" },
      { size: 0, timestamp: undefined, payload: "" },
      { size: 1, timestamp: undefined, payload: "dd" },
    ]);
  });

  test("have timestamps that start from 0 in each group", () => {
    for (const caps of timed) {
      const group = concat(encodeGroupStream(caps, { subscribe: 1, sequence: 2 }), bytes("0a 00"));
      for (let i = 0; i < 2; i++) {
        const [header, frame] = readAll("uni", caps, group);
        assert.deepEqual(header, { kind: "group", subscribe: 1, sequence: 2 });
        assert.deepEqual(frame, { size: 0, timestamp: 5, payload: "" });
      }
    }
  });

  test("may be missing: a group may be empty", () => {
    const empty = encodeGroupStream(capsOf("moq-lite-05"), { subscribe: 0, sequence: 0 });
    assert.equal(readAll("uni", capsOf("moq-lite-05"), empty).length, 1);
  });
});

interface Frame {
  readonly timestamp: number;
  readonly payload: Uint8Array;
}

function encode(caps: Capabilities, frames: readonly Frame[]): Uint8Array {
  let last = 0;
  const parts = frames.flatMap(({ timestamp, payload }) => {
    const header = frameHeaders(caps)(payload.length, timestamp - last).slice();
    last = timestamp;
    return [header, payload];
  });
  return concat(...parts);
}

test("frames are read as they were written, whatever the pieces", () => {
  const timestamp = fc.oneof(fc.integer(), fc.integer({ min: -(2 ** 52), max: 2 ** 52 - 1 }));
  const frame = fc.record({ timestamp, payload: fc.uint8Array({ maxLength: 200 }) });
  const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 8 });
  fc.assert(
    fc.property(fc.constantFrom(...FRAMED), fc.array(frame, { maxLength: 12 }), sizes, (caps, frames, pieces) => {
      const expected = frames.map(({ timestamp, payload }) => ({
        size: payload.length,
        timestamp: caps.timestamps ? timestamp : undefined,
        payload: hex(payload),
      }));
      const all = encode(caps, frames);
      assert.deepEqual(readAll("frames", caps, all, { sizes: pieces }), expected);
      const group = concat(encodeGroupStream(caps, { subscribe: 4, sequence: 9 }), all);
      const header = { kind: "group", subscribe: 4, sequence: 9 };
      assert.deepEqual(readAll("uni", caps, group, { sizes: pieces }), [header, ...expected]);
    }),
    { numRuns: 500 },
  );
});

describe("payloads are cut through", () => {
  const caps = capsOf("moq-lite-05");
  const header = encodeGroupStream(caps, { subscribe: 4, sequence: 9 });

  function record(): { events: string[]; buffers: Set<ArrayBufferLike>; sink: ObjectSink } {
    const events: string[] = [];
    const buffers = new Set<ArrayBufferLike>();
    const sink = {
      object: (size: number, timestamp: number | undefined) => events.push(`frame ${size} at ${timestamp}`),
      payload: (piece: Uint8Array) => {
        events.push(`payload ${hex(piece)}`);
        buffers.add(piece.buffer);
      },
      end: () => events.push("end"),
      status: () => assert.fail("frames have no status"),
    };
    return { events, buffers, sink };
  }

  test("a frame is passed on as it arrives, and announced before its payload", () => {
    const { events, buffers, sink } = record();
    const reader = new FrameReader(caps, DEFAULT_WIRE_LIMITS, sink);
    const pieces = [bytes("02"), bytes("05"), bytes("aa"), bytes("bbccdd"), bytes("ee 02 00 02"), bytes("01 ff")];
    for (const piece of pieces) reader.push(piece);
    reader.finish();
    assert.deepEqual(events, [
      "frame 5 at 1",
      "payload aa",
      "payload bbccdd",
      "payload ee",
      "end",
      "frame 0 at 2",
      "end",
      "frame 1 at 3",
      "payload ff",
      "end",
    ]);
    const pushed = new Set(pieces.map((piece) => piece.buffer));
    for (const buffer of buffers) assert.ok(pushed.has(buffer), "a slice of what was pushed");
  });

  test("frames in the same piece as the group's header are not copied either", () => {
    const { events, buffers, sink } = record();
    const reader = new UniReader(caps, DEFAULT_WIRE_LIMITS, {
      group: () => sink,
      setup: () => assert.fail(),
      unknown: () => assert.fail(),
    });
    const all = concat(header, bytes("00 03 aabbcc"));
    reader.push(all);
    assert.deepEqual(events, ["frame 3 at 0", "payload aabbcc", "end"]);
    assert.deepEqual([...buffers], [all.buffer]);
  });

  test("a frame's size is reported before its payload, up to the bound", () => {
    const { events, sink } = record();
    new FrameReader(caps, DEFAULT_WIRE_LIMITS, sink).push(bytes("00 81000000"));
    assert.deepEqual(events, ["frame 16777216 at 0"]);
  });
});
