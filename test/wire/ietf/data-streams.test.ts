/** Data streams of moq-transport: what the readers refuse, hold, pass on at once, and leave to a later turn. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type Allowance,
  BoundExceeded,
  DEFAULT_WIRE_LIMITS,
  ProtocolViolation,
  UNBOUNDED,
} from "../../../moq/wire/codec/index.ts";
import { FetchObjectEncoder } from "../../../moq/wire/ietf/fetch-encoder.ts";
import { encodeObjectHeader } from "../../../moq/wire/ietf/object-header.ts";
import { PROPERTIES_BYTES } from "../../../moq/wire/ietf/object-properties.ts";
import { UniReader } from "../../../moq/wire/ietf/uni.ts";
import { bytes, concat, hex } from "../support/bytes.ts";
import { type DataKind, dataReading, draft, EVERY_DATA_DRAFT, readData } from "./support/data.ts";

const PRESENT = [18, 20, 22, 23].map(draft);

function refused(number: number, kind: DataKind, digits: string, message: string): void {
  for (const sizes of [[], [1]]) {
    assert.throws(
      () => readData(draft(number), kind, bytes(digits), sizes),
      (error) => {
        assert.ok(error instanceof ProtocolViolation, String(error));
        assert.equal(error.message, message);
        return true;
      },
    );
  }
}

/** As many units as given, and no more in this turn. */
function allowance(left: number): Allowance {
  return { left, more: () => false };
}

describe("stream types", () => {
  test("that the draft does not have end the session", () => {
    for (const digits of ["00", "04", "06", "0f", "16", "1e", "8100"]) {
      for (const number of [14, 16, 18, 20, 22]) {
        if (digits === "8100" && number < 18) continue;
        refused(number, "subgroup", digits, "Unidirectional Stream Types: unknown stream type");
      }
    }
    refused(14, "subgroup", "30", "Unidirectional Stream Types: unknown stream type");
    refused(16, "subgroup", "4050", "Unidirectional Stream Types: unknown stream type");
    refused(16, "subgroup", "6f00", "Unidirectional Stream Types: unknown stream type");
    refused(22, "subgroup", "8090", "Unidirectional Stream Types: unknown stream type");
  });

  test("may be written longer than necessary", () => {
    for (const digits of ["10 01 05 80", "8010 01 05 80", "c00010 8001 05 80"]) {
      assert.equal(readData(draft(18), "subgroup", bytes(digits))["track_alias"], "1");
    }
  });

  test("of padding are read and dropped from draft 18 on, whatever follows", () => {
    for (const caps of PRESENT) {
      const padding = concat(bytes("f0132b3e28"), new Uint8Array(100_000));
      const units = allowance(1000);
      const reading = dataReading(caps, "subgroup");
      assert.equal(reading.push(padding, units).length, 0);
      reading.reader.finish();
      assert.ok(units.left < 1000, "padding is work, too");
      assert.deepEqual(readData(caps, "subgroup", bytes("f0132b3e28 000102"), [1]), {});
    }
    refused(16, "subgroup", "932b3e28", "Unidirectional Stream Types: unknown stream type");
  });

  test("of a control stream hand over what follows the type", () => {
    const seen: string[] = [];
    let finished = 0;
    const sink = {
      subgroup: () => undefined,
      fetch: () => undefined,
      control: () => ({
        push: (piece: Uint8Array) => {
          seen.push(hex(piece));
          return piece.subarray(piece.length);
        },
        finish: () => void finished++,
      }),
    };
    const reader = new UniReader(draft(18), DEFAULT_WIRE_LIMITS, sink);
    for (const piece of ["af", "0000", "03", "040506"]) assert.equal(reader.push(bytes(piece)).length, 0);
    reader.finish();
    assert.deepEqual(seen, ["00", "03", "040506"]);
    assert.equal(finished, 1);
  });
});

