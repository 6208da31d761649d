/** OBJECT_DATAGRAM and padding: what they say, and what ends the session. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BoundExceeded, DEFAULT_WIRE_LIMITS, ProtocolViolation } from "../../../moq/wire/codec/index.ts";
import {
  decodeObjectDatagram,
  encodeObjectDatagram,
  encodePaddingDatagram,
} from "../../../moq/wire/ietf/object-datagram.ts";
import { bytes, hex } from "../support/bytes.ts";
import { draft, readDatagram } from "./support/data.ts";

function refused(number: number, digits: string, message: string | RegExp): void {
  assert.throws(
    () => readDatagram(draft(number), bytes(digits)),
    (error) => {
      assert.ok(error instanceof ProtocolViolation, String(error));
      assert.match(error.message, typeof message === "string" ? new RegExp(`^OBJECT_DATAGRAM: ${message}$`) : message);
      return true;
    },
  );
}

describe("datagram types", () => {
  test("that the draft does not have end the session", () => {
    const never = ["10", "1f", "30", "22", "23", "26", "27", "2a", "2b", "2e", "2f", "40"];
    for (const type of [...never, "8080"]) refused(18, `${type} 01 02 03 04 05`, "unknown datagram type");
    for (const type of never.slice(0, -1)) refused(16, `${type} 01 02 03 04 05`, "unknown datagram type");
    for (const type of ["08", "0f", "24", "25", "22"]) refused(14, `${type} 01 02 03 04 05`, "unknown datagram type");
  });

  test("may be written longer than necessary", () => {
    assert.equal(readDatagram(draft(18), bytes("8000 01 02 03 80 aa"))?.["payload"], "aa");
  });

  test("of padding are dropped from draft 18 on", () => {
    const padding = encodePaddingDatagram(draft(22));
    assert.ok(padding);
    assert.equal(hex(padding), "f0132b3e29");
    assert.equal(readDatagram(draft(22), bytes("f0132b3e29 0000")), undefined);
    assert.equal(encodePaddingDatagram(draft(16)), undefined);
    refused(16, "932b3e29 00", "unknown datagram type");
  });
});

describe("a datagram", () => {
  test("that is cut ends the session", () => {
    for (const digits of ["", "00", "0001", "000102", "00010203", "0101020380", "0101020380 05 3e01", "20010203 80"]) {
      refused(18, digits, "ends too early");
    }
  });

  test("has properties of a length, and only when it is normal", () => {
    refused(18, "01 01 02 03 80 00 aa", "properties of length 0");
    for (const number of [16, 18]) {
      refused(number, "21 01 02 03 80 02 3e01 03", "properties of an object whose status is not normal");
      assert.equal(readDatagram(draft(number), bytes("21 01 02 03 80 02 3e01 00"))?.["properties"], "3e01");
    }
    assert.equal(readDatagram(draft(14), bytes("21 01 02 03 80 02 3e01 03"))?.["properties"], "3e01");
    refused(18, "01 01 02 03 80 02 3ec0 aa", /properties: end too early/);
    assert.throws(() => readDatagram(draft(18), bytes("01 01 02 03 80 e0100000")), BoundExceeded);
  });

  test("has a status that the draft has, and no payload beside it", () => {
    refused(18, "20 01 02 03 80 01", "unknown object status");
    refused(18, "20 01 02 03 80 05", "unknown object status");
    refused(18, "20 01 02 03 80 03 aa", "payload beside a status");
    assert.equal(readDatagram(draft(14), bytes("20 01 02 03 80 01")), undefined, "what does not exist is left out");
  });

  test("has its timestamp in the timescale of its track, which its alias names", () => {
    const datagram = decodeObjectDatagram(bytes("01 01 02 03 80 03 108064 aa"), draft(18), DEFAULT_WIRE_LIMITS);
    assert.equal(datagram?.timestampIn(48_000), 100);
    const scaled = decodeObjectDatagram(bytes("01 01 02 03 80 06 0883e8088064 aa"), draft(18), DEFAULT_WIRE_LIMITS);
    assert.equal(scaled?.timestampIn(48_000), 4800);
  });

  test("from moq-lite gets its timestamp as a property", () => {
    const datagram = { trackAlias: 1, group: 2, object: 0, endsGroup: true, properties: undefined, timestamp: 100 };
    const payload = bytes("aa");
    assert.equal(hex(encodeObjectDatagram({ ...datagram, payload }, draft(18))), "0f0102021064aa");
    assert.equal(hex(encodeObjectDatagram({ ...datagram, payload, priority: 9 }, draft(14))), "0701020903104064aa");
  });
});
