import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Broadcast } from "../../moq/model/broadcast.ts";
import type { Asker } from "../../moq/model/contract.ts";
import { clock, publish, relay, start } from "./relay.ts";
import { AD, channel, FakeSource, FakeStream, FakeViewer, LIVE, say } from "./support.ts";

/** Which route serves which peer, and the bounds on broadcasts and tracks. */

class Peer extends FakeViewer {
  readonly asker: Asker;

  constructor(source: FakeSource, hop = 0n) {
    super();
    this.asker = { source, hop, share: 16 };
  }
}

class EpochViewer extends FakeViewer {
  readonly ownNumbers = true;
  readonly epoch: bigint;

  constructor(epoch: bigint) {
    super();
    this.epoch = epoch;
  }
}

function watch(viewer: FakeViewer, path = "live/cam"): FakeViewer {
  relay.subscribe(path, "video", LIVE, viewer);
  return viewer;
}

describe("a peer that asks for its own broadcast", () => {
  it("is refused: its subscription, its TRACK and its FETCH", () => {
    const own = new FakeSource();
    publish(own);
    const peer = new Peer(own);
    assert.deepEqual(watch(peer).log, ["closed unroutable"]);
    relay.info("live/cam", "video", (answer) => assert.equal(answer, "unroutable"), peer.asker);
    const stream = new FakeStream(0, 0, false);
    const where = { path: "live/cam", track: "video", sequence: 0, priority: 0, asker: peer.asker };
    relay.fetch(where, channel(), stream, () => {});
    assert.equal(stream.state, "reset");
    assert.deepEqual(own.log, []);
    assert.equal(clock.pending, 0);
  });

  it("is refused where the route passed through it", () => {
    publish(new FakeSource(), { ...AD, hops: [3n, 7n] });
    assert.deepEqual(watch(new Peer(new FakeSource(), 3n)).log, ["closed unroutable"]);
  });

  it("gets the broadcast by another route, while the others are served by the best", () => {
    const other = new FakeSource();
    publish(other, { ...AD, hops: [8n] });
    const own = new FakeSource();
    publish(own, { ...AD, hops: [9n] });
    const viewer = watch(new FakeViewer());
    const peer = watch(new Peer(own));
    own.send(0, "mine");
    other.send(5, "theirs");
    assert.deepEqual(viewer.groups, ["0:finished:[4]mine"]);
    assert.deepEqual(peer.groups, ["5:finished:[6]theirs"]);
  });

  it("is refused when the other route goes, and when its route changes to one that leads back to it", () => {
    const other = new FakeSource();
    const publication = publish(other, { ...AD, hops: [8n] });
    const own = new FakeSource();
    const before = watch(new Peer(own));
    publish(own, { ...AD, hops: [9n] });
    assert.equal(before.log.at(-1), "closed unroutable");
    const after = watch(new Peer(own));
    assert.equal(after.log.at(-1), "accepted 1000");
    publication.end(true);
    assert.equal(after.log.at(-1), "closed unroutable");
  });

  it("is refused once its hop id is known", () => {
    publish(new FakeSource(), { ...AD, hops: [3n, 7n] });
    const asker = { source: new FakeSource(), hop: 0n, share: 16 };
    const peer = new FakeViewer();
    watch(Object.assign(peer, { asker }));
    assert.equal(peer.log.at(-1), "accepted 1000");
    asker.hop = 3n;
    relay.recheck("live/cam", asker);
    assert.equal(peer.log.at(-1), "closed unroutable");
  });

  it("is refused when it waits for a broadcast and then publishes it itself", () => {
    const own = new FakeSource();
    const peer = watch(new Peer(own));
    publish(own);
    assert.deepEqual(peer.log, ["closed unroutable"]);
    assert.deepEqual(own.log, []);
  });
});

