import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { agreements, choose } from "../../transport/qmux/forms.ts";
import {
  closeFrame,
  dataBlockedFrame,
  type FrameVisitor,
  maxDataFrame,
  maxStreamDataFrame,
  maxStreamsFrame,
  openFrame,
  paramsFrame,
  pingFrame,
  pongFrame,
  putStreamHead,
  readFrames,
  resetFrame,
  stopFrame,
  streamBlockedFrame,
  streamsBlockedFrame,
} from "../../transport/qmux/frames.ts";
import { readParams, writeParams } from "../../transport/qmux/params.ts";
import { putLongVarint, putVarint, Reader, varintSize } from "../../transport/qmux/varint.ts";
import { Violation } from "../../transport/qmux/violation.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

/** Notes what it is given; an ended one takes nothing more. */
class Notes implements FrameVisitor {
  ended = false;
  readonly notes: unknown[][] = [];
  #note = (...note: unknown[]): void => void this.notes.push(note);

  next(): void {}
  transportParameters(payload: Uint8Array): void {
    this.#note("params", hex(payload));
  }
  stream(id: number, offset: number | undefined, data: Uint8Array, fin: boolean): void {
    this.#note("stream", id, offset, hex(data), fin);
  }
  resetStream(...fields: readonly (number | undefined)[]): void {
    this.#note("reset", ...fields);
  }
  stopSending(...fields: readonly number[]): void {
    this.#note("stop", ...fields);
  }
  maxData(max: number): void {
    this.#note("maxData", max);
  }
  maxStreamData(...fields: readonly number[]): void {
    this.#note("maxStreamData", ...fields);
  }
  maxStreams(bidi: boolean, max: number): void {
    this.#note("maxStreams", bidi, max);
  }
  blocked(): void {
    this.#note("blocked");
  }
  streamBlocked(id: number): void {
    this.#note("streamBlocked", id);
  }
  ping(sequence: bigint): void {
    this.#note("ping", sequence);
  }
  pong(sequence: bigint): void {
    this.#note("pong", sequence);
  }
  datagram(): never {
    throw new Violation("PROTOCOL_VIOLATION", "datagram", "test");
  }
  connectionClose(code: number, reason: Uint8Array): void {
    this.ended = true;
    this.#note("close", code, Buffer.from(reason).toString());
  }
  applicationClose(code: number, reason: Uint8Array): void {
    this.ended = true;
    this.#note("applicationClose", code, Buffer.from(reason).toString());
  }
}

function read(text: string): unknown[][] {
  const visitor = new Notes();
  readFrames(bytes(text), visitor);
  return visitor.notes;
}

function violation(text: string): string {
  try {
    read(text);
  } catch (error) {
    if (error instanceof Violation) return error.code;
    throw error;
  }
  return "none";
}

test("variable-length integers are those of RFC 9000 appendix A.1", () => {
  const reader = (text: string) => new Reader(bytes(text), "FRAME_ENCODING_ERROR", "test");
  assert.equal(reader("c2197c5eff14e88c").bigVarint(), 151_288_809_941_952_652n);
  assert.equal(reader("9d7f3e7d").varint(), 494_878_333);
  assert.equal(reader("7bbd").varint(), 15_293);
  assert.equal(reader("25").varint(), 37);
  assert.equal(reader("4025").bigVarint(), 37n);
});

test("integers of every size are read as written, in the fewest bytes", () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 2n ** 53n - 1n), fc.nat(62), (large, shift) => {
      const value = Number(large >> BigInt(Math.min(shift, 53)));
      const target = new Uint8Array(9);
      const end = putVarint(target, 1, value);
      assert.equal(end, 1 + varintSize(value));
      assert.equal(varintSize(value), value < 64 ? 1 : value < 16384 ? 2 : value < 2 ** 30 ? 4 : 8);
      assert.equal(new Reader(target.subarray(1, end), "INTERNAL_ERROR", "test").varint(), value);
    }),
  );
  fc.assert(
    fc.property(fc.bigInt(0n, 2n ** 62n - 1n), (value) => {
      const target = new Uint8Array(8);
      assert.equal(putLongVarint(target, 0, value), 8);
      assert.equal(new Reader(target, "INTERNAL_ERROR", "test").bigVarint(), value);
    }),
  );
});

