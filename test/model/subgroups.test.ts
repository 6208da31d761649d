/** Groups with several subgroups: what viewers get of random interleavings, beside a simple model of it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { ObjectStatus, SubgroupWriter } from "../../moq/model/contract.ts";
import { begin, OBJECTS, objectChannel, StreamsViewer, say, scene, WHOLE } from "./subgroup-scene.ts";
import { type FakeSource, FakeViewer, LIVE } from "./support.ts";

interface TestObject {
  readonly id: number;
  readonly payload: string;
  readonly properties?: string;
  readonly status?: ObjectStatus;
}

/** What a stream of one subgroup has of `objects`, from the first one on. */
function written(objects: readonly TestObject[]): string {
  let before = -1;
  return objects
    .map(({ id, payload, properties, status }) => {
      const marks = properties === undefined ? "" : `+${properties}`;
      const text = status === undefined ? `:${payload.length})${payload}` : `!${status})`;
      const delta = id - before - 1;
      before = id;
      return `(${delta}${marks}${text}`;
    })
    .join("");
}

/** What a stream of a whole group has. */
function merged(objects: readonly TestObject[]): string {
  return objects
    .filter(({ status }) => status === undefined)
    .toSorted((a, b) => a.id - b.id)
    .map(({ payload }) => `[${payload.length}@0]${payload}`)
    .join("");
}

/** One call of the publisher. */
type Step = () => void;

/** The calls that send `objects` on `writer`, payload in two pieces. */
function steps(writer: SubgroupWriter, objects: readonly TestObject[]): Step[] {
  const list: Step[] = [];
  for (const { id, payload, properties, status } of objects) {
    const bytes = properties === undefined ? undefined : Buffer.from(properties);
    if (status !== undefined) list.push(() => writer.status(status, id, bytes));
    else {
      const half = payload.length >> 1;
      list.push(() => writer.object(payload.length, 0, id, bytes));
      for (const piece of [payload.slice(0, half), payload.slice(half)]) {
        if (piece !== "") list.push(() => writer.payload(Buffer.from(piece)));
      }
      list.push(() => writer.end());
    }
  }
  list.push(() => writer.finish());
  return list;
}

/** Ids of a group shared out over subgroups, in ascending order each. */
const layouts = fc
  .record({
    subgroups: fc.integer({ min: 1, max: 4 }),
    owners: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 14 }),
    sizes: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 5 }),
    properties: fc.array(fc.constantFrom(undefined, "", "p", "longer properties"), { minLength: 1, maxLength: 5 }),
    turns: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 40 }),
    late: fc.integer({ min: 0, max: 60 }),
  })
  .map(({ subgroups, owners, sizes, properties, ...rest }) => {
    const parts: TestObject[][] = Array.from({ length: subgroups }, () => []);
    owners.forEach((owner, id) => {
      const marks = properties[id % properties.length];
      parts[owner % subgroups]?.push({
        id,
        payload: String.fromCharCode(97 + (id % 26)).repeat(sizes[id % sizes.length] ?? 0),
        ...(marks !== undefined && { properties: marks }),
      });
    });
    const ending: TestObject = { id: owners.length, payload: "", status: "end_of_group" };
    parts[0]?.push(ending);
    return { parts, ...rest };
  });

/** Runs the lists of steps, taking turns as `turns` says. `between` is called before each step. */
function interleave(lists: Step[][], turns: readonly number[], between: (step: number) => void): void {
  const left = lists.map((list) => [...list]);
  for (let step = 0; left.some(({ length }) => length > 0); step++) {
    between(step);
    const open = left.filter(({ length }) => length > 0);
    open[(turns[step % turns.length] ?? 0) % open.length]?.shift()?.();
  }
}

