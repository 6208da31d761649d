/** Whatever a publisher does, and however viewers come and go: what holds for each of them, and that nothing is left at the end. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { Broadcasts } from "../../moq/model/broadcasts.ts";
import type { FetchedObject, FetchReader, SubscribeOptions } from "../../moq/model/contract.ts";
import type { Subscription } from "../../moq/model/subscription.ts";
import { payloadOf, RandomPublisher, SUBGROUPS } from "./random-publisher.ts";
import { OBJECTS, StreamsViewer, WHOLE } from "./subgroup-scene.ts";
import { AD, CACHE, channel, FakeStream, FakeViewer, LIMITS, LIVE } from "./support.ts";

const GROUPS = 3;

/** Runs of the property. `RANDOM_RUNS` in the environment sets another number, for a long search. */
const RUNS = Number(process.env["RANDOM_RUNS"] ?? 300);

const KINDS = [
  "begin",
  "begin",
  "object",
  "object",
  "object",
  "payload",
  "payload",
  "payload",
  "endGroup",
  "finish",
  "reset",
  "datagram",
  "wait",
  "watch",
  "leave",
  "fetch",
  "purge",
] as const;

const step = fc.tuple(fc.constantFrom(...KINDS), fc.nat(11), fc.nat(11), fc.nat(11));
const scenarios = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 120 }),
  bytes: fc.constantFrom(0, 3_000, 20_000, 1_000_000),
  groupBytes: fc.constantFrom(10, 1_000_000),
});

/** Where a viewer begins. */
const JOINS: readonly SubscribeOptions[] = [
  LIVE,
  { ...LIVE, join: "next_object" },
  { ...LIVE, join: "next_group" },
  { ...LIVE, start: 0 },
  { ...LIVE, start: 1, startObject: 4 },
  { ...LIVE, start: 0, end: 1, endObject: 6 },
];

interface Got {
  readonly id: number;
  readonly payload: string;
}

/** The objects of a stream of one subgroup, and the bytes of one that is not whole. */
function objectsOf(stream: FakeStream): { objects: Got[]; rest: Got | undefined } {
  const { text } = stream;
  const objects: Got[] = [];
  let id = -1;
  for (let at = 0; at < text.length; ) {
    const head = /^\((\d+)(?:\+[^:!]*)?(?::(\d+)|!(\w+))\)/.exec(text.slice(at));
    assert.ok(head, `no header at ${at} of ${text}`);
    id += Number(head[1]) + 1;
    at += head[0].length;
    if (head[3] !== undefined) continue;
    const payload = text.slice(at, at + Number(head[2]));
    at += payload.length;
    if (payload.length < Number(head[2])) return { objects, rest: { id, payload } };
    objects.push({ id, payload });
  }
  return { objects, rest: undefined };
}

/** The ids of the objects of a stream of a whole group: their timestamps are their ids. */
function idsOfGroup(stream: FakeStream): { ids: number[]; rest: number | undefined } {
  const { text } = stream;
  const ids: number[] = [];
  let id = 0;
  for (let at = 0; at < text.length; ) {
    const head = /^\[(\d+)@(-?\d+)\]/.exec(text.slice(at));
    assert.ok(head, `no header at ${at} of ${text}`);
    id += Number(head[2]);
    at += head[0].length;
    const payload = text.slice(at, at + Number(head[1]));
    at += payload.length;
    const expected = payloadOf(stream.sequence, id);
    if (payload.length < Number(head[1])) {
      assert.ok(expected.startsWith(payload), `${payload} is no part of ${expected}`);
      return { ids, rest: id };
    }
    assert.equal(payload, expected);
    ids.push(id);
  }
  return { ids, rest: undefined };
}

function assertAscending(ids: readonly number[], what: string): void {
  for (const [index, id] of ids.entries()) {
    if (index > 0) assert.ok(id > (ids[index - 1] ?? -1), `${what}: ${ids}`);
  }
}

/** What one fetch of all groups brings. */
class Fetched implements FetchReader {
  readonly queued = 0;
  readonly got: [group: number, id: number, payload: string][] = [];
  end_: string | undefined;
  gaps = 0;

  object({ group, object, status }: FetchedObject): void {
    if (status === undefined) this.got.push([group, object, ""]);
  }

