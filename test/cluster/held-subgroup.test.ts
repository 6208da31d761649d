/** What viewers get of a subgroup whose relays change while an engine passes its bytes on before the program has them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HeldGroups } from "../../cluster/failover/held-groups.ts";
import { HeldSubgroup } from "../../cluster/failover/held-subgroup.ts";
import { type Inflow, type SubgroupWriter, wholeGroup } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";

const WHOLE = "0123456789";

/** What a viewer has: what the engine passed on, and what the program wrote while nothing was passed on. */
class Viewer implements SubgroupWriter {
  bytes = "";
  state: "open" | "finished" | Reason = "open";
  #passes = false;

  object(): void {}

  payload(bytes: Uint8Array): void {
    if (!this.#passes) this.bytes += Buffer.from(bytes).toString();
  }

  end(): void {}

  status(): void {}

  finish(): void {
    this.state = "finished";
  }

  reset(reason: Reason): void {
    this.state = reason;
  }

  onStop(): void {}

  follows(from: Inflow): void {
    from.mark();
  }

  marked(from: Inflow): boolean {
    this.#passes = from.pass([], false);
    return this.#passes;
  }

  unpassed(): void {
    this.#passes = false;
  }
}

function scene() {
  const viewer = new Viewer();
  const log: string[] = [];
  const events = { over: () => void log.push("over"), orphaned: () => void log.push("orphaned") };
  const held = new HeldSubgroup(viewer, events);
  /** A relay that sends the subgroup, which has one object. */
  const relay = () => {
    const writer = held.feed(true);
    writer.object(WHOLE.length, 0, 0);
    return {
      writer,
      /** The program gets bytes, which the engine may have passed on before. */
      payload: (bytes: string) => writer.payload(Buffer.from(bytes)),
      /** The engine passes on from here; `ended`: and has stopped, which the program does not know. */
      pass: (ended = false) => {
        const inflow = { framing: "flagged", mark: () => {}, pass: () => true, unpass: () => !ended } as const;
        assert.equal(writer.marked?.(inflow), true);
      },
    };
  };
  return { viewer, held, log, relay };
}

describe("a subgroup that an engine passes on", () => {
  it("goes on at another relay behind what was passed on, which comes after the first relay was given up", () => {
    const { viewer, held, log, relay } = scene();
    const first = relay();
    first.payload("01");
    first.pass();
    viewer.bytes += "2345";
    held.orphan();
    assert.deepEqual([held.fed, log], [false, ["orphaned"]]);
    first.payload("2345");
    first.writer.unpassed?.();
    first.payload("67");
    const second = relay();
    second.payload(WHOLE);
    second.writer.end();
    second.writer.finish();
    assert.deepEqual([viewer.bytes, viewer.state, log], [WHOLE, "finished", ["orphaned", "over"]]);
  });

  it("goes on where passing on had ended already when the relay was given up", () => {
    const { viewer, held, relay } = scene();
    const first = relay();
    first.pass(true);
    viewer.bytes += "012";
    held.orphan();
    first.payload("012");
    first.writer.unpassed?.();
    relay().payload(WHOLE);
    assert.equal(viewer.bytes, WHOLE);
  });

  it("is whole where its last bytes come after its relay was given up", () => {
    const { viewer, held, relay } = scene();
    const first = relay();
    first.pass();
    viewer.bytes += WHOLE;
    held.orphan();
    first.payload(WHOLE);
    first.writer.end();
    first.writer.finish();
    assert.deepEqual([viewer.bytes, viewer.state], [WHOLE, "finished"]);
  });

  it("goes on where its stream ends, which says what was passed on", () => {
    const { viewer, held, relay } = scene();
    const first = relay();
    first.pass();
    viewer.bytes += "012";
    first.payload("012");
    first.writer.unpassed?.();
    first.writer.reset("upstream");
    assert.equal(held.fed, false);
    relay().payload(WHOLE);
    assert.equal(viewer.bytes, WHOLE);
  });

  const lost: Readonly<Record<string, (one: ReturnType<typeof scene>) => void>> = {
    "the link ends before its last bytes come": ({ held, relay }) => {
      const first = relay();
      first.pass();
      held.orphan();
      first.writer.reset("upstream");
    },
    "the session ends without its last bytes": ({ relay }) => {
      const first = relay();
      first.pass();
      first.writer.reset("upstream");
    },
  };
  for (const [name, act] of Object.entries(lost)) {
    it(`is reset where the relay cannot know what viewers have of it: ${name}`, () => {
      const one = scene();
      act(one);
      assert.deepEqual([one.viewer.state, one.viewer.bytes], ["upstream", ""]);
      assert.equal(one.log.at(-1), "over");
    });
  }

  it("is not taken from another relay before its last bytes have come, because viewers have those already", () => {
    const viewer = new Viewer();
    const groups = new HeldGroups({ begin: () => viewer, over: () => {}, orphaned: () => {} });
    const [former, next] = [{}, {}];
    const writer = groups.begin(former, wholeGroup(1));
    assert.ok(typeof writer !== "string");
    writer.object(WHOLE.length, 0, 0);
    writer.marked?.({ framing: "flagged", mark: () => {}, pass: () => true, unpass: () => true });
    groups.orphan(former);
    assert.deepEqual(groups.orphans, [1]);
    assert.equal(groups.begin(next, wholeGroup(1)), "duplicate");
    assert.deepEqual([viewer.state, groups.orphans], ["upstream", []]);
  });

  it("does not mistake the end of an earlier relay's stream for that of the last one", () => {
    const { viewer, held, relay } = scene();
    const first = relay();
    first.payload("0");
    held.orphan();
    const second = relay();
    second.payload("01");
    second.pass();
    viewer.bytes += "2345";
    held.orphan();
    first.writer.unpassed?.();
    second.payload("2345");
    second.writer.unpassed?.();
    relay().payload(WHOLE);
    assert.equal(viewer.bytes, WHOLE);
  });
});
