import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { publish, publisher, relay, start } from "./relay.ts";
import { FakeViewer, LIVE, say } from "./support.ts";

/** A viewer whose later work a test does. */
class BusyViewer extends FakeViewer {
  readonly jobs: (() => boolean)[] = [];
  readonly later = (job: () => boolean) => void this.jobs.push(job);

  turn(): void {
    for (const job of this.jobs.splice(0)) if (!job()) this.jobs.push(job);
  }
}

const FRAMES = 900;
const text = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `[4]${1000 + from + i}`).join("");

function scene() {
  start({ framesPerGroup: 10_000 });
  publish(publisher);
  const first = new FakeViewer();
  relay.subscribe("live/cam", "video", LIVE, first);
  const group = publisher.group(0);
  for (let i = 0; i < FRAMES; i++) say(group, String(1000 + i));
  const late = new BusyViewer();
  const subscription = relay.subscribe("live/cam", "video", LIVE, late);
  assert.ok(subscription);
  return { group, first, late, subscription };
}

describe("a viewer that joins a long group", () => {
  it("gets it in parts, one a turn, and then new frames: each once and in order", () => {
    const { group, first, late } = scene();
    const [stream] = late.streams;
    assert.equal(stream?.text, text(0, 256), "the first part at once");
    late.turn();
    say(group, "1900");
    assert.equal(stream?.text, text(0, 512));
    while (late.jobs.length > 0) late.turn();
    say(group, "1901");
    group.finish();
    assert.equal(stream?.text, text(0, FRAMES + 2));
    assert.equal(stream?.state, "finished");
    assert.equal(first.streams[0]?.text, text(0, FRAMES + 2));
  });

  it("gets all of it when it ends meanwhile, and the part of a frame that has arrived", () => {
    const { group, late } = scene();
    group.object(4, undefined);
    group.payload(Buffer.from("19"));
    while (late.jobs.length > 0) late.turn();
    group.payload(Buffer.from("00"));
    group.end();
    group.finish();
    assert.equal(late.streams[0]?.text, text(0, FRAMES + 1));
    const again = scene();
    again.group.finish();
    while (again.late.jobs.length > 0) again.late.turn();
    assert.equal(again.late.streams[0]?.text, text(0, FRAMES));
    assert.equal(again.late.streams[0]?.state, "finished");
  });

  it("gets no more of it after it has left, or after the group was reset or evicted", () => {
    const left = scene();
    left.subscription.cancel();
    left.late.turn();
    assert.equal(left.late.jobs.length, 0);
    assert.equal(left.late.streams[0]?.text, text(0, 256));
    const cut = scene();
    cut.group.reset("upstream");
    cut.late.turn();
    assert.equal(cut.late.jobs.length, 0);
    assert.equal(cut.late.streams[0]?.state, "reset");
    assert.equal(cut.late.streams[0]?.text, text(0, 256));
  });
});
