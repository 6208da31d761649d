import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SubgroupStart } from "../../moq/model/contract.ts";
import { publish, publisher, relay, start } from "./relay.ts";
import { FakeStream, FakeViewer, LIVE } from "./support.ts";

/** Counts every change of a priority. */
class CountingViewer extends FakeViewer {
  changes = 0;
  maxGroups = 100;

  override open(start: SubgroupStart, priority: number) {
    const stream = super.open(start, priority);
    if (stream instanceof FakeStream) {
      const set = stream.setPriority.bind(stream);
      stream.setPriority = (next) => {
        this.changes++;
        set(next);
      };
    }
    return stream;
  }
}

function scene(options: typeof LIVE, viewer = new CountingViewer()) {
  start({ groupsPerTrack: 10_000 });
  publish(publisher);
  viewer.stuck = true;
  const subscription = relay.subscribe("live/cam", "video", options, viewer);
  assert.ok(subscription);
  return { viewer, subscription };
}

const ENDLESS = { ...LIVE, maxLatency: 2 ** 40 };

describe("a viewer that reads nothing", () => {
  for (const ordered of [false, true]) {
    it(`has a bounded number of groups under way, the newest among them (${ordered ? "oldest" : "newest"} first)`, () => {
      const { viewer, subscription } = scene({ ...ENDLESS, ordered });
      for (let sequence = 0; sequence < 1000; sequence++) publisher.send(sequence, "x");
      assert.equal(subscription.sending, 100);
      const open = viewer.streams.filter(({ state }) => state !== "reset");
      assert.deepEqual(
        open.map(({ sequence }) => sequence),
        Array.from({ length: 100 }, (_, i) => 900 + i),
      );
      assert.ok(viewer.streams.every(({ state, code }) => state !== "reset" || code === 26));
      assert.equal(relay.counters.groupsDropped.backlog, 900);
    });

    it(`changes a bounded number of priorities for each group (${ordered ? "oldest" : "newest"} first)`, () => {
      const viewer = new CountingViewer();
      viewer.maxGroups = 5000;
      scene({ ...ENDLESS, ordered }, viewer);
      const costs: number[] = [];
      for (let sequence = 0; sequence < 2000; sequence++) {
        const before = viewer.changes;
        publisher.send(sequence, "x");
        costs.push(viewer.changes - before);
      }
      assert.ok(Math.max(...costs) <= 33, `${Math.max(...costs)} priorities changed for one group`);
    });
  }

  it("gets the first of its groups in the order that it asked for", () => {
    for (const ordered of [false, true]) {
      const { viewer } = scene({ ...ENDLESS, ordered });
      for (let sequence = 0; sequence < 60; sequence++) publisher.send(sequence, "x");
      const byPriority = [...viewer.streams].sort((a, b) => b.priority - a.priority).map(({ sequence }) => sequence);
      const expected = Array.from({ length: 32 }, (_, i) => (ordered ? i : 59 - i));
      assert.deepEqual(byPriority.slice(0, 32), expected);
    }
  });

  it("gets the newest groups of a range above its bound, and the rest is reported as dropped", () => {
    scene(ENDLESS);
    for (let sequence = 0; sequence < 300; sequence++) publisher.send(sequence, "x");
    const late = new CountingViewer();
    relay.subscribe("live/cam", "video", { ...ENDLESS, start: 0 }, late);
    assert.deepEqual(
      late.streams.map(({ sequence }) => sequence),
      Array.from({ length: 100 }, (_, i) => 200 + i),
    );
    assert.equal(late.log.at(-1), "dropped 0-199 lagged");
  });
});