test("frames are written as QUIC and QMux lay them out", () => {
  assert.equal(hex(resetFrame(4, 0x101, 16_383)), "04 04 4101 7fff".replaceAll(" ", ""));
  assert.equal(hex(stopFrame(7, 26)), "05071a");
  assert.equal(hex(maxDataFrame(1 << 20)), "1080100000");
  assert.equal(hex(maxStreamDataFrame(2, 64)), "11024040");
  assert.equal(hex(maxStreamsFrame(true, 100)), "124064");
  assert.equal(hex(maxStreamsFrame(false, 1)), "1301");
  assert.equal(hex(dataBlockedFrame(5)), "1405");
  assert.equal(hex(streamBlockedFrame(6, 7)), "150607");
  assert.equal(hex(streamsBlockedFrame(true, 8)), "1608");
  assert.equal(hex(streamsBlockedFrame(false, 9)), "1709");
  assert.equal(hex(closeFrame(true, 3, Buffer.from("bye"))), "1d0303627965");
  assert.equal(hex(closeFrame(false, 10, Buffer.from("no"))), "1c0a00026e6f");
  assert.equal(hex(pingFrame(1n)), "f48c67529ef8c7bdc000000000000001");
  assert.equal(hex(pongFrame(2n ** 62n - 1n)), "f48c67529ef8c7beffffffffffffffff");
  assert.equal(hex(paramsFrame(bytes("040140"))), "ff5153300d0a0d0a03040140");
  assert.equal(hex(openFrame(3)), "0e030000");
  const head = new Uint8Array(8);
  assert.equal(hex(head.subarray(0, putStreamHead(head, 0, 8, 300, 5, true))), "0f08412c05");
});

test("frames of one record are read in order", () => {
  const record = "00 00 0e 03 00 02 aabb 08 07 01 0f 03 02 01 cc".replaceAll(" ", "");
  assert.deepEqual(read(record), [
    ["stream", 3, 0, "aabb", false],
    ["stream", 7, undefined, "010f030201cc", false],
  ]);
  assert.deepEqual(read("0b 03 01 ff 04 01 02 03 24 01 02 03 02 05 01 09"), [
    ["stream", 3, undefined, "ff", true],
    ["reset", 1, 2, 3, undefined],
    ["reset", 1, 2, 3, 2],
    ["stop", 1, 9],
  ]);
  assert.deepEqual(read("10 05 11 01 06 12 07 13 08 14 01 15 02 01 16 01 17 01"), [
    ["maxData", 5],
    ["maxStreamData", 1, 6],
    ["maxStreams", true, 7],
    ["maxStreams", false, 8],
    ["blocked"],
    ["streamBlocked", 2],
    ["blocked"],
    ["blocked"],
  ]);
  assert.deepEqual(read("f48c67529ef8c7bd05 f48c67529ef8c7be06 ff5153300d0a0d0a 03 040140"), [
    ["ping", 5n],
    ["pong", 6n],
    ["params", "040140"],
  ]);
  assert.deepEqual(read(""), []);
});

test("nothing is read after a close, whatever an older peer appends", () => {
  assert.deepEqual(read("1d 05 00 03 627965"), [["applicationClose", 5, ""]]);
  assert.deepEqual(read("1c 0a 08 02 6e6f ffff"), [["close", 10, "no"]]);
});

test("malformed frames are violations with the code of the clause", () => {
  for (const truncated of ["0e 03 00 05 aa", "04 01 02", "05 01", "11 02", "1c 01 00 05 61", "40", "c0", "10"]) {
    assert.equal(violation(truncated), "FRAME_ENCODING_ERROR", truncated);
  }
  for (const forbidden of ["01", "02 00 00 00 00", "06 00 00", "07 00", "18 00", "1a", "1b", "1e", "21", "4040"]) {
    assert.equal(violation(forbidden), "FRAME_ENCODING_ERROR", forbidden);
  }
  assert.equal(violation("4008 03"), "PROTOCOL_VIOLATION");
  assert.equal(violation(`12 ${"e000000000000000"}`), "FRAME_ENCODING_ERROR");
  assert.equal(violation(`17 ${"e000000000000000"}`), "FRAME_ENCODING_ERROR");
});

