/** Group numbers after another publisher has taken the path. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Dialect } from "../../moq/model/contract.ts";
import { wholeGroup } from "../../moq/model/locations.ts";
import { clock, publish, relay, watch } from "./relay.ts";
import { AD, channel, FakeSource, FakeStream, FakeViewer, INFO, LIVE, say } from "./support.ts";

/** A relay of the mesh that watches. */
class FakeRelay extends FakeViewer {
  readonly ownNumbers = true;
}

function publisherOf(epoch: bigint): FakeSource {
  const source = new FakeSource();
  publish(source, { ...AD, epoch });
  return source;
}

function viewing<V extends FakeViewer>(viewer: V, options = LIVE): V {
  return watch(options, viewer).viewer;
}

/** The first publisher, and a viewer of it. */
function watched() {
  const first = publisherOf(1n);
  return { first, viewer: viewing(new FakeViewer()) };
}

/** Viewers have seen up to group 100 by the time that a second publisher takes over and sends its group 7. */
function replaced(): FakeSource {
  const first = publisherOf(1n);
  viewing(new FakeViewer());
  first.send(100, "old");
  const second = publisherOf(2n);
  second.sink.started(7);
  second.send(7, "new");
  return second;
}

describe("a publisher whose groups are numbered upwards from another's", () => {
  it("gets subscriptions in its own numbers", () => {
    replaced();
    const way = new FakeSource();
    relay.publish("live/cam", { ...AD, epoch: 2n, cost: 0 }, way);
    assert.equal(way.subscriptions.at(-1)?.options.start, 8, "after the last group from the other source");
  });

  it("does not get the range that was meant for the publisher before it", () => {
    const first = publisherOf(1n);
    viewing(new FakeViewer(), { ...LIVE, start: 100 });
    first.send(100, "old");
    const second = publisherOf(2n);
    assert.equal(second.subscriptions.at(-1)?.options.start, undefined);
  });

  it("reaches relays under its own numbers, and viewers above the numbers that they have seen", () => {
    const second = replaced();
    const viewer = viewing(new FakeViewer());
    const other = viewing(new FakeRelay());
    second.send(8, "newer");
    assert.deepEqual(viewer.groups, ["101:finished:[3]new", "102:finished:[5]newer"]);
    assert.deepEqual(other.groups, ["7:finished:[3]new", "8:finished:[5]newer"]);
    assert.deepEqual(other.log, ["accepted 1000", "started 7"]);
  });

  it("has numbers for groups that may still come when it does not name its first group", () => {
    const { first, viewer } = watched();
    first.send(1_000_000, "old");
    const second = publisherOf(2n);
    for (const sequence of [5000, 100, 5001]) second.send(sequence, `${sequence}`);
    assert.deepEqual(
      viewer.streams.map(({ sequence, text }) => `${sequence} ${text}`),
      ["1000000 [3]old", "1005001 [4]5000", "1000101 [3]100", "1005002 [4]5001"],
    );
  });

  it("keeps numbers that are above the older publisher's, and never gets one of those", () => {
    const { first, viewer } = watched();
    first.send(10, "old");
    const second = publisherOf(2n);
    second.send(1000, "new");
    assert.equal(second.sink.subgroup(wholeGroup(9)), "duplicate");
    assert.deepEqual(viewer.groups, ["10:finished:[3]old", "1000:finished:[3]new"]);
  });

  it("ends within the numbers that every version writes", () => {
    const { first, viewer } = watched();
    first.send(100, "old");
    const second = publisherOf(2n);
    second.send(0, "new");
    second.sink.ended(Number.MAX_SAFE_INTEGER);
    second.sink.closed(undefined);
    clock.advance(500);
    assert.ok(viewer.log.includes(`ended ${Number.MAX_SAFE_INTEGER}`));
  });

  it("ends the track for its viewers when no number is left above the others", () => {
    const { first, viewer } = watched();
    assert.equal(first.sink.subgroup(wholeGroup(Number.MAX_SAFE_INTEGER)), "duplicate");
    first.send(Number.MAX_SAFE_INTEGER - 2, "last");
    const second = publisherOf(2n);
    assert.equal(second.sink.subgroup(wholeGroup(0)), "replaced");
    assert.deepEqual(viewer.log.slice(-1), ["closed replaced"]);
    clock.advance(2000);
    const again = viewing(new FakeViewer());
    second.send(1, "new");
    assert.deepEqual(again.groups, ["1:finished:[3]new"]);
  });

  it("gets ranges of relays in its own numbers, and no relay gets a group of the publisher before it", () => {
    const second = replaced();
    const other = viewing(new FakeRelay(), { ...LIVE, start: 6 });
    assert.deepEqual(other.groups, ["7:finished:[3]new"]);
    const late = viewing(new FakeRelay(), { ...LIVE, start: 9 });
    for (const sequence of [8, 9]) second.send(sequence, "newer");
    assert.deepEqual(late.groups, ["9:finished:[5]newer"]);
  });

  it("serves fetches of relays in its own numbers", () => {
    replaced();
    const ask = (sequence: number) => {
      const stream = new FakeStream(sequence, 0, false);
      relay.fetch(
        { path: "live/cam", track: "video", sequence, priority: 0, ownNumbers: true },
        channel(),
        stream,
        () => {},
      );
      return `${stream.state} ${stream.text}`;
    };
    assert.deepEqual([ask(7), ask(6)], ["finished [3]new", "reset "]);
  });

  it("ends the subscriptions of relays at the publisher before it, while viewers go on", () => {
    const first = publisherOf(1n);
    const [viewer, other] = [viewing(new FakeViewer()), viewing(new FakeRelay())];
    first.send(100, "old");
    publisherOf(2n).send(0, "new");
    assert.deepEqual(other.log.slice(-1), ["closed upstream"]);
    assert.deepEqual(viewer.groups, ["100:finished:[3]old", "101:finished:[3]new"]);
  });
});

