/** Pushed Streams between relays: which tracks are pushed to a relay. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ProtocolViolation } from "../../moq/wire/codec/errors.ts";
import { DEFAULT_WIRE_LIMITS } from "../../moq/wire/codec/limits.ts";
import { encodePushed, type Pushed, pushedResponses } from "../../moq/wire/lite/pushed.ts";
import { encodeRequest } from "../../moq/wire/lite/requests.ts";
import { bytes, capsOf, hex } from "./support/bytes.ts";
import { readAll } from "./support/read.ts";

const MESH = capsOf("moqmesh-2");

function read(text: string, limits = DEFAULT_WIRE_LIMITS): Pushed[] {
  const messages: Pushed[] = [];
  pushedResponses(MESH, limits).push(bytes(text), (message) => void messages.push(message));
  return messages;
}

describe("Pushed Streams", () => {
  it("have these bytes", () => {
    const request = { kind: "pushed", prefix: "ab", elsewhere: true } as const;
    assert.equal(hex(encodeRequest(request, MESH)), "20 04 02 6162 01".replaceAll(" ", ""));
    const start = { kind: "start", suffix: "c", epoch: 7n, track: "v" } as const;
    assert.equal(hex(encodePushed(start, MESH)), "00 05 01 63 07 01 76".replaceAll(" ", ""));
    assert.equal(hex(encodePushed({ kind: "end", id: 3 }, MESH)), "01 01 03".replaceAll(" ", ""));
    assert.deepEqual(read("00 05 01 63 07 01 76 01 01 03"), [start, { kind: "end", id: 3 }]);
  });

  it("are unknown to moqmesh-1, which resets them and goes on", () => {
    assert.deepEqual(readAll("request", capsOf("moqmesh-1"), bytes("20 04 02 6162 01")), [
      { kind: "unknown", type: 32 },
    ]);
  });

  it("name a track over a bound, and the messages after it", () => {
    assert.deepEqual(read("00 05 01 63 07 01 76 01 01 00", { ...DEFAULT_WIRE_LIMITS, trackNameBytes: 0 }), [
      { kind: "oversized", bound: "track_name_bytes" },
      { kind: "end", id: 0 },
    ]);
  });

  it("have no message of another type", () => {
    assert.throws(() => read("02 01 00"), ProtocolViolation);
  });
});