describe("a header that is cut", () => {
  test("ends the session, and an empty stream does not", () => {
    for (const caps of EVERY_DATA_DRAFT) {
      assert.deepEqual(readData(caps, "subgroup", bytes("")), {});
      for (const digits of ["10", "1001", "100105", "1401050380".slice(0, 8), "05"]) {
        assert.throws(() => readData(caps, "subgroup", bytes(digits)), { message: /stream ends inside its header/ });
      }
    }
  });

  test("names its track when only the id of the first object is missing", () => {
    const reading = dataReading(draft(18), "subgroup");
    reading.push(bytes("12 812c 05"));
    assert.equal(reading.reader.trackAlias, undefined, "the priority is missing");
    assert.equal(reading.headed(), 0);
    reading.push(bytes("80"));
    assert.equal(reading.reader.trackAlias, 300);
    assert.equal(reading.headed(), 1);
    assert.deepEqual(reading.stream, {}, "the subgroup is not known");
    reading.push(bytes("c0"));
    assert.deepEqual(reading.stream, {});
    assert.equal(reading.headed(), 1);
    assert.throws(() => reading.reader.finish(), { message: "SUBGROUP_HEADER: stream ends inside its header" });
  });

  test("is complete without objects", () => {
    for (const sizes of [[], [1]]) {
      const { group, subgroup, objects } = readData(draft(18), "subgroup", bytes("14 812c 05 03 80"), sizes);
      assert.deepEqual([group, subgroup, objects], ["5", "3", []]);
      // The subgroup would have the id of an object that never came.
      assert.deepEqual(readData(draft(18), "subgroup", bytes("12 812c 05 80"), sizes), {});
    }
  });

  test("ends with the id of the first object, which is also part of the object", () => {
    for (const sizes of [[], [1], [5, 1], [4, 2, 1]]) {
      const stream = readData(draft(18), "subgroup", bytes("12 812c 05 80  c04000 02 aabb  00 01 cc"), sizes);
      assert.equal(stream["subgroup"], "16384");
      assert.deepEqual(stream["objects"], [
        { id: "16384", properties: "", payload: "aabb" },
        { id: "16385", properties: "", payload: "cc" },
      ]);
    }
  });

  test("with a number over 2^53-1 ends the session: such ids are not supported", () => {
    refused(18, "subgroup", "10 fe20000000000000 05 80", "SUBGROUP_HEADER: number over 2^53-1");
    refused(18, "fetch", "05 ffffffffffffffffff", "FETCH_HEADER: number over 2^53-1");
    refused(18, "subgroup", "10 01 05 80 fe1fffffffffffff 01 aa 00 01 bb", "Subgroup Object: id over 2^53-1");
    refused(18, "fetch", "05 01 1c fe1fffffffffffff 00 80 00 0c 00 00 00", "Fetch Object: id over 2^53-1");
  });
});

describe("the first object of a subgroup", () => {
  const isFirst = (number: number, digits: string) =>
    readData(draft(number), "subgroup", bytes(digits))["first_object"];

  test("is what the header says", () => {
    assert.equal(isFirst(18, "54 01 05 03 80 07 01 aa"), true);
    assert.equal(isFirst(18, "14 01 05 03 80 07 01 aa"), false);
    assert.equal(isFirst(18, "14 01 05 07 80 07 01 aa"), false);
  });

  test("has the id 0 where the header does not say so: there is none before it", () => {
    for (const number of [14, 16, 18, 20, 22]) assert.equal(isFirst(number, "14 01 05 03 80 00 01 aa"), true);
  });

  test("has the id of its subgroup in drafts whose header cannot say so", () => {
    for (const number of [14, 16]) {
      assert.equal(isFirst(number, "12 01 05 80 07 01 aa"), true);
      assert.equal(isFirst(number, "14 01 05 07 80 07 01 aa"), true);
      assert.equal(isFirst(number, "14 01 05 03 80 07 01 aa"), false);
    }
  });

  test("tells of the header at once where it says so", () => {
    const reading = dataReading(draft(18), "subgroup");
    reading.push(bytes("54 01 05 03 80"));
    assert.equal(reading.stream["subgroup"], "3");
  });
});