it("a viewer that waits for a later group does not delay viewers of the live groups", () => {
  const publisher = publisherOf(1n);
  viewing(new FakeViewer(), { ...LIVE, start: 50 });
  assert.equal(publisher.subscriptions.at(-1)?.options.start, 50);
  const viewer = viewing(new FakeViewer());
  assert.equal(publisher.subscriptions.at(-1)?.options.start, undefined);
  publisher.send(3, "live");
  assert.deepEqual(viewer.groups, ["3:finished:[4]live"]);
});

describe("a publisher that chooses its timescale and its timestamps", () => {
  it("never makes the relay send a timestamp that viewers cannot read", () => {
    publisherOf(1n);
    const timestamps: number[] = [];
    const { dialect, fanOut } = channel();
    const objectHeader: Dialect["objectHeader"] = (size, delta, ...rest) => {
      timestamps.push((timestamps.at(-1) ?? 0) + delta);
      return dialect.objectHeader(size, delta, ...rest);
    };
    viewing(new FakeViewer({ dialect: { ...dialect, name: "timed", objectHeader }, fanOut }));
    const second = new FakeSource({ answer: { ...INFO, timescale: 1 } });
    relay.publish("live/cam", { ...AD, epoch: 2n }, second);
    const group = second.group(0);
    const most = Number.MAX_SAFE_INTEGER;
    for (const timestamp of [most - 1, most, 1]) say(group, "x", timestamp);
    assert.deepEqual(timestamps, [most, most, 1000]);
  });

  it("never makes the relay write a delta that is too large, and later timestamps are right", () => {
    publisherOf(1n);
    const steps: number[] = [];
    const { dialect, fanOut } = channel();
    const objectHeader: Dialect["objectHeader"] = (size, delta, ...rest) => {
      steps.push(delta);
      return dialect.objectHeader(size, delta, ...rest);
    };
    viewing(new FakeViewer({ dialect: { ...dialect, name: "timed", objectHeader }, fanOut }));
    const second = new FakeSource({ answer: { ...INFO, timescale: 1 } });
    relay.publish("live/cam", { ...AD, epoch: 2n }, second);
    const group = second.group(0);
    const most = Number.MAX_SAFE_INTEGER;
    for (const timestamp of [most, -most, 0, most]) say(group, "x", timestamp);
    assert.deepEqual(steps, [most, -most, 0, most]);
  });
});