describe("a publisher that asks us to leave", () => {
  it("keeps feeding its viewers, and new tracks wait for the next publisher", () => {
    const old = new FakeSource();
    const publication = publish(old);
    const first = watch(new FakeViewer());
    old.send(0, "a");
    publication.leave?.();
    old.send(1, "b");
    const second = new FakeViewer();
    relay.subscribe("live/cam", "audio", LIVE, second);
    assert.deepEqual(first.groups, ["0:finished:[1]a", "1:finished:[1]b"]);
    assert.deepEqual(old.log, ["info video", "subscribe video"]);
    const next = new FakeSource();
    publish(next, { ...AD, hops: [8n] });
    assert.deepEqual(next.log.filter((line) => line.startsWith("subscribe")).sort(), [
      "subscribe audio",
      "subscribe video",
    ]);
    assert.deepEqual(second.log, ["accepted 1000"]);
  });

  it("leaves new tracks to another route, and its own tracks too when its session ends", () => {
    const spare = new FakeSource();
    publish(spare, { ...AD, hops: [8n] });
    const old = new FakeSource();
    const publication = publish(old, { ...AD, hops: [9n] });
    const first = watch(new FakeViewer());
    publication.leave?.();
    assert.equal(old.subscriptions[0]?.cancelled, false, "its viewers are not disturbed");
    relay.subscribe("live/cam", "audio", LIVE, new FakeViewer());
    assert.deepEqual(spare.log.at(-1), "subscribe audio");
    publication.end(true);
    assert.deepEqual(spare.log.at(-1), "subscribe video");
    spare.send(0, "x");
    assert.deepEqual(first.groups, ["0:finished:[1]x"]);
  });

  it("has the highest cost, also after it announces again", () => {
    const publication = publish(new FakeSource());
    publication.leave?.();
    publication.update({ ...AD, cost: 0 });
    const route = relay.broadcast("live/cam")?.route();
    assert.equal(route?.leaving, true);
    assert.ok((route?.advertisement.cost ?? 0) > 1_000_000);
  });
});

describe("a place among the broadcasts", () => {
  it("is not taken by a broadcast that has no route", () => {
    start({ broadcasts: 1, waitingSubscriptions: 3 });
    const waiting = [0, 1, 2, 3].map((i) => watch(new FakeViewer(), `nowhere/${i}`));
    assert.deepEqual(
      waiting.map(({ log }) => log),
      [[], [], [], ["closed limit"]],
    );
    assert.equal(relay.counters.boundsHit.waiting_subscriptions, 1);
    publish(new FakeSource());
    assert.equal(relay.counters.boundsHit.broadcasts, 0);
    clock.advance(10_000);
    assert.deepEqual(waiting[0]?.log, ["closed not_found"]);
    assert.equal(clock.pending, 0);
  });

  it("is needed to be listed: broadcasts without a route cost a listing nothing", (t) => {
    for (let i = 0; i < 10; i++) watch(new FakeViewer(), `nowhere/${i}`);
    publish(new FakeSource());
    const looks = t.mock.method(Broadcast.prototype, "route");
    assert.equal([...relay.list()].length, 1);
    assert.equal(looks.mock.callCount(), 1);
  });

  it("goes to the publication that was refused first", () => {
    start({ broadcasts: 1 });
    const publication = publish(new FakeSource());
    const order: string[] = [];
    for (const path of ["live/2", "live/3"]) {
      assert.equal(relay.publish(path, AD, new FakeSource()), "limit");
      relay.whenRoom(() => {
        order.push(path);
        publish(new FakeSource(), AD, path);
      });
    }
    const leave = relay.whenRoom(() => order.push("gone"));
    leave();
    publication.end(false);
    assert.deepEqual(order, ["live/2"]);
    assert.equal(relay.counters.boundsHit.broadcasts, 2);
    assert.equal(relay.counters.broadcastsActive, 1);
  });
});

describe("a place among the tracks of a broadcast", () => {
  it("is taken from a viewer that alone has more than half of them", () => {
    start({ tracksPerBroadcast: 4 });
    publish(new FakeSource());
    const asker: Asker = { source: new FakeSource(), hop: 0n, share: 16 };
    const bogus = [0, 1, 2, 3].map((i) => {
      const peer = Object.assign(new FakeViewer(), { asker });
      relay.subscribe("live/cam", `bogus ${i}`, LIVE, peer);
      return peer;
    });
    const good = watch(new Peer(new FakeSource()));
    assert.deepEqual(good.log, ["accepted 1000"]);
    assert.deepEqual(
      bogus.map(({ log }) => log.at(-1)),
      ["accepted 1000", "accepted 1000", "accepted 1000", "closed limit"],
    );
    assert.equal(relay.counters.boundsHit.tracks_per_broadcast, 1);
  });

  it("is taken from a viewer whose requests for properties are unanswered", () => {
    start({ tracksPerBroadcast: 4 });
    publish(new FakeSource({ answer: null }));
    const asker: Asker = { source: new FakeSource(), hop: 0n, share: 16 };
    const answers: unknown[] = [];
    for (const name of ["a", "b", "c", "d"]) relay.info("live/cam", name, (answer) => answers.push(answer), asker);
    assert.deepEqual(watch(new Peer(new FakeSource())).log, []);
    assert.deepEqual(answers, ["limit"]);
  });

  it("is taken from an unused track first", () => {
    start({ tracksPerBroadcast: 1 });
    publish(new FakeSource());
    relay.subscribe("live/cam", "bogus", LIVE, new FakeViewer())?.cancel();
    assert.deepEqual(watch(new FakeViewer()).log, ["accepted 1000"]);
    assert.equal(relay.counters.boundsHit.tracks_per_broadcast, 0);
  });
});

