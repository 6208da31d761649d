/** Fetches of ranges of objects: from the cache, and what is missing from the source. */
import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import {
  type FetchedObject,
  type FetchGap,
  type FetchRange,
  type FetchReader,
  type FetchWriter,
  LAST_OBJECT,
  type Location,
  type SubgroupStart,
  type SubgroupWriter,
} from "../../moq/model/contract.ts";
import type { Reason } from "../../moq/reason.ts";
import { clock, publish, publisher, relay, start, startPublished, watch } from "./relay.ts";
import { channel, FakeSource, FakeStream, FakeViewer, INFO, LIVE, say } from "./support.ts";

/** Milliseconds without an object until the rest of a fetch is given up. */
const IDLE_MS = 10_000;

/** A publisher that keeps the fetches of ranges. */
class RangeSource extends FakeSource {
  readonly ranges: { readonly range: FetchRange; readonly writer: FetchWriter; cancelled: boolean }[] = [];

  override fetch(_path: string, track: string, range: FetchRange, _priority: number, writer: FetchWriter): () => void {
    this.log.push(`fetch ${track} ${textOf(range)}`);
    const entry = { range, writer, cancelled: false };
    this.ranges.push(entry);
    return () => {
      entry.cancelled = true;
    };
  }

  /** The writer of the last fetch. */
  get writer(): FetchWriter {
    const last = this.ranges.at(-1);
    if (last === undefined) throw new Error("no fetch");
    return last.writer;
  }
}

function textOf({ start: from, end, descending }: FetchRange): string {
  const last = end.object === LAST_OBJECT ? "" : `/${end.object}`;
  return `${from.group}/${from.object}-${end.group}${last}${descending === true ? " descending" : ""}`;
}

/** One that asks, and records what it gets: `7/0=a` is object 0 of group 7. */
class Asker implements FetchReader {
  readonly got: string[] = [];
  queued = 0;
  over: number | undefined;
  cancel: () => void = () => {};
  #head = "";
  #payload = "";

  object({ group, object, subgroup, priority, status, properties }: FetchedObject): void {
    const more = [
      subgroup === 0 ? "" : `:${subgroup ?? "datagram"}`,
      priority === undefined ? "" : `!${priority}`,
      properties === undefined ? "" : `{${Buffer.from(properties)}}`,
    ];
    this.#head = `${group}/${object}${more.join("")}`;
    this.#payload = "";
    if (status !== undefined) this.got.push(`${this.#head} ${status}`);
  }

  payload(bytes: Uint8Array): void {
    this.#payload += Buffer.from(bytes).toString();
  }

  end(): void {
    this.got.push(`${this.#head}=${this.#payload}`);
  }

  gap(kind: FetchGap, { group, object }: Location): void {
    this.got.push(`${kind} to ${group}${object === LAST_OBJECT ? "" : `/${object}`}`);
  }

  finish(): void {
    this.got.push("finished");
  }

  reset(reason: Reason): void {
    this.got.push(`reset ${reason}`);
  }

  onStop(): void {}
}

function range(from: number, to: number, more: Partial<{ first: number; last: number; descending: boolean }> = {}) {
  const { first = 0, last = LAST_OBJECT, descending = false } = more;
  const both = { start: { group: from, object: first }, end: { group: to, object: last } };
  return descending ? { ...both, descending } : both;
}

function ask(wanted: FetchRange, asker = new Asker(), ownNumbers = false): Asker {
  const where = { path: "live/cam", track: "video", priority: 0, range: wanted, ownNumbers };
  asker.cancel = relay.fetchRange(where, asker, (bytes) => {
    asker.over = bytes;
  });
  return asker;
}

/** The source answers with whole groups of one object each. */
function answer(writer: FetchWriter, ...groups: number[]): void {
  for (const group of groups) give(writer, group, 0, `f${group}`);
}