describe("objects of a subgroup", () => {
  test("that are cut end the session", () => {
    for (const digits of ["00", "0003", "0003aabb", "0000"]) {
      refused(18, "subgroup", `10010580${digits}`, "Subgroup Object: stream ends inside an object");
    }
  });

  test("have a status that the draft has", () => {
    for (const status of ["02", "05", "809d"]) {
      refused(18, "subgroup", `10010580 0000${status}`, "Subgroup Object: unknown object status");
    }
    refused(18, "subgroup", "10010580 000001", "Subgroup Object: unknown object status");
    refused(16, "subgroup", "10010580 000001", "Subgroup Object: unknown object status");
  });

  test("that do not exist are left out (draft 14)", () => {
    const stream = readData(draft(14), "subgroup", bytes("10010580 0001aa 000001 0001bb"), [1]);
    assert.deepEqual(stream["objects"], [
      { id: "0", properties: "", payload: "aa" },
      { id: "2", properties: "", payload: "bb" },
    ]);
    const fetched = readData(draft(14), "fetch", bytes("0501 05000780 00 0001 05000880 00 01 cc"), [1]);
    assert.deepEqual(fetched["objects"], [
      { group: "5", id: "7", end_of_range: "nonexistent" },
      { group: "5", id: "8", subgroup: "0", priority: "128", properties: "", payload: "cc" },
    ]);
  });

  test("have properties only when they are normal, since draft 16", () => {
    const what = "Subgroup Object: properties of an object whose status is not normal";
    for (const number of [16, 18, 20, 22, 23]) refused(number, "subgroup", "11010580 00 023c01 00 03", what);
    refused(14, "subgroup", "11010580 00 023c01 00 01", what);
    const [ended] = readData(draft(14), "subgroup", bytes("11010580 00 023c01 00 03"))["objects"] as unknown[];
    assert.deepEqual(ended, { id: "0", properties: "3c01", status: "3", payload: "" });
  });

  test("do not follow the end of the group or track", () => {
    for (const status of ["03", "04"]) {
      refused(
        18,
        "subgroup",
        `10010580 0000${status} 0001aa`,
        "Subgroup Object: object after the end of the group or track",
      );
    }
  });

  test("over their bound end the subgroup alone", () => {
    const large = encodeObjectHeader(draft(18), DEFAULT_WIRE_LIMITS.frameBytes + 1, 0, bytes(""), undefined, undefined);
    assert.throws(() => readData(draft(18), "subgroup", concat(bytes("11010580"), large)), BoundExceeded);
    const properties = new Uint8Array(PROPERTIES_BYTES + 1);
    const header = encodeObjectHeader(draft(18), 1, 0, properties, undefined, undefined);
    assert.throws(
      () => readData(draft(18), "subgroup", concat(bytes("11010580"), header.subarray(0, 5))),
      BoundExceeded,
    );
  });

  test("pass their payload on as it arrives", () => {
    const reading = dataReading(draft(18), "subgroup");
    reading.push(bytes("10010580 00 8400 aabb"));
    const [first] = reading.stream["objects"] as Record<string, unknown>[];
    assert.deepEqual(first, { id: "0", properties: "" }, "begun, and not complete");
    assert.deepEqual(reading.pieces, [2]);
    reading.push(new Uint8Array(0x400 - 2).fill(1));
    const [whole] = reading.stream["objects"] as Record<string, unknown>[];
    assert.equal(String(whole?.["payload"]).length, 0x800);
  });
});

describe("an allowance", () => {
  test("stops a reader between objects, which goes on where it was", () => {
    const all = concat(bytes("10010580"), ...Array.from({ length: 100 }, () => bytes("0002aabb")));
    const reading = dataReading(draft(18), "subgroup");
    let rest: Uint8Array = all;
    let turns = 0;
    for (; rest.length > 0; turns++) rest = reading.push(rest.slice(), allowance(10)).slice();
    assert.ok(turns >= 10, `${turns} turns`);
    assert.equal((reading.stream["objects"] as unknown[]).length, 100);
    reading.reader.finish();
  });

  test("counts properties as work", () => {
    const properties = bytes("1001".repeat(0x1000));
    const header = encodeObjectHeader(draft(18), 1, 0, properties, undefined, undefined).slice();
    const units = allowance(10_000);
    dataReading(draft(18), "subgroup").push(concat(bytes("11010580"), header, bytes("aa")), units);
    assert.ok(10_000 - units.left >= properties.length >> 6);
  });

  test("stops a fetch as well", () => {
    const encoder = new FetchObjectEncoder(draft(22));
    const parts = Array.from({ length: 50 }, (_, object) => {
      const priority = undefined;
      const fields = { group: 1, subgroup: 0, object, priority, size: 1, status: undefined, timestamp: undefined };
      return concat(encoder.object({ ...fields, properties: bytes("") }), bytes("aa"));
    });
    const reading = dataReading(draft(22), "fetch");
    let rest: Uint8Array = concat(bytes("0507"), ...parts);
    let turns = 0;
    for (; rest.length > 0; turns++) rest = reading.push(rest.slice(), allowance(5)).slice();
    assert.ok(turns >= 10, `${turns} turns`);
    assert.equal((reading.stream["objects"] as unknown[]).length, 50);
  });
});

