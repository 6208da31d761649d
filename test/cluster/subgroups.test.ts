/** Groups of several subgroups that move from one relay to the next, or are taken from two at once. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { gapsOf, Hitless, MeshSource } from "../../cluster/failover/index.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { INFO, LIVE } from "../../lab/sim/settings.ts";
import { MetricSources } from "../../moq/metrics.ts";
import type {
  DatagramObject,
  FetchedObject,
  Location,
  ObjectStatus,
  SubgroupStart,
  SubgroupWriter,
  SubscribeOptions,
  TrackInfo,
  UpstreamSink,
} from "../../moq/model/contract.ts";
import { groupRange } from "../../moq/model/locations.ts";
import type { Reason } from "../../moq/reason.ts";
import { FakePeers, settle } from "./support.ts";

/** What came of one subgroup: `id:payload` for each whole object, `id!status` for a status. */
class Taken implements SubgroupWriter {
  readonly objects: string[] = [];
  state: "open" | "finished" | Reason = "open";
  #id = -1;
  #text = "";

  object(_size: number, _timestamp: number | undefined, id = this.#id + 1): void {
    this.#id = id;
    this.#text = "";
  }

  payload(bytes: Uint8Array): void {
    this.#text += Buffer.from(bytes).toString();
  }

  end(): void {
    this.objects.push(`${this.#id}:${this.#text}`);
  }

  status(status: ObjectStatus, id: number): void {
    this.#id = id;
    this.objects.push(`${id}!${status}`);
  }

  finish(): void {
    this.state = "finished";
  }

  reset(reason: Reason): void {
    this.state = reason;
  }

  onStop(): void {}
}

/** Takes subgroups, each once. */
class Sink implements UpstreamSink {
  readonly taken = new Map<string, Taken>();
  readonly datagrams: string[] = [];

  largest: unknown;

  info(_info: TrackInfo, largest?: Location): void {
    this.largest = largest;
  }

  started(): void {}
  subgroup({ group, subgroup }: SubgroupStart): SubgroupWriter | Reason {
    const key = `${group}/${subgroup}`;
    if (this.taken.has(key)) return "duplicate";
    const writer = new Taken();
    this.taken.set(key, writer);
    return writer;
  }

  datagram({ group, object, payload }: DatagramObject): void {
    this.datagrams.push(`${group}/${object}:${Buffer.from(payload)}`);
  }

  dropped(): void {}
  ended(): void {}
  closed(): void {}

  get lines(): string[] {
    return [...this.taken].map(([key, { state, objects }]) => `${key} ${state} ${objects.join(" ")}`).sort();
  }
}

class Scene {
  readonly clock = new ManualClock();
  readonly peers = new FakePeers();
  readonly counters = { failovers: 0, splices: 0, groupsResumed: 0, groupsLost: 0 };
  readonly sink = new Sink();
  candidates = ["a", "b"];
  readonly source: MeshSource;

  constructor(hitless: readonly string[] = []) {
    const metrics = new MetricSources();
    this.source = new MeshSource({
      epoch: 7n,
      clock: this.clock,
      peers: this.peers,
      candidates: () => this.candidates,
      besides: (first) => this.candidates.filter((node) => node !== first),
      warm: { want: () => {} },
      hitless: new Hitless(hitless, metrics),
      holdMs: 5_000,
      lostAs: "upstream",
      counters: this.counters,
      gaps: gapsOf(metrics),
      idle: () => {},
      spent: () => {},
    });
  }

  async watch(options: SubscribeOptions = LIVE): Promise<void> {
    this.source.subscribe("live/a", "video", options, this.sink);
    await settle();
  }

  /** A relay begins a subgroup; the reason where it is refused. */
  begin(node: string, subgroup: number, group = 7, firstObject = true): SubgroupWriter | Reason {
    const start = { group, subgroup, firstObject, endsGroup: false };
    return this.peers.relay(node).last.sink.subgroup(start);
  }

