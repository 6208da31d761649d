/** Subscriptions whose Max Age decides with which group they begin and which groups expire (moq-lite 06 Group Start, Expiration). */
import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { SubscribeOptions } from "../../moq/model/contract.ts";
import { clock, publisher, startPublished, watch } from "./relay.ts";
import { FakeViewer, LIVE, say } from "./support.ts";

const byAge = (maxLatency: number, more: Partial<SubscribeOptions> = {}): SubscribeOptions => ({
  ...LIVE,
  byMaxAge: true,
  maxLatency,
  ...more,
});

function send(sequence: number, timestamp: number): void {
  const writer = publisher.group(sequence);
  say(writer, "x", timestamp);
  writer.finish();
}

/** Numbers of the groups of a viewer. */
const numbers = (viewer: FakeViewer) => viewer.streams.map(({ sequence }) => sequence);

beforeEach(() => {
  startPublished();
  // The track is subscribed to, so that the cache fills.
  watch();
});

describe("a subscription by Max Age", () => {
  beforeEach(() => {
    for (let i = 0; i < 5; i++) send(i, i * 1000);
  });

  for (const [maxAge, expected] of [
    [0, [4]],
    [1, [3, 4]],
    [1000, [3, 4]],
    [1001, [2, 3, 4]],
    [2500, [1, 2, 3, 4]],
    [3000, [1, 2, 3, 4]],
    [1_000_000, [0, 1, 2, 3, 4]],
  ] as const) {
    it(`of ${maxAge} ms begins with the oldest group that may still have something younger`, () => {
      const { viewer } = watch(byAge(maxAge));
      assert.deepEqual(numbers(viewer), expected);
      assert.ok(viewer.log.includes(`started ${expected[0]}`));
      assert.ok(!viewer.log.some((line) => line.startsWith("dropped")), "what it did not ask for is not lost");
    });
  }

  it("sends nothing below its floor", () => {
    assert.deepEqual(numbers(watch(byAge(1_000_000, { start: 3 })).viewer), [3, 4]);
  });

  it("waits where its floor is above the newest group", () => {
    const { viewer } = watch(byAge(1_000_000, { start: 6 }));
    send(5, 5000);
    send(6, 6000);
    assert.deepEqual(numbers(viewer), [6]);
    assert.ok(viewer.log.includes("started 6"));
  });

  it("gets older groups when it lowers its floor, as far as they have not expired", () => {
    const { viewer, subscription } = watch(byAge(2500, { start: 4 }));
    subscription.update(byAge(2500, { start: 0 }));
    assert.deepEqual(numbers(viewer), [4, 1, 2, 3]);
    assert.ok(!viewer.log.some((line) => line.startsWith("dropped")));
  });
});

describe("a group of a subscription by Max Age", () => {
  function stuck(options: SubscribeOptions) {
    const viewer = new FakeViewer();
    viewer.stuck = true;
    return watch(options, viewer).viewer;
  }
  /** A sweep judges groups a moment after each new one. */
  const sweep = () => clock.advance(100);

  it("expires by timestamps, and not by its time of arrival", () => {
    const viewer = stuck(byAge(1000));
    const other = stuck({ ...LIVE, maxLatency: 1000 });
    send(0, 0);
    clock.advance(4000);
    send(1, 10);
    sweep();
    assert.deepEqual(
      viewer.streams.map(({ state }) => state),
      ["finished", "finished"],
    );
    assert.equal(other.streams[0]?.state, "reset", "other versions count the arrival as well");
  });

  it("expires once all that it may have is as old as Max Age", () => {
    const viewer = stuck(byAge(1000));
    send(0, 0);
    // The group may reach up to 500, where the next one begins.
    send(1, 500);
    send(2, 1499);
    sweep();
    assert.equal(viewer.streams[0]?.state, "finished");
    send(3, 1500);
    sweep();
    assert.equal(viewer.streams[0]?.state, "reset");
    assert.equal(viewer.streams[1]?.state, "finished");
  });

  it("expires by the newest frame of the newest group, not by its first one", () => {
    const viewer = stuck(byAge(1000));
    send(0, 0);
    const open = publisher.group(1);
    say(open, "x", 500);
    say(open, "x", 1500);
    sweep();
    assert.equal(viewer.streams[0]?.state, "reset");
  });

  it("does not expire while no later group has a frame", () => {
    const viewer = stuck(byAge(0));
    send(0, 0);
    publisher.group(1);
    sweep();
    assert.equal(viewer.streams[0]?.state, "finished");
  });
});
