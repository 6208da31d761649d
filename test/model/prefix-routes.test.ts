import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Asker, type FetchReader, LAST_OBJECT } from "../../moq/model/contract.ts";
import { clock, publish, relay, start } from "./relay.ts";
import { AD, channel, FakeSource, FakeStream, FakeViewer, LIVE, say } from "./support.ts";

/** Routes to what is under a prefix (moq-lite 06 Resolution), and the one other route that NO_CAPACITY allows. */

const COVERS = { ...AD, covers: () => true };

class OwnNumbers extends FakeViewer {
  readonly ownNumbers = true;
}

function watch<V extends FakeViewer>(path: string, viewer: V, track = "video"): V {
  relay.subscribe(path, track, LIVE, viewer);
  return viewer;
}

describe("a route over a prefix", () => {
  it("serves a path under it, and is not announced there", () => {
    const service = new FakeSource();
    publish(service, COVERS, "live");
    const viewer = watch("live/a/b", new FakeViewer());
    service.send(3, "x");
    assert.deepEqual(viewer.groups, ["3:finished:[1]x"]);
    assert.deepEqual(
      [...relay.list()].map(({ path }) => path),
      ["live"],
    );
    assert.equal(relay.broadcast("live/a/b"), undefined);
    assert.equal(relay.resolve("live/a/b")?.source, service);
  });

  it("covers whole segments", () => {
    publish(new FakeSource(), COVERS, "live/a");
    assert.equal(relay.resolve("live/ab"), undefined);
    const viewer = watch("live/ab", new FakeViewer());
    clock.advance(60_000);
    assert.deepEqual(viewer.log, ["closed not_found"]);
  });

  it("serves only what its source may publish, and leaves the rest to a shorter prefix", () => {
    const [wide, narrow] = [new FakeSource(), new FakeSource()];
    publish(wide, COVERS, "");
    publish(narrow, { ...AD, covers: (path: string) => path !== "live/private" }, "live");
    assert.equal(relay.resolve("live/open")?.source, narrow);
    assert.equal(relay.resolve("live/private")?.source, wide);
    const viewer = watch("live/private", new FakeViewer());
    wide.send(3, "x");
    assert.deepEqual([viewer.groups, narrow.log], [["3:finished:[1]x"], []]);
  });

  it("of a source that announces single broadcasts serves nothing under it", () => {
    const single = new FakeSource();
    publish(single, AD, "live");
    watch("live/a", new FakeViewer());
    assert.deepEqual(single.log, []);
  });

  it("loses to a longer prefix at any cost, and a refusal of the longer one does not fall through", () => {
    const [wide, narrow] = [new FakeSource(), new FakeSource({ answer: "not_found" })];
    publish(wide, { ...COVERS, cost: 0 }, "");
    publish(narrow, { ...COVERS, cost: 1_000_000 }, "live");
    const viewer = watch("live/a", new FakeViewer());
    assert.deepEqual(viewer.log.at(-1), "closed not_found");
    assert.deepEqual(wide.log, []);
    assert.ok(narrow.log.length > 0);
  });

  it("serves those who already wait for the path", () => {
    const viewer = watch("live/a", new FakeViewer());
    const service = new FakeSource();
    publish(service, COVERS, "live");
    service.send(0, "x");
    assert.deepEqual(viewer.groups, ["0:finished:[1]x"]);
  });

  it("goes on where its publisher announces the path itself", () => {
    const service = new FakeSource();
    publish(service, COVERS, "live");
    const viewer = watch("live/a", new OwnNumbers());
    service.send(5, "x");
    const exact = publish(service, COVERS, "live/a");
    service.send(6, "y");
    assert.deepEqual(viewer.groups, ["5:finished:[1]x", "6:finished:[1]y"]);
    assert.equal(service.subscriptions.length, 1, "it is not subscribed to again");
    exact.end(false);
    service.send(7, "z");
    assert.equal(viewer.groups.at(-1), "7:finished:[1]z");
  });

  it("gives way to another publisher that announces the path itself", () => {
    const [service, other] = [new FakeSource(), new FakeSource()];
    publish(service, COVERS, "live");
    const [plain, own] = [watch("live/a", new FakeViewer()), watch("live/a", new OwnNumbers())];
    service.send(5, "x");
    publish(other, { ...COVERS, hops: [9n] }, "live/a");
    other.send(0, "y");
    assert.equal(own.log.at(-1), "closed upstream", "other content is not spliced in");
    assert.equal(plain.groups.at(-1), "6:finished:[1]y");
  });

  it("does not take over a running track of the path itself", () => {
    const [service, own] = [new FakeSource(), new FakeSource()];
    publish(service, { ...COVERS, hops: [9n] }, "live");
    const exact = publish(own, COVERS, "live/a");
    const viewer = watch("live/a", new FakeViewer());
    own.send(0, "x");
    exact.end(true);
    assert.equal(service.log.length, 0);
    clock.advance(60_000);
    assert.equal(viewer.log.at(-1), "closed upstream");
    // A later request is served by what is there.
    watch("live/a", new FakeViewer());
    assert.ok(service.log.includes("subscribe video"));
  });

  it("that is withdrawn lets subscriptions end by themselves; one that is lost ends them", () => {
    const service = new FakeSource();
    const publication = publish(service, COVERS, "live");
    const viewer = watch("live/a", new FakeViewer());
    service.send(0, "x");
    publication.end(false);
    service.sink.ended(1);
    service.sink.closed(undefined);
    assert.deepEqual(viewer.log.slice(-2), ["ended 1", "closed cleanly"]);
  });

  it("answers fetches and questions for properties", () => {
    const service = new FakeSource();
    publish(service, COVERS, "live");
    relay.info("live/a", "video", (answer) => assert.equal(typeof answer, "object"));
    const stream = new FakeStream(0, 0, false);
    relay.fetch({ path: "live/a", track: "video", sequence: 4, priority: 0 }, channel(), stream, () => {});
    assert.ok(service.log.includes("fetch video 4"));
  });

  it("is not used for a peer that it leads back to", () => {
    const service = new FakeSource();
    publish(service, COVERS, "live");
    const asker: Asker = { source: service, hop: 0n, share: 16 };
    const viewer = watch("live/a", Object.assign(new FakeViewer(), { asker }));
    assert.deepEqual(viewer.log, ["closed unroutable"]);
  });

  it("is bounded in the paths that are in use under it", () => {
    start({ broadcasts: 2 });
    publish(new FakeSource(), COVERS, "live");
    const viewers = [0, 1, 2].map((i) => watch(`live/${i}`, new FakeViewer()));
    assert.equal(viewers[2]?.log.at(-1), "closed limit");
    assert.equal(relay.counters.boundsHit.broadcasts, 1);
  });
});