  payload(bytes: Uint8Array): void {
    const last = this.got.at(-1);
    if (last !== undefined) last[2] += Buffer.from(bytes).toString();
  }

  end(): void {}

  gap(): void {
    this.gaps++;
  }

  finish(): void {
    this.end_ = "finished";
  }

  reset(reason: string): void {
    this.end_ = reason;
  }

  onStop(): void {}

  check(): void {
    const places = this.got.map(([group, id]) => group * 1_000_000 + id);
    assertAscending(places, "a fetch");
    for (const [group, id, payload] of this.end_ === "finished" ? this.got : this.got.slice(0, -1)) {
      assert.equal(payload, payloadOf(group, id));
    }
  }
}

class World {
  readonly clock = new ManualClock();
  readonly publisher = new RandomPublisher();
  readonly relay: Broadcasts;
  readonly publication;
  readonly viewers: { viewer: FakeViewer; subscription: Subscription | undefined; early: boolean; left: boolean }[] =
    [];
  readonly fetches: { fetched: Fetched; cancel: () => void }[] = [];
  /** Viewers of whole groups that were there before the first group, and fetches of one. */
  readonly groupStreams: FakeStream[] = [];

  constructor(bytes: number, groupBytes: number) {
    const limits = { ...LIMITS, groupBytes };
    this.relay = new Broadcasts({ clock: this.clock, limits, cache: { ...CACHE, bytes } });
    const publication = this.relay.publish("live/cam", AD, this.publisher);
    if (typeof publication === "string") throw new Error(publication);
    this.publication = publication;
    this.watch(0, 0, true);
    this.watch(1, 0, true);
  }

  watch(kind: number, join: number, early = false): void {
    const viewer = kind % 2 === 0 ? new FakeViewer(WHOLE) : new StreamsViewer(OBJECTS);
    const options = JOINS[join % JOINS.length] ?? LIVE;
    const subscription = this.relay.subscribe("live/cam", "video", options, viewer);
    this.viewers.push({ viewer, subscription, early, left: false });
  }

  fetch(): Fetched {
    const fetched = new Fetched();
    const range = { start: { group: 0, object: 0 }, end: { group: GROUPS - 1, object: Number.MAX_SAFE_INTEGER } };
    const where = { path: "live/cam", track: "video", priority: 0, range };
    this.fetches.push({ fetched, cancel: this.relay.fetchRange(where, fetched, () => {}) });
    return fetched;
  }

  do([kind, a, b, c]: readonly [(typeof KINDS)[number], number, number, number]): void {
    const { publisher, clock } = this;
    const open = publisher.streams.filter(({ state }) => state === "open");
    const stream = open[a % Math.max(1, open.length)];
    if (kind === "begin") publisher.begin(a % GROUPS, b % SUBGROUPS, c === 0);
    else if (kind === "datagram") publisher.datagram(a % GROUPS);
    else if (kind === "wait") clock.advance([1, 40, 120, 600, 3_000, 12_000][b % 6] ?? 1);
    else if (kind === "watch") this.watch(a, b);
    else if (kind === "leave") this.#leave(a);
    else if (kind === "fetch") this.#fetch(b);
    else if (kind === "purge") this.relay.purge("live/cam");
    else if (stream === undefined) return;
    else if (kind === "object") publisher.object(stream, b > 8 ? 1 : 0);
    else if (kind === "payload") publisher.payload(stream, b > 3 ? 1_000 : b);
    else publisher[kind](stream);
  }