function give(
  writer: FetchWriter,
  group: number,
  object: number,
  text: string,
  more: Partial<FetchedObject> = {},
): void {
  const none = { subgroup: 0, priority: undefined, status: undefined, timestamp: 0, properties: undefined };
  writer.object({ ...none, group, object, size: text.length, ...more });
  if (more.status !== undefined) return;
  if (text !== "") writer.payload(Buffer.from(text));
  writer.end();
}

let source: RangeSource;

beforeEach(() => {
  start();
  source = new RangeSource();
  publish(source);
});

/** The cache has these groups of two objects each. */
function keep(...groups: number[]): void {
  watch();
  for (const group of groups) source.send(group, `a${group}`, `b${group}`);
}

describe("a range that is in the cache", () => {
  it("is sent in order, and the source is not asked", () => {
    keep(3, 4, 5);
    const asker = ask(range(3, 5));
    assert.deepEqual(asker.got, ["3/0=a3", "3/1=b3", "4/0=a4", "4/1=b4", "5/0=a5", "5/1=b5", "finished"]);
    assert.deepEqual([source.ranges.length, asker.over], [0, 12]);
    assert.equal(relay.counters.fetchHits, 3);
  });

  it("begins and ends with the objects that are asked for", () => {
    keep(3, 4);
    assert.deepEqual(ask(range(3, 4, { first: 1, last: 0 })).got, ["3/1=b3", "4/0=a4", "finished"]);
  });

  it("comes with the highest group first where that is asked for", () => {
    keep(3, 4);
    const asker = ask(range(3, 4, { first: 1, descending: true }));
    assert.deepEqual(asker.got, ["4/0=a4", "4/1=b4", "3/1=b3", "finished"]);
  });

  it("has the objects of an open group once they are whole, up to the last one that is asked for", () => {
    watch();
    const writer = source.group(7);
    say(writer, "one");
    const asker = ask(range(7, 7, { last: 2 }));
    assert.deepEqual(asker.got, ["7/0=one"]);
    say(writer, "two");
    writer.object(5, undefined);
    writer.payload(Buffer.from("thr"));
    assert.deepEqual(asker.got, ["7/0=one", "7/1=two"]);
    writer.payload(Buffer.from("ee"));
    writer.end();
    assert.deepEqual(asker.got, ["7/0=one", "7/1=two", "7/2=three", "finished"]);
    say(writer, "four");
    writer.finish();
    assert.equal(asker.got.length, 4);
  });

  it("has the objects of several subgroups in the order of their ids, with subgroup, priority and properties", () => {
    watch();
    const subgroup = (fields: Omit<SubgroupStart, "group" | "firstObject" | "endsGroup">) => {
      const writer = source.sink.subgroup({ group: 7, firstObject: true, endsGroup: false, ...fields });
      if (typeof writer === "string") throw new Error(writer);
      return writer;
    };
    const put = (writer: ReturnType<typeof subgroup>, id: number, text: string, properties?: string) => {
      writer.object(text.length, 0, id, properties === undefined ? undefined : Buffer.from(properties));
      writer.payload(Buffer.from(text));
      writer.end();
    };
    const [base, upper] = [subgroup({ subgroup: 0 }), subgroup({ subgroup: 4, priority: 9 })];
    put(base, 0, "b0", "p");
    put(upper, 3, "u3");
    const asker = ask(range(7, 7));
    assert.deepEqual(asker.got, ["7/0{p}=b0"], "the base may still bring 1 and 2");
    put(base, 1, "b1");
    put(base, 2, "b2");
    put(upper, 4, "u4");
    base.status("end_of_group", 5);
    base.finish();
    upper.finish();
    assert.deepEqual(asker.got, [
      "7/0{p}=b0",
      "7/1=b1",
      "7/2=b2",
      "7/3:4!9=u3",
      "7/4:4!9=u4",
      "7/5 end_of_group",
      "finished",
    ]);
  });
});