describe("a watcher of a prefix", () => {
  it("is told when the routes that cover the prefix change", () => {
    const told: string[] = [];
    relay.watch("live/a", {
      changed: ({ path }) => told.push(`changed ${path}`),
      covered: (prefix) => told.push(prefix),
    });
    const publication = publish(new FakeSource(), COVERS, "live");
    publish(new FakeSource(), AD, "other");
    assert.deepEqual(told, ["live"]);
    publication.end(false);
    assert.deepEqual(told, ["live", "live"]);
  });
});

describe("a source without capacity", () => {
  it("is left for another route, once", () => {
    const [full, free] = [new FakeSource({ answer: "no_capacity" }), new FakeSource()];
    publish(full, { ...COVERS, cost: 1 });
    publish(free, { ...COVERS, cost: 2, hops: [9n] });
    const viewer = watch("live/cam", new FakeViewer());
    free.send(0, "x");
    assert.deepEqual(viewer.groups, ["0:finished:[1]x"]);
    // The route of the source that refused does not come back for this track.
    free.sink.closed("no_capacity");
    assert.equal(viewer.log.at(-1), "closed unroutable");
    assert.equal(full.log.filter((line) => line.startsWith("info")).length, 1);
  });

  it("and without another route makes the path unroutable", () => {
    publish(new FakeSource({ answer: "no_capacity" }));
    assert.deepEqual(watch("live/cam", new FakeViewer()).log, ["closed unroutable"]);
  });

  it("is not replaced by a shorter prefix", () => {
    const wide = new FakeSource();
    publish(wide, { ...COVERS, hops: [9n] }, "live");
    publish(new FakeSource({ answer: "no_capacity" }), COVERS);
    assert.deepEqual(watch("live/cam", new FakeViewer()).log, ["closed unroutable"]);
    assert.deepEqual(wide.log, []);
  });
});

/** A source that answers every fetch with a reset, or with a frame and a reset. */
class ResettingSource extends FakeSource {
  readonly #frame: string | undefined;

