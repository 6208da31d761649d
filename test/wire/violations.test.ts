/** What a peer may not send, and the error that it gets. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BoundExceeded, ProtocolViolation, RequestViolation } from "../../moq/wire/codec/errors.ts";
import { DEFAULT_WIRE_LIMITS } from "../../moq/wire/codec/limits.ts";
import type { LiteVersion } from "../../moq/wire/lite/versions.ts";
import { bytes, capsOf, concat, EVERY } from "./support/bytes.ts";
import { readAll, reading, type StreamKind } from "./support/read.ts";

type Case = readonly [what: string, version: LiteVersion, stream: StreamKind, bytes: Uint8Array, message: RegExp];

/** A varint of two bytes. */
const two = (value: number) => Uint8Array.of(0x40 | (value >> 8), value & 0xff);
/** A message of that body. */
const message = (...body: Uint8Array[]) => concat(two(concat(...body).length), ...body);
const string = (text: string) => concat(two(Buffer.byteLength(text)), Buffer.from(text));
const request = (type: number, ...body: Uint8Array[]) => concat(Uint8Array.of(type), message(...body));

const CASES: readonly Case[] = [
  ["a path that is not UTF-8", "moqmesh-1", "request", bytes("06 05 02 c328 00 00"), /^TRACK: not UTF-8$/],
  ["a body that ends early", "moq-lite-05", "request", bytes("01 01 05"), /^ANNOUNCE_REQUEST: ends too early$/],
  ["a body of no bytes", "moq-lite-05", "request", bytes("03 00"), /^FETCH: ends too early$/],
  [
    "bytes after the last field",
    "moq-lite-03",
    "request",
    bytes("01 02 00 00"),
    /ANNOUNCE_REQUEST: 1 unexpected bytes at the end/,
  ],
  ["a message too long", "moq-lite-05", "request", bytes("01 80004001"), /ANNOUNCE_REQUEST: message too long/],
  [
    "a URI too long",
    "moq-lite-04",
    "request",
    request(5, string("u".repeat(8193))),
    /GOAWAY: string of 8193 bytes, at most 8192/,
  ],
  [
    "a subscribe id over 2^53-1",
    "moq-lite-05",
    "request",
    bytes("02 08 c020000000000000"),
    /SUBSCRIBE: number over 2\^53-1/,
  ],
  [
    "an order that is neither",
    "moq-lite-05",
    "request",
    bytes("02 09 00 00 00 00 02 00 00 00 00"),
    /SUBSCRIBE: flag is neither/,
  ],
  ["an ended flag that is neither", "moqmesh-1", "request", bytes("01 02 00 02"), /ANNOUNCE_REQUEST: flag is neither/],
  ["a second ANNOUNCE_REQUEST", "moq-lite-03", "request", bytes("01 01 00 01 00"), /unexpected message/],
  ["a message after FETCH", "moq-lite-03", "request", bytes("03 04 00 00 00 00 00"), /unexpected message/],
  ["a message after TRACK", "moq-lite-05", "request", bytes("06 02 00 00 00"), /unexpected message/],
  ["a message after GOAWAY", "moq-lite-05", "request", bytes("05 01 00 00"), /unexpected message/],
  ["half a stream type", "moq-lite-05", "request", bytes("40"), /STREAM_TYPE: stream ends before its first/],
  [
    "a stream type and nothing else",
    "moq-lite-05",
    "request",
    bytes("02"),
    /STREAM_TYPE: stream ends before its first/,
  ],

  [
    "an announcement before ANNOUNCE_OK",
    "moq-lite-05",
    "announce",
    bytes("03 01 00 00"),
    /ANNOUNCE_OK: 1 unexpected bytes at the end/,
  ],
  [
    "a status of the future",
    "moq-lite-05",
    "announce",
    bytes("02 00 00 03 03 00 00"),
    /ANNOUNCE_BROADCAST: unknown status/,
  ],
  ["a restart in 03", "moq-lite-03", "announce", bytes("03 02 00 00"), /ANNOUNCE_BROADCAST: unknown status/],
  ["a restart in 04", "moq-lite-04", "announce", bytes("03 02 00 00"), /ANNOUNCE_BROADCAST: unknown status/],
  ["an end without its hops", "moq-lite-04", "announce", bytes("02 00 00"), /ANNOUNCE_BROADCAST: ends too early/],
  ["33 hops counted", "moq-lite-03", "announce", bytes("03 01 00 21"), /33 hops, at most 32/],
  ["33 hops listed", "moq-lite-04", "announce", message(bytes("01 00 21"), new Uint8Array(33)), /33 hops, at most 32/],
  ["fewer hops than counted", "moq-lite-04", "announce", bytes("04 01 00 02 07"), /ANNOUNCE_BROADCAST: ends too early/],
  [
    "more hops than counted",
    "moq-lite-04",
    "announce",
    bytes("05 01 00 01 07 07"),
    /ANNOUNCE_BROADCAST: 1 unexpected bytes at the end/,
  ],
  [
    "an announcement type of the future",
    "moqmesh-1",
    "announce",
    bytes("02 00 00 03"),
    /Announce: unknown message type/,
  ],
  ["an ended flag in a start", "moqmesh-1", "announce", bytes("02 00 00 00 05 00 00 02 00 00"), /ANNOUNCE_START: flag/],
  [
    "an announce id over 2^53-1",
    "moqmesh-1",
    "announce",
    bytes("02 00 00 01 08 c020000000000000"),
    /ANNOUNCE_END: number/,
  ],
  [
    "an update without its fields",
    "moq-lite-06-wip",
    "announce",
    bytes("02 00 00 02 01 00"),
    /ANNOUNCE_UPDATE: ends too early/,
  ],

  [
    "an announcement before ANNOUNCE_OK of 06",
    "moq-lite-06",
    "announce",
    bytes("00 05 00 00 00 00 00"),
    /ANNOUNCE_OK: ends too early/,
  ],
  [
    "a hop that is twice in a list",
    "moq-lite-06",
    "announce",
    bytes("02 00 00 00 07 00 03 07 00 07 00 00"),
    /ANNOUNCE_START: same hop twice/,
  ],
  [
    "a start with one cost in 06",
    "moq-lite-06",
    "announce",
    bytes("02 00 00 00 03 00 00 00"),
    /ANNOUNCE_START: ends too early/,
  ],
  [
    "an announcement type that 06 does not have",
    "moq-lite-06",
    "announce",
    bytes("02 00 00 03"),
    /Announce: unknown message type/,
  ],
  [
    "an ordered flag in 06",
    "moq-lite-06",
    "request",
    bytes("02 0a 00 00 00 00 00 00 00 00 00 00"),
    /SUBSCRIBE: 1 unexpected bytes at the end/,
  ],
  ["an ordered flag in TRACK_INFO of 06", "moq-lite-06", "track", bytes("04 00 00 00 01"), /TRACK_INFO: /],
  ["a GROUP without Frame Start in 06", "moq-lite-06", "uni", bytes("00 02 00 00"), /GROUP: ends too early/],
  ["a GROUP with Frame Start in 05", "moq-lite-05", "uni", bytes("00 03 00 00 00"), /GROUP: 1 unexpected bytes/],
  [
    "a URI too long in 06",
    "moq-lite-06",
    "request",
    request(5, string("u".repeat(8193))),
    /GOAWAY: string of 8193 bytes, at most 8192/,
  ],

  ["SUBSCRIBE_END in 04", "moq-lite-04", "subscribe", bytes("02"), /Subscribe: unknown message type/],
  ["a response of the future", "moq-lite-05", "subscribe", bytes("03"), /Subscribe: unknown message type/],
  ["a drop that ends before it starts", "moq-lite-05", "subscribe", bytes("02 03 03 02 00"), /SUBSCRIBE_DROP: range/],
  ["properties in SUBSCRIBE_OK of 05", "moq-lite-05", "subscribe", bytes("00 05 80 01 00 04 00"), /SUBSCRIBE_OK: /],
  ["a timescale of 0", "moq-lite-05", "track", bytes("04 00 00 00 00"), /TRACK_INFO: timescale of 0/],
  ["a second TRACK_INFO", "moq-lite-05", "track", bytes("04 00 00 00 01 04"), /unexpected message/],
  ["a probe without its RTT", "moq-lite-04", "probe", bytes("01 00"), /PROBE: ends too early/],
  ["a probe with an RTT in 03", "moq-lite-03", "probe", bytes("02 00 00"), /PROBE: 1 unexpected bytes at the end/],

  ["half a type of a unidirectional stream", "moq-lite-05", "uni", bytes("40"), /stream ends before its first message/],
  ["a stream that ends inside GROUP", "moq-lite-05", "uni", bytes("00 02 00"), /stream ends before its first message/],
  ["a GROUP too long", "moq-lite-05", "uni", bytes("00 03 00 00 00"), /GROUP: 1 unexpected bytes at the end/],
  ["a GROUP over the bound", "moq-lite-05", "uni", bytes("00 80004001"), /GROUP: message too long/],
  [
    "a group that ends inside a frame",
    "moq-lite-05",
    "uni",
    bytes("00 02 00 00 00 02 aa"),
    /FRAME: stream ends inside a frame/,
  ],
  [
    "a group that ends inside a header",
    "moq-lite-05",
    "uni",
    bytes("00 02 00 00 00"),
    /FRAME: stream ends inside a frame/,
  ],
  ["a timestamp delta over 2^53-1", "moq-lite-05", "frames", bytes("c040000000000000 00"), /FRAME: timestamp beyond/],
  ["the least delta below -(2^53-1)", "moq-lite-05", "frames", bytes("c03fffffffffffff 00"), /FRAME: timestamp beyond/],
  ["a sum over 2^53-1", "moq-lite-05", "frames", bytes("c03ffffffffffffe 00 02 00"), /FRAME: timestamp beyond/],
  ["a sum below -(2^53-1)", "moq-lite-05", "frames", bytes("c03ffffffffffffd 00 01 00"), /FRAME: timestamp beyond/],
  ["a message after SETUP", "moq-lite-05", "uni", bytes("01 01 00 00"), /SETUP: unexpected message/],
  ["a parameter given twice", "moq-lite-05", "uni", bytes("01 07 02 09 01 00 09 01 00"), /SETUP: same parameter twice/],
  ["65 parameters", "moq-lite-05", "uni", bytes("01 02 4041"), /SETUP: 65 parameters, at most 64/],
  ["fewer parameters than counted", "moq-lite-05", "uni", bytes("01 04 02 09 01 00"), /SETUP: ends too early/],
  [
    "more parameters than counted",
    "moq-lite-05",
    "uni",
    bytes("01 04 00 09 01 00"),
    /SETUP: 3 unexpected bytes at the end/,
  ],
  [
    "a probe level with more behind it",
    "moq-lite-05",
    "uni",
    bytes("01 05 01 01 02 00 00"),
    /Probe Parameter: 1 unexpected bytes at the end/,
  ],
  ["a role of no bytes", "moq-lite-05", "uni", bytes("01 03 01 03 00"), /Role Parameter: ends too early/],
  ["a path that is not UTF-8", "moq-lite-05", "uni", bytes("01 04 01 02 01 ff"), /Path Parameter: not UTF-8/],
];