describe("what is missing of a range", () => {
  it("comes from the source between what the cache has, and is in the cache afterwards", () => {
    keep(3, 6);
    const asker = ask(range(3, 6));
    assert.deepEqual(source.log.at(-1), "fetch video 4/0-5");
    answer(source.writer, 4, 5);
    source.writer.finish();
    assert.deepEqual(asker.got, ["3/0=a3", "3/1=b3", "4/0=f4", "5/0=f5", "6/0=a6", "6/1=b6", "finished"]);
    assert.deepEqual(ask(range(4, 5)).got, ["4/0=f4", "5/0=f5", "finished"]);
    assert.equal(source.ranges.length, 1);
  });

  it("is fetched once for all that ask for it, in whatever order they ask", () => {
    const first = ask(range(1, 4));
    const second = ask(range(2, 3));
    answer(source.writer, 1);
    give(source.writer, 2, 0, "half");
    const third = ask(range(2, 4));
    give(source.writer, 2, 1, "more");
    answer(source.writer, 3, 4);
    source.writer.finish();
    const two = ["2/0=half", "2/1=more"];
    assert.deepEqual(first.got, ["1/0=f1", ...two, "3/0=f3", "4/0=f4", "finished"]);
    assert.deepEqual(second.got, [...two, "3/0=f3", "finished"]);
    assert.deepEqual(third.got, [...two, "3/0=f3", "4/0=f4", "finished"]);
    assert.equal(source.ranges.length, 1);
  });

  it("comes as it arrives, and with what the source says of each object", () => {
    const asker = ask(range(1, 2, { first: 3 }));
    source.writer.object({
      group: 1,
      object: 3,
      subgroup: 2,
      priority: 7,
      size: 4,
      status: undefined,
      timestamp: 0,
      properties: Buffer.from("p"),
    });
    source.writer.payload(Buffer.from("wh"));
    assert.equal(asker.over, undefined);
    source.writer.payload(Buffer.from("at"));
    source.writer.end();
    give(source.writer, 1, 9, "", { status: "end_of_group" });
    give(source.writer, 2, 0, "d", { subgroup: undefined });
    source.writer.finish();
    assert.deepEqual(asker.got, ["1/3:2!7{p}=what", "1/9 end_of_group", "2/0:datagram=d", "finished"]);
    const again = ask(range(1, 2));
    assert.equal(source.log.at(-1), "fetch video 1/0-1", "a part of a group is not cached");
    source.writer.finish();
    assert.deepEqual(again.got, ["2/0:datagram=d", "finished"], "a group of datagrams is");
  });

  it("is reported by the gaps of the source, cut to the range", () => {
    const asker = ask(range(1, 9));
    answer(source.writer, 1);
    source.writer.gap("nonexistent", { group: 3, object: LAST_OBJECT });
    source.writer.gap("timed_out", { group: 4, object: 6 });
    give(source.writer, 4, 7, "seven");
    source.writer.gap("unknown", { group: 12, object: 0 });
    assert.deepEqual(asker.got, [
      "1/0=f1",
      "nonexistent to 3",
      "timed_out to 4/6",
      "4/7=seven",
      "unknown to 9",
      "finished",
    ]);
    assert.equal(source.ranges[0]?.cancelled, true, "nothing else is wanted of it");
  });

  it("is in the cache only as far as nothing of a group may be missing", () => {
    ask(range(1, 4));
    answer(source.writer, 1);
    source.writer.gap("unknown", { group: 2, object: 3 });
    give(source.writer, 2, 4, "four");
    give(source.writer, 3, 0, "three");
    source.writer.gap("nonexistent", { group: 3, object: 7 });
    give(source.writer, 3, 8, "eight");
    give(source.writer, 4, 0, "f4");
    source.writer.finish();
    ask(range(1, 4));
    assert.deepEqual(
      source.log.filter((line) => line.startsWith("fetch")),
      ["fetch video 1/0-4", "fetch video 1/0-2"],
      "the group before a gap and the one in which it ends",
    );
  });

  it("is a gap where the source has nothing of it, and a refusal where that is all of the range", () => {
    keep(3);
    const part = ask(range(1, 3));
    source.writer.reset("not_found");
    assert.deepEqual(part.got, ["unknown to 2", "3/0=a3", "3/1=b3", "finished"]);
    const late = ask(range(1, 3));
    source.writer.reset("timeout");
    assert.deepEqual(late.got, ["timed_out to 2", "3/0=a3", "3/1=b3", "finished"]);
    const all = ask(range(1, 2));
    source.writer.reset("not_found");
    assert.deepEqual([all.got, all.over], [["reset not_found"], 0]);
  });

  it("resets what asked for it where the source fails, and inside an object", () => {
    keep(3);
    const asker = ask(range(2, 3));
    source.writer.object({ ...OBJECT, group: 2, size: 9 });
    source.writer.payload(Buffer.from("half"));
    source.writer.reset("timeout");
    assert.deepEqual(asker.got, ["reset timeout"]);
    const other = ask(range(2, 3));
    source.writer.reset("upstream");
    assert.deepEqual(other.got, ["reset upstream"]);
  });

  it("is not sent twice where the live subscription brings it meanwhile", () => {
    watch();
    const asker = ask(range(1, 3));
    answer(source.writer, 1);
    source.send(2, "live");
    answer(source.writer, 2, 3);
    source.writer.finish();
    assert.deepEqual(asker.got, ["1/0=f1", "2/0=live", "3/0=f3", "finished"]);
  });

  it("comes in descending order in one fetch", () => {
    keep(5);
    const asker = ask(range(2, 5, { first: 1, descending: true }));
    assert.equal(source.log.at(-1), "fetch video 2/1-4 descending");
    answer(source.writer, 4, 3);
    give(source.writer, 2, 1, "last");
    source.writer.finish();
    assert.deepEqual(asker.got, ["5/0=a5", "5/1=b5", "4/0=f4", "3/0=f3", "2/1=last", "finished"]);
  });

  it("has the publisher's own numbers where that is asked for", () => {
    watch();
    source.send(9, "old");
    const next = new RangeSource();
    publish(next, { epoch: 5n, hops: [8n], cost: 0, ended: false });
    next.send(3, "new");
    const asker = ask(range(2, 3), new Asker(), true);
    assert.equal(next.log.at(-1), "fetch video 2/0-2");
    answer(next.writer, 2);
    next.writer.finish();
    assert.deepEqual(asker.got.map((one) => one.split("=")[1]).slice(0, 2), ["f2", "new"]);
  });

  it("that comes out of order or range ends the fetch as a violation", () => {
    const asker = ask(range(1, 4));
    answer(source.writer, 3, 2);
    assert.deepEqual(asker.got, ["3/0=f3", "reset protocol"]);
    assert.equal(source.ranges[0]?.cancelled, true);
  });
});