  taken(node: string, subgroup: number, group = 7, firstObject = true): SubgroupWriter {
    const writer = this.begin(node, subgroup, group, firstObject);
    if (typeof writer === "string") throw new Error(`refused: ${writer}`);
    return writer;
  }

  async die(node: string): Promise<void> {
    this.candidates = this.candidates.filter((one) => one !== node);
    this.peers.relay(node).die();
    await settle();
  }
}

function say(writer: SubgroupWriter, id: number, text: string): void {
  writer.object(text.length, 0, id);
  writer.payload(Buffer.from(text));
  writer.end();
}

describe("a relay that dies inside a group of two subgroups", () => {
  it("leaves what the next relay continues, each subgroup at its object; a complete one is not sent again", async () => {
    const scene = new Scene();
    await scene.watch();
    const [base, more] = [scene.taken("a", 0), scene.taken("a", 1)];
    say(base, 0, "zero");
    say(more, 1, "one");
    more.status("end_of_group", 4);
    more.finish();
    say(base, 2, "two");
    base.object(5, 0, 3);
    base.payload(Buffer.from("th"));
    await scene.die("a");
    assert.equal(scene.begin("b", 1), "duplicate");
    const again = scene.taken("b", 0);
    for (const [id, text] of [
      [0, "zero"],
      [2, "two"],
      [3, "three"],
    ] as const) {
      say(again, id, text);
    }
    again.finish();
    assert.deepEqual(scene.sink.lines, ["7/0 finished 0:zero 2:two 3:three", "7/1 finished 1:one 4!end_of_group"]);
    assert.equal(scene.counters.groupsResumed, 1);
  });

  it("leaves what is fetched as objects of their own subgroups", async () => {
    const scene = new Scene();
    await scene.watch();
    scene.peers.relay("a").last.sink.started(7);
    const [base, more] = [scene.taken("a", 0), scene.taken("a", 1)];
    say(base, 0, "zero");
    say(more, 1, "one");
    await scene.die("a");
    const { last } = scene.peers.relay("b");
    last.sink.started(8);
    const [asked] = scene.peers.relay("b").ranges;
    assert.deepEqual(asked?.range, groupRange(7));
    const object = (id: number, subgroup: number | undefined, text: string) => {
      const head: FetchedObject = {
        group: 7,
        object: id,
        subgroup,
        priority: 100,
        size: text.length,
        status: undefined,
        timestamp: 0,
        properties: undefined,
      };
      asked?.writer.object(head);
      asked?.writer.payload(Buffer.from(text));
      asked?.writer.end();
    };
    object(0, 0, "zero");
    object(1, 1, "one");
    object(2, 0, "two");
    object(3, undefined, "a datagram");
    object(4, 1, "four");
    asked?.writer.finish();
    assert.deepEqual(scene.sink.lines, ["7/0 finished 0:zero 2:two", "7/1 finished 1:one 4:four"]);
  });
});

describe("a relay that has the end of a subgroup alone", () => {
  it("does not continue it after a gap: it is fetched", async () => {
    const scene = new Scene();
    await scene.watch();
    const base = scene.taken("a", 0);
    say(base, 0, "zero");
    await scene.die("a");
    const again = scene.taken("b", 0, 7, false);
    say(again, 2, "two");
    assert.deepEqual(scene.sink.lines, ["7/0 open 0:zero"]);
    scene.clock.advance(2_000);
    assert.deepEqual(
      scene.peers.relay("b").ranges.map(({ range }) => range),
      [groupRange(7)],
    );
  });

  it("takes no object from the other source", async () => {
    const scene = new Scene(["/live/"]);
    await scene.watch();
    scene.peers.relay("a").last.sink.started(7);
    await settle();
    const base = scene.taken("a", 0);
    say(base, 0, "zero");
    say(scene.taken("b", 0, 7, false), 2, "two");
    say(base, 1, "one");
    say(base, 2, "two");
    base.finish();
    assert.deepEqual(scene.sink.lines, ["7/0 finished 0:zero 1:one 2:two"]);
  });

  it("continues it where it begins with an object that viewers have, or with the next one", async () => {
    const scene = new Scene();
    await scene.watch();
    const base = scene.taken("a", 0);
    say(base, 0, "zero");
    say(base, 1, "one");
    await scene.die("a");
    const again = scene.taken("b", 0, 7, false);
    say(again, 1, "one");
    say(again, 4, "four");
    again.finish();
    assert.deepEqual(scene.sink.lines, ["7/0 finished 0:zero 1:one 4:four"]);
  });
});