test("any bytes are frames or a violation", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64, size: "max" }), (record) => {
      try {
        readFrames(record, new Notes());
      } catch (error) {
        assert.ok(error instanceof Violation);
      }
    }),
    { numRuns: 20_000 },
  );
});

const PARAMS = {
  maxIdleTimeout: 30_000,
  maxData: 1 << 20,
  maxStreamDataBidiLocal: 1,
  maxStreamDataBidiRemote: 2,
  maxStreamDataUni: 3,
  maxStreamsBidi: 4,
  maxStreamsUni: 5,
  maxRecordSize: 65_536,
  resetStreamAt: true,
};

test("transport parameters are written as RFC 9000 section 18 lays them out", () => {
  const payload = writeParams(PARAMS);
  assert.equal(
    hex(payload),
    ["0104 80007530", "0404 80100000", "050101", "060102", "070103", "080104", "090105"].join("").replaceAll(" ", "") +
      "c571c59429cd0845048001000" +
      "01d00",
  );
  assert.deepEqual(readParams(payload), PARAMS);
});

test("an undeclared parameter has its default, and an unknown one is ignored", () => {
  const { maxRecordSize, resetStreamAt, ...zeros } = readParams(bytes("20024000 1b 02 ffff"));
  assert.equal(maxRecordSize, 16_382);
  assert.equal(resetStreamAt, false);
  assert.ok(Object.values(zeros).every((value) => value === 0));
});

test("wrong transport parameters are violations", () => {
  const wrong = [
    "00 00",
    "02 10 00112233445566778899aabbccddeeff",
    "03 02 45c8",
    "0a 01 03",
    "0c 00",
    "10 00",
    "04 01 05 04 01 05",
    "04 02 05 05",
    "04 00",
    "04 05 01",
    "1d 01 00",
    "08 08 e000000000000000",
    "c571c59429cd0845 02 7ffd",
  ];
  for (const payload of wrong) {
    assert.throws(
      () => readParams(bytes(payload)),
      (error) => error instanceof Violation && error.code === "TRANSPORT_PARAMETER_ERROR",
      payload,
    );
  }
});

test("any payload is transport parameters or a violation", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 48, size: "max" }), (payload) => {
      try {
        readParams(payload);
      } catch (error) {
        assert.ok(error instanceof Violation && error.code === "TRANSPORT_PARAMETER_ERROR");
      }
    }),
    { numRuns: 5_000 },
  );
});

test("the server's preferred protocol is chosen, and then the newest offered form of it", () => {
  const ours = ["moq-lite-05", "moq-lite-04"];
  const chosen = (...offered: string[]) => choose(offered, ours)?.subprotocol;
  assert.equal(
    chosen("qmux-00.moq-lite-04", "qmux-00.moq-lite-05", "qmux-01.moq-lite-05", "qmux-02"),
    "qmux-01.moq-lite-05",
  );
  assert.equal(chosen("qmux-01.moq-lite-05", "qmux-02.moq-lite-05"), "qmux-02.moq-lite-05");
  assert.equal(chosen("qmux-01.moq-lite-05", "moq-lite-05"), "moq-lite-05");
  assert.equal(chosen("qmux-02.moq-lite-04", "moq-lite-05"), "moq-lite-05");
  assert.equal(chosen("qmux-02", "qmux-01", "qmux-00", "webtransport"), undefined);
  assert.equal(chosen("qmux-03.moq-lite-05", "qmux-02.moq-lite-06"), undefined);
  assert.equal(choose(["moq-lite-05"], ours)?.form.name, "qmux-02");
  assert.equal(choose(["moq-lite-05"], ours)?.protocol, "moq-lite-05");
});

test("forms without an application protocol are accepted when the configuration names the empty one", () => {
  const chosen = choose(["webtransport", "qmux-00", "qmux-01"], ["moq-lite-05", ""]);
  assert.equal(chosen?.subprotocol, "qmux-01");
  assert.equal(chosen?.protocol, "");
  assert.equal(choose(["webtransport"], [""]), undefined);
});

test("a client offers every form of each protocol, best first", () => {
  assert.deepEqual(
    agreements(["a", "b"]).map(({ subprotocol }) => subprotocol),
    ["qmux-02.a", "a", "qmux-01.a", "qmux-00.a", "qmux-02.b", "b", "qmux-01.b", "qmux-00.b"],
  );
});