  constructor(frame?: string) {
    super();
    this.#frame = frame;
  }

  override fetch(...args: Parameters<FakeSource["fetch"]>): () => void {
    const cancel = super.fetch(...args);
    const [, , { start }, , writer] = args;
    if (this.#frame !== undefined) {
      writer.object({ ...start, size: 1, subgroup: 0, ...PLAIN_OBJECT });
      writer.payload(Buffer.from(this.#frame));
      writer.end();
    }
    writer.reset("no_capacity");
    return cancel;
  }
}

const PLAIN_OBJECT = { priority: undefined, status: undefined, timestamp: undefined, properties: undefined };

describe("a source without capacity for a fetch", () => {
  function fetch(path = "live/cam") {
    const stream = new FakeStream(0, 0, false);
    relay.fetch({ path, track: "video", sequence: 0, priority: 0 }, channel(), stream, () => {});
    return stream;
  }
  function range() {
    const got: string[] = [];
    const reader: FetchReader = {
      queued: 0,
      object: ({ group, object }) => got.push(`${group}/${object}`),
      payload: () => {},
      end: () => {},
      gap: (kind) => got.push(kind),
      finish: () => got.push("finished"),
      reset: (reason) => got.push(reason),
      onStop: () => {},
    };
    const asked = { start: { group: 0, object: 0 }, end: { group: 0, object: LAST_OBJECT } };
    relay.fetchRange({ path: "live/cam", track: "video", priority: 0, range: asked }, reader, () => {});
    return got;
  }
  const fetches = (...sources: FakeSource[]) => sources.map((one) => one.fetches.length);

  it("is left for another route to the same content, once", () => {
    const [full, free, last] = [new ResettingSource(), new FakeSource(), new FakeSource()];
    for (const [cost, source] of [full, free, last].entries()) publish(source, { ...COVERS, cost });
    const stream = fetch();
    assert.deepEqual(fetches(full, free, last), [1, 1, 0]);
    say(free.fetches[0]!.writer, "x");
    free.fetches[0]!.writer.finish();
    assert.deepEqual([stream.state, stream.text], ["finished", "[1]x"]);
    assert.deepEqual(range(), ["0/0", "finished"], "which the cache has now");
  });

  it("is unroutable without another route, and where that has no capacity either", () => {
    publish(new ResettingSource());
    assert.deepEqual(range(), ["unroutable"]);
    const second = new ResettingSource();
    const third = new FakeSource();
    publish(second, { ...AD, cost: 20 });
    publish(third, { ...AD, cost: 30 });
    assert.deepEqual(range(), ["unroutable"]);
    assert.deepEqual(fetches(second, third), [1, 0]);
    assert.equal(fetch().state, "reset");
  });

  it("is not left once it has begun to answer", () => {
    const other = new FakeSource();
    publish(new ResettingSource("x"));
    publish(other, { ...AD, cost: 20 });
    assert.deepEqual(range(), ["0/0", "unroutable"]);
    assert.deepEqual(fetches(other), [0]);
  });
});

describe("routes to one path", () => {
  const order = (...ads: readonly (typeof AD & { coldCost?: number })[]) => {
    const sources = ads.map(() => new FakeSource());
    for (const [i, ad] of ads.entries()) publish(sources[i] as FakeSource, ad, "live/x");
    return relay.broadcast("live/x")?.routes.map(({ source }) => sources.indexOf(source as FakeSource));
  };

  it("are ordered by cost, then by cold cost, then by hops, then the newest first", () => {
    assert.deepEqual(
      order({ ...AD, cost: 3, hops: [1n] }, { ...AD, cost: 2, hops: [2n] }, { ...AD, cost: 9, hops: [3n] }),
      [1, 0, 2],
    );
    start();
    assert.deepEqual(
      order({ ...AD, hops: [1n] }, { ...AD, coldCost: 9, hops: [2n] }, { ...AD, coldCost: 8, hops: [3n] }),
      [2, 1, 0],
    );
    start();
    assert.deepEqual(order({ ...AD, hops: [1n, 4n] }, { ...AD, hops: [2n] }, { ...AD, hops: [3n] }), [2, 1, 0]);
  });

  it("with an unknown hop come last at any cost", () => {
    assert.deepEqual(order({ ...AD, cost: 0, hops: [1n, 0n] }, { ...AD, cost: 99, hops: [2n] }), [1, 0]);
  });
});