describe("a protocol violation", () => {
  for (const [what, version, stream, all, expected] of CASES) {
    test(`${what} (${stream}, ${version})`, () => {
      for (const sizes of [[], [1]]) {
        assert.throws(
          () => readAll(stream, capsOf(version), all, { sizes }),
          (error) => error instanceof ProtocolViolation && expected.test(error.message) && error.message.length < 128,
        );
      }
    });
  }

  test("names the clause that was broken", () => {
    assert.throws(() => readAll("track", capsOf("moq-lite-05"), bytes("04 00 00 00 00")), { clause: "TRACK_INFO" });
  });

  test("of the length is found before the body arrives, and costs no memory", () => {
    const reader = reading("request", capsOf("moq-lite-05"), () => assert.fail("nothing is complete"));
    reader.push(bytes("02"));
    assert.throws(() => reader.push(bytes("bfffffff")), ProtocolViolation);
  });
});

describe("a request that contradicts itself is refused alone", () => {
  for (const [what, all, expected] of [
    [
      "Frame End without Group End",
      bytes("02 09 00 00 00 00 00 00 00 00 01"),
      /^SUBSCRIBE: Frame End without Group End$/,
    ],
    [
      "Frame End without Group End in an update",
      bytes("02 09 00 00 00 00 00 00 00 00 00 06 00 00 00 00 00 01"),
      /^SUBSCRIBE_UPDATE: Frame End without Group End$/,
    ],
    ["frames that end before they start", bytes("03 06 00 00 00 00 06 03"), /^FETCH: frames end before they start$/],
  ] as const) {
    test(what, () => {
      assert.throws(
        () => readAll("request", capsOf("moq-lite-06"), all),
        (error) => error instanceof RequestViolation && expected.test(error.message),
      );
    });
  }
});