const OBJECT = {
  object: 0,
  subgroup: 0,
  priority: undefined,
  size: 0,
  status: undefined,
  timestamp: 0,
  properties: undefined,
};

describe("a group that was joined inside", () => {
  /** The cache has objects 5 and 6 of group 7, with which its subscription began. */
  function joinInside(): SubgroupWriter {
    watch();
    const writer = source.sink.subgroup({ group: 7, subgroup: 0, firstObject: false, endsGroup: true });
    if (typeof writer === "string") throw new Error(writer);
    for (const id of [5, 6]) put(writer, id);
    return writer;
  }

  function put(writer: SubgroupWriter, id: number): void {
    writer.object(2, 0, id);
    writer.payload(Buffer.from(`c${id}`));
    writer.end();
  }

  it("comes from the source up to its first object that is there, and from there on from the cache", () => {
    joinInside().finish();
    source.send(8, "next");
    const asker = ask(range(7, 8));
    assert.equal(source.log.at(-1), "fetch video 7/0-7/4");
    for (const id of [0, 1, 4]) give(source.writer, 7, id, `f${id}`);
    source.writer.finish();
    assert.deepEqual(asker.got, ["7/0=f0", "7/1=f1", "7/4=f4", "7/5=c5", "7/6=c6", "8/0=next", "finished"]);
    assert.equal(source.ranges.length, 1);
  });

  it("comes in order while it is open, in descending ranges as well", () => {
    const writer = joinInside();
    const both = [ask(range(7, 7, { first: 3 })), ask(range(6, 7, { descending: true }))];
    assert.deepEqual(source.log.slice(-2), ["fetch video 7/3-7/4", "fetch video 7/0-7/4 descending"]);
    for (const { writer: fetched } of [...source.ranges]) {
      give(fetched, 7, 3, "f3");
      fetched.finish();
    }
    put(writer, 7);
    writer.finish();
    const rest = ["7/3=f3", "7/5=c5", "7/6=c6", "7/7=c7"];
    assert.deepEqual(both[0]?.got, [...rest, "finished"]);
    assert.deepEqual(both[1]?.got, rest);
    assert.equal(source.log.at(-1), "fetch video 6/0-6 descending");
  });

  it("is read from the cache alone where nothing below its first object is asked for", () => {
    joinInside().finish();
    assert.deepEqual(ask(range(7, 7, { first: 5 })).got, ["7/5=c5", "7/6=c6", "finished"]);
    assert.equal(source.ranges.length, 0);
  });

  it("is asked for no further than the range goes", () => {
    joinInside().finish();
    const asker = ask(range(7, 7, { last: 2 }));
    assert.equal(source.log.at(-1), "fetch video 7/0-7/2");
    give(source.writer, 7, 1, "f1");
    source.writer.finish();
    assert.deepEqual(asker.got, ["7/1=f1", "finished"]);
  });

  it("comes with a gap where the source does not have what the cache lacks", () => {
    joinInside().finish();
    for (const [reason, gap] of [
      ["not_found", "unknown"],
      ["unsupported", "unknown"],
      ["timeout", "timed_out"],
    ] as const) {
      const asker = ask(range(7, 7));
      source.writer.reset(reason);
      assert.deepEqual(asker.got, [`${gap} to 7/4`, "7/5=c5", "7/6=c6", "finished"]);
    }
  });

  it("lacks what was before the object with which the subscription began, though each of its subgroups came whole", () => {
    watch({ ...LIVE, start: 7, startObject: 4 });
    const writer = source.sink.subgroup({ group: 7, subgroup: 4, firstObject: true, endsGroup: true });
    if (typeof writer === "string") throw new Error(writer);
    put(writer, 4);
    writer.finish();
    const asker = ask(range(7, 7));
    assert.equal(source.log.at(-1), "fetch video 7/0-7/3");
    give(source.writer, 7, 2, "f2");
    source.writer.finish();
    assert.deepEqual(asker.got, ["7/2=f2", "7/4:4=c4", "finished"]);
  });

  it("lacks what is up to the newest object that the publisher named, where the subscription began after that one", () => {
    watch({ ...LIVE, join: "next_object" });
    source.sink.info(INFO, { group: 7, object: 2 });
    const writer = source.sink.subgroup({ group: 7, subgroup: 4, firstObject: true, endsGroup: true });
    if (typeof writer === "string") throw new Error(writer);
    put(writer, 6);
    ask(range(7, 7));
    assert.equal(source.log.at(-1), "fetch video 7/0-7/2");
  });

  it("is fetched whole for one that takes whole groups, beside what goes on to live viewers", () => {
    const writer = joinInside();
    const stream = new FakeStream(7, 0, false);
    relay.fetch({ path: "live/cam", track: "video", priority: 0, sequence: 7 }, channel(), stream, () => {});
    assert.equal(source.log.at(-1), "fetch video 7/0-7");
    for (const id of [0, 4, 5]) give(source.writer, 7, id, `f${id}`);
    put(writer, 7);
    give(source.writer, 7, 6, "f6");
    source.writer.finish();
    assert.deepEqual([stream.text, stream.state], ["[2]f0[2]f4[2]f5[2]f6", "finished"]);
    assert.deepEqual(ask(range(7, 7, { first: 5 })).got, ["7/5=c5", "7/6=c6", "7/7=c7"], "the live group stays");
  });
});

