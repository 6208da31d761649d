import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SubgroupWriter } from "../../moq/model/contract.ts";
import { ForwardingWriter } from "../../moq/model/forwarding-writer.ts";

function recorder(): { log: unknown[][]; writer: SubgroupWriter } {
  const log: unknown[][] = [];
  const writer: SubgroupWriter = {
    object: (...call) => void log.push(["object", ...call]),
    payload: (...call) => void log.push(["payload", ...call]),
    end: () => void log.push(["end"]),
    status: (...call) => void log.push(["status", ...call]),
    finish: () => void log.push(["finish"]),
    reset: (...call) => void log.push(["reset", ...call]),
    onStop: (callback) => callback("expired"),
  };
  return { log, writer };
}

const BYTES = Uint8Array.of(1, 2);

describe("a forwarding writer", () => {
  it("passes every call on, and the stop back", () => {
    const { log, writer } = recorder();
    const forwarding = new ForwardingWriter(writer);
    const stops: string[] = [];
    forwarding.onStop((reason) => stops.push(reason));
    forwarding.object(2, 7, 4, BYTES);
    forwarding.payload(BYTES);
    forwarding.end();
    forwarding.status("end_of_group", 5);
    forwarding.finish();
    forwarding.reset("upstream");
    assert.deepEqual(log, [
      ["object", 2, 7, 4, BYTES],
      ["payload", BYTES],
      ["end"],
      ["status", "end_of_group", 5, undefined],
      ["finish"],
      ["reset", "upstream"],
    ]);
    assert.deepEqual(stops, ["expired"]);
  });

  it("gives the end to its owner where the owner asks for it", () => {
    const { log, writer } = recorder();
    const ends: unknown[] = [];
    const forwarding = new ForwardingWriter(writer, (reason) => ends.push(reason));
    forwarding.finish();
    forwarding.reset("timeout");
    assert.deepEqual(ends, [undefined, "timeout"]);
    assert.deepEqual(log, []);
  });

  it("drops every call while it has no target", () => {
    const forwarding = new ForwardingWriter(undefined);
    forwarding.object(2, 7);
    forwarding.payload(BYTES);
    forwarding.end();
    forwarding.status("end_of_group", 5);
    forwarding.finish();
    forwarding.reset("upstream");
    forwarding.onStop(() => assert.fail("a stop of no target"));
  });
});