describe("a peer that asks for an epoch", () => {
  const first = { ...AD, epoch: 1n };

  it("shares the track of that epoch with viewers that ask for none", () => {
    const source = new FakeSource();
    publish(source, first);
    const viewers = [watch(new EpochViewer(1n)), watch(new FakeViewer())];
    source.send(4, "x");
    assert.deepEqual(source.log.filter((line) => line.startsWith("subscribe")).length, 1);
    for (const viewer of viewers) assert.deepEqual(viewer.groups, ["4:finished:[1]x"]);
  });

  it("is refused where the only track is that of a publisher that has withdrawn an earlier epoch, which goes on for its own viewers", () => {
    const source = new FakeSource();
    const publication = publish(source, first);
    const viewers = [watch(new EpochViewer(1n)), watch(new FakeViewer())];
    publication.end(false);
    assert.deepEqual(watch(new EpochViewer(2n)).log, ["closed replaced"]);
    watch(new EpochViewer(1n));
    source.send(4, "last");
    for (const viewer of viewers) assert.deepEqual(viewer.groups, ["4:finished:[4]last"]);
  });

  it("waits for a broadcast that no publisher has, and is refused when one with another epoch comes", () => {
    const early = watch(new EpochViewer(2n));
    const answers: unknown[] = [];
    relay.info("live/cam", "video", (answer) => answers.push(answer), undefined, 2n);
    assert.deepEqual([early.log, answers], [[], []]);
    publish(new FakeSource(), first);
    assert.deepEqual([early.log, answers], [["closed replaced"], ["replaced"]]);
  });

  it("is refused a track that is about to be created, and the source is not asked", () => {
    const source = new FakeSource();
    publish(source, first);
    assert.deepEqual(watch(new EpochViewer(2n)).log, ["closed replaced"]);
    const stream = new FakeStream(0, 0, false);
    const where = { path: "live/cam", track: "video", sequence: 0, priority: 0, epoch: 2n };
    relay.fetch(where, channel(), stream, () => {});
    assert.equal(stream.state, "reset");
    assert.deepEqual(source.log, []);
    assert.equal(clock.pending, 0);
  });
});

describe("a watcher of one path", () => {
  it("is called for the broadcast at that path, not for those under it, until it stops", () => {
    let calls = 0;
    const stop = relay.watchOne("live", () => {
      calls++;
    });
    publish(new FakeSource());
    assert.equal(calls, 0);
    const publication = publish(new FakeSource(), AD, "live");
    assert.equal(calls, 1);
    publication.end(true);
    assert.equal(calls, 2);
    stop();
    publish(new FakeSource(), AD, "live");
    assert.equal(calls, 2);
  });
});

describe("a track whose publisher asks its viewers to leave", () => {
  function scene(hops: readonly bigint[]) {
    const [old, next] = [new FakeSource(), new FakeSource()];
    const publication = publish(old);
    publish(next, { ...AD, hops: [...hops], cost: 5 });
    const viewer = watch(Object.assign(new FakeViewer(), { ownNumbers: true }));
    return { old, next, publication, viewer };
  }

  it("moves between two groups to another route with the same first hop", () => {
    const { old, next, publication, viewer } = scene([7n, 8n]);
    old.send(3, "a");
    const open = old.group(4);
    publication.leave?.();
    say(open, "b");
    assert.deepEqual(next.log, [], "not inside a group");
    open.finish();
    assert.equal(old.subscriptions[0]?.cancelled, true);
    assert.equal(next.subscriptions[0]?.options.start, 5);
    next.send(5, "c");
    assert.deepEqual(viewer.groups, ["3:finished:[1]a", "4:finished:[1]b", "5:finished:[1]c"]);
  });

  it("stays where the other route has another first hop", () => {
    const { old, next, publication, viewer } = scene([9n]);
    old.send(3, "a");
    publication.leave?.();
    old.send(4, "b");
    assert.deepEqual(next.log, []);
    assert.equal(viewer.groups.at(-1), "4:finished:[1]b");
  });
});