describe("a path or a name over its bound is no violation", () => {
  const path = string("a".repeat(1025));
  const name = string("t".repeat(257));
  for (const [what, version, all, bound] of [
    ["ANNOUNCE_REQUEST", "moq-lite-03", request(1, path), "path_bytes"],
    ["ANNOUNCE_REQUEST of 33 parts", "moq-lite-03", request(1, string("a/".repeat(33))), "path_bytes"],
    ["SUBSCRIBE", "moq-lite-04", request(2, bytes("00"), path), "path_bytes"],
    ["SUBSCRIBE of a track", "moq-lite-04", request(2, bytes("00"), string("a"), name), "track_name_bytes"],
    ["FETCH", "moq-lite-05", request(3, path), "path_bytes"],
    ["FETCH of a track", "moq-lite-05", request(3, string("a"), name), "track_name_bytes"],
    ["TRACK", "moqmesh-1", request(6, path), "path_bytes"],
    ["TRACK of a track", "moq-lite-05", request(6, string("a"), name), "track_name_bytes"],
  ] as const) {
    test(`${what} (${version})`, () => {
      assert.throws(
        () => readAll("request", capsOf(version), all),
        (error) => error instanceof BoundExceeded && error.bound === bound,
      );
    });
  }

  test("in an announcement does not affect the other announcements", () => {
    const refused = { kind: "oversized", bound: "path_bytes" };
    const plain = concat(message(bytes("01"), path, bytes("00")), message(bytes("00 01 62 00")));
    assert.deepEqual(readAll("announce", capsOf("moq-lite-03"), plain), [refused, { kind: "end", suffix: "b" }]);
    const typed = concat(bytes("02 00 00 00"), message(path, bytes("00 00")), bytes("01 01 00"));
    assert.deepEqual(readAll("announce", capsOf("moq-lite-06-wip"), typed).slice(1), [refused, { kind: "end", id: 0 }]);
  });
});