describe("a fetch of a range", () => {
  it("ends at the source with the last one that needs it", () => {
    const [first, second] = [ask(range(1, 4)), ask(range(1, 4))];
    first.cancel();
    assert.deepEqual([first.got, source.ranges[0]?.cancelled], [["reset cancelled"], false]);
    second.cancel();
    assert.equal(source.ranges[0]?.cancelled, true);
    answer(source.writer, 1);
    assert.deepEqual(second.got, ["reset cancelled"]);
    assert.equal(clock.pending, 0);
  });

  it("pauses while the one that asked reads slowly, and goes on from the cache", () => {
    const slow = new Asker();
    ask(range(1, 3), slow);
    const quick = ask(range(1, 3));
    slow.queued = 2 ** 21;
    answer(source.writer, 1, 2, 3);
    source.writer.finish();
    assert.deepEqual(quick.got, ["1/0=f1", "2/0=f2", "3/0=f3", "finished"]);
    assert.deepEqual(slow.got, ["1/0=f1"]);
    clock.advance(IDLE_MS + 1000);
    assert.deepEqual(slow.got, ["1/0=f1"], "it is not given up");
    slow.queued = 0;
    clock.advance(100);
    assert.deepEqual(slow.got, quick.got);
    assert.equal(source.ranges.length, 1);
  });

  it("gives the rest up when nothing comes for a while", () => {
    keep(3);
    const asker = ask(range(3, 5));
    clock.advance(IDLE_MS - 1);
    answer(source.writer, 4);
    clock.advance(IDLE_MS - 1);
    assert.deepEqual(asker.got, ["3/0=a3", "3/1=b3", "4/0=f4"]);
    clock.advance(2);
    assert.deepEqual(asker.got.slice(3), ["timed_out to 5", "finished"]);
    assert.equal(source.ranges[0]?.cancelled, true);
  });

  it("is refused without a broadcast, and where another publisher has its numbers", () => {
    start();
    assert.deepEqual(ask(range(0, 1)).got, ["reset not_found"]);
  });

  it("sends the groups of a long range in several turns", () => {
    startPublished({ groupsPerTrack: 200 });
    watch();
    for (let group = 0; group < 100; group++) publisher.send(group, "x");
    const jobs: (() => boolean)[] = [];
    const asker = new Asker();
    const where = { path: "live/cam", track: "video", priority: 0, range: range(0, 99) };
    relay.fetchRange({ ...where, later: (job) => void jobs.push(job) }, asker, () => {});
    assert.ok(asker.got.length < 50);
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) while (!job()) assert.ok(true);
    assert.equal(asker.got.length, 101);
  });

  it("leaves nothing of a track of which it brought nothing", () => {
    ask(range(1, 1));
    source.writer.reset("not_found");
    assert.equal(relay.broadcast("live/cam")?.tracks, 0);
  });

  it("leaves a track that nobody watches as it was", () => {
    watch(undefined, new FakeViewer()).subscription.cancel();
    const asker = ask(range(1, 1));
    answer(source.writer, 1);
    source.writer.finish();
    assert.deepEqual(asker.got, ["1/0=f1", "finished"]);
    clock.advance(60_000);
    assert.equal(clock.pending, 0);
  });
});