describe("a group of several subgroups", () => {
  it("reaches viewers of subgroups as it was sent, and viewers of whole groups in the order of ids, early and late ones alike", () => {
    fc.assert(
      fc.property(layouts, ({ parts, turns, late }) => {
        const { source, watch } = scene();
        const viewers = [watch(new StreamsViewer(OBJECTS))];
        const whole = [watch(new FakeViewer(WHOLE))];
        const writers = parts.map((_, subgroup) => begin(source, { subgroup }));
        const lists = parts.map((objects, n) => steps(writers[n] as SubgroupWriter, objects));
        interleave(lists, turns, (step) => {
          if (step !== late) return;
          viewers.push(watch(new StreamsViewer(OBJECTS)));
          whole.push(watch(new FakeViewer(WHOLE)));
        });
        viewers.push(watch(new StreamsViewer(objectChannel("another"))));
        whole.push(watch(new FakeViewer(WHOLE)));
        for (const viewer of viewers) {
          for (const [n, objects] of parts.entries()) {
            assert.equal(viewer.of(0, n)?.text, written(objects));
            assert.equal(viewer.of(0, n)?.state, "finished");
          }
        }
        for (const { streams } of whole) {
          assert.deepEqual(
            streams.map(({ text, state }) => [text, state]),
            [[merged(parts.flat()), "finished"]],
          );
        }
      }),
      { numRuns: 300 },
    );
  });

  it("never keeps more than the budget, and viewers that are attached get all of each subgroup all the same", () => {
    fc.assert(
      fc.property(layouts, fc.integer({ min: 0, max: 3_000 }), ({ parts, turns }, bytes) => {
        const { source, relay, watch } = scene(bytes);
        const viewer = watch(new StreamsViewer(OBJECTS));
        const writers = parts.map((_, subgroup) => begin(source, { subgroup }));
        const lists = parts.map((objects, n) => steps(writers[n] as SubgroupWriter, objects));
        interleave(lists, turns, () => assert.ok(relay.counters.cacheBytes <= bytes));
        for (const [n, objects] of parts.entries()) assert.equal(viewer.of(0, n)?.text, written(objects));
      }),
      { numRuns: 200 },
    );
  });

  it("is joined at any object: the stream of each subgroup begins with the first object from there on", () => {
    fc.assert(
      fc.property(layouts, fc.integer({ min: 0, max: 16 }), ({ parts, turns, late }, from) => {
        const { source, watch } = scene();
        watch(new StreamsViewer(OBJECTS));
        const writers = parts.map((_, subgroup) => begin(source, { subgroup }));
        const lists = parts.map((objects, n) => steps(writers[n] as SubgroupWriter, objects));
        const options = { ...LIVE, start: 0, startObject: from };
        const viewers: StreamsViewer[] = [];
        const whole: FakeViewer[] = [];
        interleave(lists, turns, (step) => {
          if (step !== late % 20) return;
          viewers.push(watch(new StreamsViewer(OBJECTS), options));
          whole.push(watch(new FakeViewer(WHOLE), options));
        });
        for (const viewer of viewers) {
          for (const [n, objects] of parts.entries()) {
            const wanted = objects.filter(({ id }) => id >= from);
            assert.equal(viewer.of(0, n)?.text ?? "", written(wanted));
            if (wanted.length > 0) assert.equal(viewer.of(0, n)?.state, "finished");
          }
        }
        for (const { streams } of whole) {
          assert.equal(streams[0]?.text ?? "", merged(parts.flat().filter(({ id }) => id >= from)));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("is sent up to any object: each stream is finished after the last object that is wanted", () => {
    fc.assert(
      fc.property(layouts, fc.integer({ min: 0, max: 16 }), ({ parts, turns, late }, to) => {
        const { source, watch } = scene();
        watch(new StreamsViewer(OBJECTS));
        const writers = parts.map((_, subgroup) => begin(source, { subgroup }));
        const lists = parts.map((objects, n) => steps(writers[n] as SubgroupWriter, objects));
        const options = { ...LIVE, start: 0, end: 0, endObject: to };
        const viewers = [watch(new StreamsViewer(OBJECTS), options)];
        interleave(lists, turns, (step) => {
          if (step === late % 20) viewers.push(watch(new StreamsViewer(OBJECTS), options));
        });
        for (const viewer of viewers) {
          for (const [n, objects] of parts.entries()) {
            assert.equal(viewer.of(0, n)?.text ?? "", written(objects.filter(({ id }) => id <= to)));
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("viewers of whole groups", () => {
  it("wait for a lower id while an open subgroup may bring it, and no longer than the track's groups are kept", () => {
    const { clock, source, watch } = scene();
    const viewer = watch(new FakeViewer(WHOLE));
    const [base] = [begin(source, { subgroup: 0 }), begin(source, { subgroup: 1 })];
    say(base, 0, "a");
    say(base, 2, "c");
    assert.equal(viewer.streams[0]?.text, "[1@0]a");
    clock.advance(60_000);
    assert.equal(viewer.streams[0]?.text, "[1@0]a", "the newest group is not old");
    say(begin(source, { group: 1, subgroup: 0 }), 0, "next");
    clock.advance(200);
    assert.equal(viewer.streams[0]?.text, "[1@0]a[1@0]c");
  });

  it("do not get an object that comes below one that they have", () => {
    const { relay, source, watch } = scene();
    const viewer = watch(new FakeViewer(WHOLE));
    const base = begin(source, { subgroup: 0 });
    say(base, 0, "a");
    say(base, 2, "c");
    say(begin(source, { subgroup: 1 }), 1, "b");
    say(base, 3, "d");
    assert.equal(viewer.streams[0]?.text, "[1@0]a[1@0]c[1@0]d");
    assert.equal(relay.counters.objectsLate, 1);
  });

  it("get the end of a group whose publisher does not name it, once the next group has begun and nothing more came", () => {
    const { clock, source, watch } = scene();
    const viewer = watch(new FakeViewer(WHOLE));
    const only = begin(source, { subgroup: 3 });
    say(only, 5, "a");
    only.finish();
    assert.equal(viewer.streams[0]?.state, "open");
    say(begin(source, { group: 1, subgroup: 0 }), 0, "next");
    clock.advance(200);
    assert.equal(viewer.streams[0]?.state, "finished");
    assert.equal(viewer.streams[0]?.text, "[1@0]a");
  });

  it("get all of a group that is no longer kept, as long as no object has to wait for another one", () => {
    for (const bytes of [0, 3_000, 1_000_000]) {
      const { source, watch } = scene(bytes, { groupBytes: 10 });
      const viewer = watch(new FakeViewer(WHOLE));
      const parts = [begin(source, { subgroup: 0 })];
      let text = "";
      for (let id = 0; id < 40; id++) {
        if (id === 5 || id === 20) parts.push(begin(source, { subgroup: id }));
        const writer = parts[id % parts.length] as SubgroupWriter;
        writer.object(2, id * 10, id);
        writer.payload(Buffer.from("x"));
        writer.payload(Buffer.from("y"));
        writer.end();
        text += `[2@${id === 0 ? 0 : 10}]xy`;
      }
      parts[1]?.status("end_of_group", 40);
      for (const writer of parts) writer.finish();
      assert.deepEqual(viewer.groups, [`0:finished:${text}`]);
    }
  });

  it("lose a group of which a subgroup is reset, and viewers of subgroups lose that subgroup alone", () => {
    const { source, watch } = scene();
    const viewer = watch(new FakeViewer(WHOLE));
    const streams = watch(new StreamsViewer(OBJECTS));
    const [base, more] = [begin(source, { subgroup: 0 }), begin(source, { subgroup: 1 })];
    say(base, 0, "a");
    say(more, 1, "b");
    more.reset("upstream");
    say(base, 2, "c");
    base.finish();
    assert.equal(viewer.streams[0]?.state, "reset");
    assert.equal(streams.of(0, 1)?.state, "reset");
    assert.equal(streams.of(0, 0)?.state, "finished");
    assert.equal(streams.of(0, 0)?.text, "(0:1)a(1:1)c");
  });
});

describe("viewers of subgroups", () => {
  it("begin after the newest object where they ask for the next one, and with the next group where they ask for that", () => {
    const { source, watch } = scene();
    watch(new FakeViewer(WHOLE));
    const base = begin(source, { subgroup: 0 });
    say(base, 0, "a");
    const next = watch(new StreamsViewer(OBJECTS), { ...LIVE, join: "next_object" });
    const later = watch(new StreamsViewer(OBJECTS), { ...LIVE, join: "next_group" });
    say(base, 4, "b");
    base.finish();
    say(begin(source, { group: 1, subgroup: 0 }), 0, "c");
    assert.deepEqual(
      next.streams.map(({ text }) => text),
      ["(4:1)b", "(0:1)c"],
    );
    assert.deepEqual(
      next.starts.map(({ firstObject }) => firstObject),
      [false, true],
    );
    assert.deepEqual(
      later.streams.map(({ text }) => text),
      ["(0:1)c"],
    );
  });

  it("do not begin inside a group that is no longer kept", () => {
    const { relay, source, watch } = scene();
    watch(new StreamsViewer(OBJECTS));
    const base = begin(source, { subgroup: 0 });
    say(base, 0, "a");
    const viewer = watch(new StreamsViewer(OBJECTS), { ...LIVE, start: 0, startObject: 1 });
    relay.purge("live/cam");
    say(base, 1, "b");
    assert.equal(viewer.streams.length, 0);
    assert.ok(viewer.log.includes("dropped 0-0 lagged"));
  });

  it("get nothing while they are paused, and go on with the next object", () => {
    const { relay, source } = scene();
    const viewer = new StreamsViewer(OBJECTS);
    const subscription = relay.subscribe("live/cam", "video", LIVE, viewer);
    const base = begin(source, { subgroup: 0 });
    say(base, 0, "a");
    subscription?.update({ ...LIVE, forward: false });
    assert.equal(viewer.streams[0]?.state, "reset");
    say(base, 1, "b");
    subscription?.update(LIVE);
    say(base, 2, "c");
    assert.deepEqual(
      viewer.streams.map(({ text }) => text),
      ["(0:1)a", "(2:1)c"],
    );
  });

  it("get each subgroup on one stream where they pause and go on before the object comes with which they begin", () => {
    const { relay, source, watch } = scene();
    watch(new StreamsViewer(OBJECTS));
    const base = begin(source, { subgroup: 0 });
    say(base, 0, "a");
    const viewer = new StreamsViewer(OBJECTS);
    const options = { ...LIVE, join: "next_object" } as const;
    const subscription = relay.subscribe("live/cam", "video", options, viewer);
    subscription?.update({ ...options, forward: false });
    subscription?.update(options);
    say(base, 1, "b");
    assert.deepEqual(
      viewer.streams.map(({ text }) => text),
      ["(1:1)b"],
    );
  });

  it("are sent a subgroup of higher publisher priority first, and of equal ones the lower subgroup", () => {
    const { source, watch } = scene();
    const viewer = watch(new StreamsViewer(OBJECTS));
    viewer.stuck = true;
    for (const [subgroup, priority] of [
      [0, 100],
      [1, 200],
      [2, 100],
    ] as const) {
      say(begin(source, { subgroup, priority }), subgroup, "x");
    }
    const order = [0, 1, 2].toSorted((a, b) => (viewer.of(0, b)?.priority ?? 0) - (viewer.of(0, a)?.priority ?? 0));
    assert.deepEqual(order, [1, 0, 2]);
  });

  it("are told the newest object when they are accepted", () => {
    const { source, watch } = scene();
    watch(new FakeViewer(WHOLE));
    say(begin(source, { group: 3, subgroup: 0 }), 7, "a");
    const largest: unknown[] = [];
    class Told extends StreamsViewer {
      override accepted(...[, newest]: Parameters<StreamsViewer["accepted"]>): void {
        largest.push(newest);
      }
    }
    watch(new Told(OBJECTS));
    assert.deepEqual(largest, [{ group: 3, object: 7 }]);
  });
});

describe("objects that do not exist", () => {
  it("change nothing that earlier viewers have, where a later viewer begins with one", () => {
    const { source, watch } = scene();
    const early = watch(new FakeViewer(WHOLE));
    const base = begin(source, { subgroup: 0 });
    base.object(1, 100, 0);
    base.payload(Buffer.from("a"));
    base.end();
    base.status("does_not_exist", 1);
    base.object(1, 130, 2);
    base.payload(Buffer.from("c"));
    base.end();
    const late = watch(new FakeViewer(WHOLE), { ...LIVE, start: 0, startObject: 1 });
    assert.equal(early.streams[0]?.text, "[1@100]a[1@30]c");
    assert.equal(late.streams[0]?.text, "[1@130]c");
  });

  it("take no object from a late viewer that is being sent the group when its second subgroup begins", () => {
    const { source, watch } = scene();
    watch(new FakeViewer(WHOLE));
    const base = begin(source, { subgroup: 0 });
    base.status("does_not_exist", 0);
    for (let id = 1; id < 400; id++) say(base, id, `${id},`);
    const jobs: (() => boolean)[] = [];
    class LateViewer extends FakeViewer {
      later(job: () => boolean): void {
        jobs.push(job);
      }
    }
    const late = watch(new LateViewer(WHOLE));
    say(begin(source, { subgroup: 1 }), 400, "400,");
    for (const job of jobs) while (!job());
    const ids = late.streams[0]?.text.matchAll(/(\d+),/g) ?? [];
    assert.deepEqual(
      [...ids].map(([, id]) => Number(id)),
      Array.from({ length: 400 }, (_, before) => before + 1),
    );
  });
});

describe("a publisher", () => {
  it("fills the cache with subgroups without objects, too: they are charged to the budget", () => {
    const { relay, source, watch } = scene(50_000);
    watch(new StreamsViewer(OBJECTS));
    for (let group = 0; group < 10; group++) {
      for (let subgroup = 0; subgroup < 100; subgroup++) begin(source, { group, subgroup }).finish();
      assert.ok(relay.counters.cacheBytes <= 50_000);
    }
    assert.ok(relay.counters.cacheGroups <= 1);
  });

  it("fills the cache with groups of one empty subgroup, too", () => {
    const { relay, source, watch } = scene(50_000, { groupsPerTrack: 1_000 });
    watch(new StreamsViewer(OBJECTS));
    for (let group = 0; group < 500; group++) begin(source, { group, subgroup: 0 }).finish();
    assert.ok(relay.counters.cacheGroups < 100, `${relay.counters.cacheGroups} groups are kept`);
  });

  it("is refused a subgroup of a whole group that is no longer kept: viewers have that group", () => {
    const { clock, relay, source, watch } = scene();
    const viewer = watch(new FakeViewer(WHOLE));
    const base = begin(source, { subgroup: 0, endsGroup: true });
    say(base, 0, "a");
    base.finish();
    say(begin(source, { group: 1, subgroup: 0 }), 0, "next");
    clock.advance(200);
    relay.purge("live/cam");
    assert.equal(source.sink.subgroup({ group: 0, subgroup: 1, firstObject: true, endsGroup: false }), "expired");
    assert.equal(viewer.streams.length, 2);
  });

  it("is refused subgroups of a group beyond the bound", () => {
    const { relay, source, watch } = scene();
    watch(new StreamsViewer(OBJECTS));
    for (let subgroup = 0; subgroup < 512; subgroup++) begin(source, { subgroup });
    const start = { group: 0, subgroup: 512, firstObject: true, endsGroup: false };
    assert.equal(source.sink.subgroup(start), "limit");
    assert.equal(relay.counters.boundsHit.subgroups_per_group, 1);
  });

  it("is refused a subgroup that it has begun before", () => {
    const { source, watch } = scene();
    watch(new StreamsViewer(OBJECTS));
    begin(source, { subgroup: 4 }).finish();
    assert.equal(source.sink.subgroup({ group: 0, subgroup: 4, firstObject: true, endsGroup: false }), "duplicate");
  });
});

describe("datagrams of a group that has several objects", () => {
  const send = (source: FakeSource, group: number, object: number, text: string, endsGroup = false) =>
    source.sink.datagram({
      group,
      object,
      timestamp: 0,
      properties: Buffer.from("p"),
      endsGroup,
      payload: Buffer.from(text),
    });

  it("reach viewers of subgroups as datagrams, and viewers of whole groups on the group's stream, late ones too", () => {
    const { clock, source, watch } = scene();
    const viewer = watch(new FakeViewer(WHOLE));
    const streams = watch(new StreamsViewer(OBJECTS));
    send(source, 0, 0, "a");
    send(source, 0, 2, "c");
    send(source, 0, 1, "late");
    const late = watch(new FakeViewer(WHOLE));
    send(source, 0, 3, "d");
    send(source, 1, 0, "next");
    clock.advance(200);
    for (const { streams: own } of [viewer, late]) {
      assert.deepEqual([own[0]?.text, own[0]?.state], ["[1@0]a[1@0]c[1@0]d", "finished"]);
    }
    assert.equal(streams.streams.length, 0);
    assert.deepEqual(
      streams.log.filter((line) => line.startsWith("datagram")),
      ["datagram 0 0 a", "datagram 0 0 c", "datagram 0 0 late", "datagram 0 0 d", "datagram 1 0 next"],
    );
  });

  it("end the group with its last object, where the publisher names that one", () => {
    const { source, watch } = scene();
    const viewer = watch(new FakeViewer(WHOLE));
    send(source, 0, 0, "a");
    send(source, 0, 1, "b", true);
    assert.deepEqual([viewer.streams[0]?.text, viewer.streams[0]?.state], ["[1@0]a[1@0]b", "finished"]);
  });

  it("are merged with subgroups of the same group", () => {
    const { source, watch } = scene();
    const viewer = watch(new FakeViewer(WHOLE));
    const base = begin(source, { subgroup: 0 });
    say(base, 0, "a");
    send(source, 0, 1, "b");
    say(base, 2, "c");
    base.finish();
    assert.equal(viewer.streams[0]?.text, "[1@0]a[1@0]b[1@0]c");
  });
});