test("an empty stream is no violation", () => {
  for (const caps of EVERY) {
    assert.deepEqual(readAll("request", caps, bytes("")), []);
    assert.deepEqual(readAll("uni", caps, bytes("")), []);
    assert.deepEqual(readAll("request", caps, bytes("04")), []);
  }
});

describe("unknown types and values are no violation", () => {
  test("bidirectional stream types, whatever follows them", () => {
    for (const caps of EVERY) {
      const unknown = readAll("request", caps, bytes("07 ff ff ff"), { sizes: [2] });
      assert.deepEqual(unknown, [{ kind: "unknown", type: 7 }]);
      assert.deepEqual(readAll("request", caps, bytes("00 00")), [{ kind: "unknown", type: 0 }]);
    }
  });

  test("stream types that only other versions have", () => {
    assert.deepEqual(readAll("request", capsOf("moq-lite-03"), bytes("05 01 00")), [{ kind: "unknown", type: 5 }]);
    assert.deepEqual(readAll("request", capsOf("moq-lite-04"), bytes("06 00")), [{ kind: "unknown", type: 6 }]);
    assert.deepEqual(readAll("uni", capsOf("moq-lite-04"), bytes("01 01 00")), [{ kind: "unknown", type: 1 }]);
  });

  test("unidirectional stream types, whatever follows them", () => {
    for (const caps of EVERY) {
      assert.deepEqual(readAll("uni", caps, bytes(caps.leadingOnes ? "63 ff" : "4063 ff"), { sizes: [1] }), [
        { kind: "unknown", type: 99 },
      ]);
    }
  });

  test("SETUP parameters, levels and roles", () => {
    const caps = capsOf("moq-lite-05");
    const setup = (hex: string) => readAll("uni", caps, bytes(hex));
    assert.deepEqual(setup("01 0b 01 ffffffffffffffff 01 aa"), [{ kind: "setup", probe: 0, role: "both" }]);
    assert.deepEqual(setup("01 04 01 01 01 03"), [{ kind: "setup", probe: 2, role: "both" }]);
    assert.deepEqual(setup("01 0b 01 01 08 c020000000000000"), [{ kind: "setup", probe: 2, role: "both" }]);
    assert.deepEqual(setup("01 04 01 03 01 03"), [{ kind: "setup", probe: 0, role: "both" }]);
  });

  test("an empty path and an origin of 0, which mean absent", () => {
    const all = bytes("01 06 02 02 00 05 01 00");
    assert.deepEqual(readAll("uni", capsOf("moqmesh-1"), all), [{ kind: "setup", probe: 0, role: "both" }]);
  });

  test("a cost over 2^53-1, which becomes the highest cost", () => {
    const cost = Number.MAX_SAFE_INTEGER;
    const start = { kind: "start", suffix: "", hops: [], epoch: 0n, ended: false, cost };
    const all = bytes("02 00 00 00 0a 00 00 ffffffffffffffff");
    assert.deepEqual(readAll("announce", capsOf("moq-lite-06-wip"), all), [{ kind: "ok", hop: 0n, active: 0 }, start]);
    const both = bytes("02 00 00 00 12 00 00 ffffffffffffffff e000000000000000");
    assert.deepEqual(readAll("announce", capsOf("moq-lite-06"), both).at(-1), { ...start, coldCost: cost });
    const setup = bytes("01 0b 01 04 08 ffffffffffffffff");
    assert.deepEqual(readAll("uni", capsOf("moqmesh-1"), setup), [{ kind: "setup", probe: 0, role: "both", cost }]);
  });
});

test("a frame over its bound ends its group only", () => {
  for (const [version, all] of [
    ["moq-lite-03", "00 02 00 00 81000001"],
    ["moq-lite-05", "00 02 00 00 00 81000001"],
    ["moqmesh-1", "00 02 00 00 00 ffffffffffffffff"],
  ] as const) {
    assert.throws(
      () => readAll("uni", capsOf(version), bytes(all), { finish: false }),
      (error) => error instanceof BoundExceeded && error.bound === "frame_bytes",
    );
  }
  assert.equal(DEFAULT_WIRE_LIMITS.frameBytes, 0x0100_0000);
});
