/** A further subgroup begins while the engine passes the first one on to viewers of whole groups. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PassingFanOut } from "../../lab/network/passing.ts";
import type { SendStream } from "../../moq/link.ts";
import type { Channel, Inflow } from "../../moq/model/contract.ts";
import { begin, say, scene, WHOLE } from "./subgroup-scene.ts";
import { FakeViewer } from "./support.ts";

const CHANNEL: Channel = {
  ...WHOLE,
  dialect: { ...WHOLE.dialect, framing: "timed" },
  fanOut: () => new PassingFanOut(),
};

/** The engine, which has a stream with objects that the program does not see yet. */
class Engine implements Inflow {
  readonly framing = "flagged";
  unpasses = 0;
  #streams: readonly SendStream[] = [];

  mark(): void {}

  pass(to: Parameters<Inflow["pass"]>[0]): boolean {
    this.#streams = to.flatMap(({ fan }) => (fan instanceof PassingFanOut ? fan.passed() : []));
    return true;
  }

  unpass(): boolean {
    this.unpasses++;
    return true;
  }

  bring(payload: string): void {
    for (const stream of this.#streams) stream.write(Buffer.from(written(payload)));
  }
}

function written(...payloads: string[]): string {
  return payloads.map((payload) => `[${payload.length}@0]${payload}`).join("");
}

/** The first subgroup is passed on from its second object on, which the program does not have. */
function passed(limits: Parameters<typeof scene>[1] = {}) {
  const { relay, source, watch } = scene(undefined, limits);
  const viewer = watch(new FakeViewer(CHANNEL));
  const engine = new Engine();
  const first = begin(source, { subgroup: 0, endsGroup: true });
  say(first, 0, "a");
  first.follows?.(engine);
  assert.equal(first.marked?.(engine), true);
  engine.bring("bb");
  const text = () => viewer.streams[0]?.text;
  return { counters: relay.counters, source, viewer, engine, first, text };
}

describe("a further subgroup of a group that is passed on", () => {
  it("merges once the program has what was passed on", () => {
    const { source, viewer, engine, first, text } = passed();
    const second = begin(source, { subgroup: 1 });
    assert.equal(engine.unpasses, 1);
    say(second, 3, "ccc");
    say(first, 1, "bb");
    assert.equal(text(), written("a", "bb"));
    first.unpassed?.();
    say(first, 2, "d");
    assert.equal(text(), written("a", "bb", "d", "ccc"));
    first.finish();
    second.finish();
    assert.equal(viewer.streams[0]?.state, "finished");
  });

  it("merges where the first one ends before", () => {
    const { source, viewer, first, text } = passed();
    const second = begin(source, { subgroup: 1 });
    say(second, 2, "ccc");
    say(first, 1, "bb");
    first.finish();
    assert.equal(text(), written("a", "bb", "ccc"));
    second.finish();
    assert.equal(viewer.streams[0]?.state, "finished");
  });

  it("takes the group from its viewers where it was reset before", () => {
    const { source, viewer, first, text } = passed();
    begin(source, { subgroup: 1 }).reset("upstream");
    say(first, 1, "bb");
    first.unpassed?.();
    assert.deepEqual([text(), viewer.streams[0]?.state], [written("a", "bb"), "reset"]);
  });

  it("takes the group from its viewers where its objects were not kept", () => {
    const { counters, source, viewer, first, text } = passed({ framesPerGroup: 2 });
    const second = begin(source, { subgroup: 1 });
    for (const id of [3, 4, 5]) say(second, id, "ccc");
    say(first, 1, "bb");
    first.unpassed?.();
    assert.deepEqual([text(), viewer.streams[0]?.state], [written("a", "bb"), "reset"]);
    assert.deepEqual([counters.groupsDropped.evicted, counters.groupsDropped.upstream], [1, 0]);
  });
});
