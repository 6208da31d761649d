import assert from "node:assert/strict";
import { test } from "node:test";
import { Broadcasts } from "../../moq/model/broadcasts.ts";
import { BROADCAST_METRICS } from "../../moq/model/usage.ts";
import { Series } from "../../moq/series.ts";
import { clock } from "./relay.ts";
import { AD, CACHE, FakeSource, FakeViewer, LIMITS, LIVE } from "./support.ts";

test("the first names have figures of their own, all further ones share those of `other`", () => {
  const series = new Series(2, () => ({ count: 0 }));
  const taken = ["a", "b", "a", "c", "d"].map((name) => series.take(name));
  for (const figures of taken) figures.count++;
  const shown = () => [...series.entries()].map(([name, { count }]) => [name, count]);
  assert.deepEqual(shown(), [
    ["a", 2],
    ["b", 1],
    ["other", 2],
  ]);
  series.release("a", taken[0] as { count: number });
  assert.equal(shown().length, 3, "a name with another user stays");
  series.release("c", taken[3] as { count: number });
  series.release("a", taken[2] as { count: number });
  assert.deepEqual(shown(), [
    ["b", 1],
    ["other", 2],
  ]);
  series.take("e").count++;
  assert.deepEqual(shown(), [
    ["b", 1],
    ["e", 1],
    ["other", 2],
  ]);
});

test("a broadcast's metrics count its viewers and its payload, and end with its route", () => {
  const relay = new Broadcasts({ clock, limits: LIMITS, cache: CACHE, series: 1 });
  const lines = () =>
    Object.values(BROADCAST_METRICS.metrics).map((metric) =>
      relay.counters.samples(metric).map(([{ broadcast }, value]) => `${broadcast} ${String(value)}`),
    );
  const sources = ["live/a", "live/b"].map((path) => {
    const source = new FakeSource();
    return { path, source, publication: relay.publish(path, AD, source) };
  });
  for (const { path } of sources) {
    for (let i = 0; i < 2; i++) relay.subscribe(path, "video", LIVE, new FakeViewer());
  }
  for (const { source } of sources) source.send(0, "four", "five5");
  assert.deepEqual(lines(), [
    ["live/a 2", "other 2"],
    ["live/a 9", "other 9"],
    ["live/a 18", "other 18"],
  ]);
  // A viewer that joins later gets the group from the cache.
  relay.subscribe("live/a", "video", LIVE, new FakeViewer());
  assert.deepEqual(lines()[2], ["live/a 27", "other 18"]);
  const first = sources[0]?.publication;
  assert.ok(typeof first === "object");
  first.end(false);
  assert.deepEqual(lines()[0], ["other 2"]);
  const again = new FakeSource();
  relay.publish("live/c", AD, again);
  assert.deepEqual(lines()[0], ["live/c 0", "other 2"]);
});