  #leave(which: number): void {
    // The first two stay.
    const one = this.viewers[2 + (which % Math.max(1, this.viewers.length - 2))];
    if (one === undefined) return;
    one.left = true;
    one.subscription?.cancel();
  }

  #fetch(which: number): void {
    if (which % 3 > 0) {
      this.fetch();
      return;
    }
    const stream = new FakeStream(which % GROUPS, 0, false);
    this.groupStreams.push(stream);
    const where = { path: "live/cam", track: "video", priority: 0, sequence: stream.sequence };
    this.relay.fetch(where, channel("merged"), stream, () => {});
  }

  /** The publisher ends all that it has begun, and the groups are over. */
  settle(): void {
    const { publisher, clock } = this;
    for (const stream of publisher.streams) {
      publisher.payload(stream, 1_000);
      publisher.finish(stream);
      publisher.reset(stream);
    }
    clock.advance(1_000);
    publisher.begin(GROUPS, 0, true);
    clock.advance(30_000);
  }

  checkViewers(): void {
    for (const { viewer, early } of this.viewers) {
      if (viewer instanceof StreamsViewer) this.#checkSubgroups(viewer, early);
      else this.#checkGroups(viewer, early);
    }
    for (const stream of this.groupStreams) {
      const { ids } = idsOfGroup(stream);
      assertAscending(ids, "a fetched group");
    }
    for (const { fetched } of this.fetches) fetched.check();
  }

  #checkSubgroups(viewer: StreamsViewer, early: boolean): void {
    const got = new Set<string>();
    for (const [index, stream] of viewer.streams.entries()) {
      const { group } = viewer.starts[index] ?? { group: -1 };
      const { objects, rest } = objectsOf(stream);
      assertAscending(
        objects.map(({ id }) => id),
        "a subgroup",
      );
      for (const { id, payload } of objects) {
        assert.equal(payload, payloadOf(group, id));
        assert.ok(!got.has(`${group}/${id}`), `${group}/${id} came twice`);
        got.add(`${group}/${id}`);
      }
      if (rest !== undefined) {
        assert.ok(payloadOf(group, rest.id).startsWith(rest.payload));
        assert.notEqual(stream.state, "finished");
      }
    }
    // What is too old is given up.
    if (!early || this.relay.counters.groupsDropped.expired > 0) return;
    for (const { group, ids, state, subgroup } of this.publisher.streams) {
      if (state !== "finished") continue;
      for (const id of ids) assert.ok(got.has(`${group}/${id}`), `${group}/${id} of subgroup ${subgroup} is missing`);
    }
  }

  #checkGroups(viewer: FakeViewer, early: boolean): void {
    const finished = new Set<number>();
    for (const stream of viewer.streams) {
      const { ids, rest } = idsOfGroup(stream);
      assertAscending(ids, "a group");
      if (stream.state !== "finished") continue;
      assert.equal(rest, undefined);
      // A group that was fetched while it was not subscribed to is replaced by what comes live.
      const isFetched = this.fetches.length + this.groupStreams.length > 0;
      assert.ok(isFetched || !finished.has(stream.sequence), `group ${stream.sequence} came twice`);
      finished.add(stream.sequence);
      if (!early || this.relay.counters.objectsLate > 0) continue;
      assert.deepEqual(ids, this.publisher.idsOf(stream.sequence), `group ${stream.sequence}`);
    }
  }

  /** A fetch of all groups, now that they are over, has all that was published. */
  checkFetch(): void {
    const fetched = this.fetch();
    this.clock.advance(60_000);
    fetched.check();
    assert.equal(fetched.end_, "finished");
    for (let group = 0; group < GROUPS; group++) {
      const ids = fetched.got.filter(([one]) => one === group).map(([, id]) => id);
      assert.deepEqual(ids, this.publisher.idsOf(group), `fetch of group ${group}`);
    }
  }

  /** Everybody leaves. */
  end(): void {
    const { clock, relay } = this;
    for (const { cancel } of this.fetches) cancel();
    for (const { subscription } of this.viewers) subscription?.cancel();
    this.publication.end(false);
    clock.advance(600_000);
    assert.equal(relay.counters.subscriptionsActive, 0);
    assert.equal(relay.counters.tracksActive, 0);
    assert.deepEqual([relay.cache.bytes, relay.counters.cacheGroups], [0, 0]);
    assert.equal(relay.broadcast("live/cam"), undefined);
    assert.equal(clock.pending, 0);
  }
}

describe("a track of a publisher that does anything", () => {
  it("reaches its viewers object by object, once, in order and whole, and leaves nothing", () => {
    fc.assert(
      fc.property(scenarios, ({ steps, bytes, groupBytes }) => {
        const world = new World(bytes, groupBytes);
        for (const one of steps) world.do(one);
        world.settle();
        world.checkViewers();
        world.checkFetch();
        world.end();
      }),
      { numRuns: RUNS },
    );
  });
});