describe("objects of a fetch", () => {
  test("do not refer to an object that was not there", () => {
    for (const fields of ["10 80", "14 06 80", "18 05 80", "1d 05 06 80", "1e 05 06 80", "0c 05 06"]) {
      refused(18, "fetch", `0501 ${fields} 00`, "Fetch Object: refers to an object that was not there");
    }
    // A gap has no subgroup and no priority.
    for (const flags of ["0d 01 02", "04 02 00"]) {
      refused(18, "fetch", `0501 810c 05 06 ${flags} 00`, "Fetch Object: refers to an object that was not there");
    }
  });

  test("have a location and flags that the draft has", () => {
    for (const flags of ["8080", "810d", "820c"]) {
      refused(18, "fetch", `0501 ${flags} 05 06`, "Fetch Object: unknown serialization flags");
    }
    refused(20, "fetch", "0501 840c 05 06", "Fetch Object: unknown serialization flags");
    const timedOut = readData(draft(20), "fetch", bytes("0501 820c 05 06"));
    assert.deepEqual(timedOut["objects"], [{ group: "5", id: "6", end_of_range: "timed_out" }]);
  });

  test("come in the order of the fetch", () => {
    const first = "1c 05 06 80 01 aa";
    refused(16, "fetch", `0501 ${first} 1c 04 00 80 00`, "Fetch Object: objects out of order");
    refused(16, "fetch", `0501 ${first} 1c 05 06 80 00`, "Fetch Object: objects out of order");
    refused(16, "fetch-descending", `0501 ${first} 1c 06 06 80 00`, "Fetch Object: objects out of order");
    refused(18, "fetch", `0501 ${first} 04 00 00`, "Fetch Object: objects out of order");
    refused(18, "fetch-descending", `0501 ${first} 08 05 00`, "Fetch Object: group below 0");
    refused(18, "fetch", `0501 ${first} 810c 05 05`, "Fetch Object: objects out of order");
    assert.equal((readData(draft(18), "fetch", bytes(`0501 ${first} 810c 05 06`))["objects"] as unknown[]).length, 2);
  });

  test("after a gap are counted from its end, and have the subgroup and priority of the last object", () => {
    // Group 5: object 6 of subgroup 3; a gap up to 9; then flags "group and object follow, prior subgroup and priority".
    const stream = readData(
      draft(18),
      "fetch",
      bytes("0501 1f 05 03 06 07 01 aa  810c 05 09  01 01 bb  09 01 01 cc"),
      [1],
    );
    assert.deepEqual(stream["objects"], [
      { group: "5", id: "6", subgroup: "3", priority: "7", properties: "", payload: "aa" },
      { group: "5", id: "9", end_of_range: "unknown" },
      { group: "5", id: "10", subgroup: "3", priority: "7", properties: "", payload: "bb" },
      { group: "7", id: "11", subgroup: "3", priority: "7", properties: "", payload: "cc" },
    ]);
  });

  test("may follow a gap with a payload length of 0, where nothing else can be meant", () => {
    for (const sizes of [[], [1]]) {
      const gapFirst = readData(draft(18), "fetch", bytes("0501 810c 05 06 00 1c 00 01 80 01 aa"), sizes);
      assert.deepEqual((gapFirst["objects"] as unknown[]).slice(1), [
        { group: "6", id: "1", subgroup: "0", priority: "128", properties: "", payload: "aa" },
      ]);
      const gapLast = readData(draft(18), "fetch", bytes("0501 1c 05 06 80 01 aa 810c 05 09 00"), sizes);
      assert.equal((gapLast["objects"] as unknown[]).length, 2);
    }
  });

  test("in a gap that a draft cannot write leave the stream to be reset", () => {
    const end = { group: 5, object: 9 };
    assert.equal(hex(new FetchObjectEncoder(draft(20)).gap("timed_out", end) ?? bytes("")), "820c0509");
    assert.equal(hex(new FetchObjectEncoder(draft(18)).gap("timed_out", end) ?? bytes("")), "810c0509");
    assert.equal(hex(new FetchObjectEncoder(draft(16)).gap("nonexistent", end) ?? bytes("")), "408c0509");
    assert.equal(new FetchObjectEncoder(draft(14)).gap("unknown", end), undefined);
    assert.equal(new FetchObjectEncoder(draft(14)).gap("nonexistent", end)?.length, 0);
  });
});

test("memory of a header that is cut grows with what arrives, not with what is announced", () => {
  const reading = dataReading(draft(18), "subgroup");
  reading.push(bytes("11010580"));
  // Properties of 65,000 bytes are announced, by many streams that send nothing of them.
  const readings = Array.from({ length: 2000 }, () => dataReading(draft(18), "subgroup"));
  globalThis.gc?.();
  const before = process.memoryUsage().arrayBuffers;
  for (const each of readings) each.push(bytes("11010580 00 c0fde8 10"), UNBOUNDED);
  const grown = process.memoryUsage().arrayBuffers - before;
  assert.ok(grown < 2000 * 1024, `${grown} bytes`);
});