describe("the newest object that a relay names", () => {
  for (const hitless of [[], ["/live/"]]) {
    it(`is passed on, ${hitless.length === 0 ? "from one source" : "from two sources"}`, async () => {
      const scene = new Scene(hitless);
      await scene.watch();
      scene.peers.relay("a").last.sink.info(INFO, { group: 7, object: 4 });
      assert.deepEqual(scene.sink.largest, { group: 7, object: 4 });
    });
  }
});

describe("a subscription that began inside a group", () => {
  const inside: SubscribeOptions = { ...LIVE, start: 7, startObject: 3 };

  it("goes on at the next relay with whole groups", async () => {
    const scene = new Scene();
    await scene.watch(inside);
    const only = scene.taken("a", 0);
    say(only, 3, "three");
    only.finish();
    await scene.die("a");
    const { start, startObject } = scene.peers.relay("b").last.options;
    assert.deepEqual([start, startObject], [8, undefined]);
  });

  it("gets whole groups from a second source", async () => {
    const scene = new Scene(["/live/"]);
    await scene.watch(inside);
    const { sink } = scene.peers.relay("a").last;
    sink.started(7);
    const only = scene.taken("a", 0);
    say(only, 3, "three");
    only.finish();
    scene.taken("a", 0, 8);
    await settle();
    const { start, startObject } = scene.peers.relay("b").last.options;
    assert.deepEqual([start, startObject], [8, undefined]);
  });
});

describe("a group of several subgroups from two relays at once", () => {
  it("is passed on once, whichever relay is ahead with which subgroup and wherever one of them dies", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 2 })), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 0, max: 40 }),
        async (turns, dies) => {
          const scene = new Scene(["/live/"]);
          await scene.watch();
          scene.peers.relay("a").last.sink.started(7);
          await settle();
          const objects = [
            [0, 3, 6],
            [1, 4],
            [2, 5, 7, 8],
          ];
          const steps = (node: string) =>
            objects.map((ids, subgroup) => {
              const writer = scene.taken(node, subgroup);
              const list = ids.flatMap((id) => [
                () => writer.object(4, 0, id),
                () => writer.payload(Buffer.from(`o${id}`)),
                () => writer.payload(Buffer.from("..")),
                () => writer.end(),
              ]);
              return [...list, () => writer.finish()];
            });
          const relays = { a: steps("a"), b: steps("b") };
          let aDead = false;
          for (const [step, [second, subgroup]] of turns.entries()) {
            if (step === dies) {
              aDead = true;
              await scene.die("a");
            }
            if (second || !aDead) relays[second ? "b" : "a"][subgroup]?.shift()?.();
          }
          for (const list of relays.b) for (const step of list) step();
          assert.deepEqual(
            scene.sink.lines,
            objects.map((ids, n) => `7/${n} finished ${ids.map((id) => `${id}:o${id}..`).join(" ")}`),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it("has datagrams of several objects, each passed on once", async () => {
    const scene = new Scene(["/live/"]);
    await scene.watch();
    scene.peers.relay("a").last.sink.started(7);
    await settle();
    const send = (node: string, object: number) =>
      scene.peers.relay(node).last.sink.datagram({
        group: 7,
        object,
        timestamp: 0,
        properties: undefined,
        endsGroup: false,
        payload: Buffer.from(`d${object}`),
      });
    for (const [node, object] of [
      ["a", 0],
      ["b", 0],
      ["b", 1],
      ["a", 2],
      ["a", 1],
      ["b", 2],
    ] as const) {
      send(node, object);
    }
    assert.deepEqual(scene.sink.datagrams, ["7/0:d0", "7/1:d1", "7/2:d2"]);
  });
});
