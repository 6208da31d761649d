/** How a relay is asked for the tracks that are pushed to it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PeerUser } from "../../cluster/contract.ts";
import { AskedRelay } from "../../cluster/pushed/asked-relay.ts";
import { PushedElsewhere } from "../../cluster/pushed/elsewhere.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import type { PushedAsk, PushedSink } from "../../moq/session/index.ts";

/** Links whose sessions keep what they are asked. */
class Links {
  readonly clock = new ManualClock();
  readonly users = new Map<string, PeerUser>();
  readonly asks: (PushedAsk & { readonly node: string; readonly sink: PushedSink; over: boolean })[] = [];
  /** The reason for which a session refuses at once. */
  refuses: Parameters<PushedSink["closed"]>[0] | undefined;

  use(node: string, user: PeerUser): () => void {
    this.users.set(node, user);
    return () => void this.users.delete(node);
  }

  session(node: string) {
    return {
      followPushed: (ask: PushedAsk, sink: PushedSink) => {
        const made = { node, ...ask, sink, over: false };
        this.asks.push(made);
        if (this.refuses !== undefined) sink.closed(this.refuses);
        return () => {
          made.over = true;
        };
      },
    };
  }

  up(node: string): void {
    this.users.get(node)?.up({ hasInfo: false, subscribe: never, info: never, fetch: never });
  }

  get running(): string[] {
    return this.asks.filter(({ over }) => !over).map(({ node, prefix, elsewhere }) => `${node} ${prefix} ${elsewhere}`);
  }
}

function never(): never {
  throw new Error("not asked here");
}

const TRACKS = { started: () => {}, ended: () => {} };

describe("a relay that is asked for pushed tracks", () => {
  it("is not asked again over the same link where its version does not know the request", () => {
    const links = new Links();
    const relay = new AskedRelay({ clock: links.clock, links, node: "r1", tracks: TRACKS });
    links.refuses = "unsupported";
    relay.want(new Map([["live", false]]));
    links.up("r1");
    links.clock.advance(60_000);
    assert.equal(links.asks.length, 1);
    links.users.get("r1")?.down();
    links.up("r1");
    assert.equal(links.asks.length, 2);
  });

  it("is asked again after a while where it ended its answer for another reason", () => {
    const links = new Links();
    const relay = new AskedRelay({ clock: links.clock, links, node: "r1", tracks: TRACKS });
    relay.want(new Map([["live", false]]));
    links.up("r1");
    links.asks[0]?.sink.closed("limit");
    links.clock.advance(4_999);
    assert.equal(links.asks.length, 1);
    links.clock.advance(1);
    assert.equal(links.asks.length, 2);
    links.asks[1]?.sink.closed("limit");
    relay.close();
    links.clock.advance(60_000);
    assert.equal(links.asks.length, 2);
  });
});

describe("tracks that are pushed elsewhere", () => {
  function scene(places: Record<string, { node: string; firstHand: boolean }>) {
    const links = new Links();
    const { clock } = links;
    const refused: string[] = [];
    const changed: string[] = [];
    const looked: string[] = [];
    const pushed = new PushedElsewhere({
      clock,
      links,
      maxPrefixes: 2,
      paths: () => Object.keys(places),
      place: (path) => {
        looked.push(path);
        return places[path];
      },
      changed: (path) => void changed.push(path),
      refused: (bound) => void refused.push(bound),
    });
    const settle = async () => {
      await Promise.resolve();
      for (const node of links.users.keys()) if (!links.asks.some((ask) => ask.node === node)) links.up(node);
    };
    return { links, pushed, places, refused, changed, looked, settle };
  }

  it("are asked of each relay that has a broadcast under the prefix, once for all of them", async () => {
    const { links, pushed, places, settle } = scene({
      "live/a": { node: "o1", firstHand: true },
      "live/b": { node: "o1", firstHand: true },
      "live/c": { node: "r1", firstHand: false },
      "other/d": { node: "o2", firstHand: true },
    });
    const release = pushed.watching("live");
    pushed.watching("live/a");
    await settle();
    assert.deepEqual(links.running, ["o1 live false", "r1 live true"]);
    places["live/c"] = { node: "o1", firstHand: true };
    pushed.moved("live/c");
    await settle();
    assert.deepEqual(links.running, ["o1 live false"]);
    release();
    await settle();
    assert.deepEqual(links.running, ["o1 live/a false"]);
  });

  it("cost a look at the broadcasts under the new prefix alone, and at all of them once for many relays that change", async () => {
    const { pushed, looked, settle } = scene({
      "live/a": { node: "o1", firstHand: true },
      "other/b": { node: "o2", firstHand: true },
    });
    pushed.watching("live");
    pushed.watching("live/a")();
    await settle();
    assert.deepEqual(looked.splice(0), ["live/a"]);
    const release = pushed.watching("other");
    await settle();
    assert.deepEqual(looked.splice(0), ["other/b"]);
    for (let i = 0; i < 100; i++) pushed.allMoved();
    release();
    await settle();
    assert.deepEqual(looked, ["live/a"]);
  });

  it("are told of once for each change, while at least one relay names them", async () => {
    const { links, pushed, changed, settle } = scene({
      "live/a": { node: "o1", firstHand: true },
      "live/b": { node: "o2", firstHand: true },
    });
    pushed.watching("live");
    await settle();
    const [one, other] = links.asks;
    assert.ok(one && other);
    one.sink.started("live/a", 5n, "video");
    one.sink.started("live/a", 5n, "audio");
    one.sink.started("live/a", 6n, "text");
    other.sink.started("live/a", 5n, "video");
    await Promise.resolve();
    assert.deepEqual(changed.splice(0), ["live/a"]);
    assert.deepEqual([...(pushed.tracks("live/a", 5n) ?? [])], ["video", "audio"]);
    one.sink.ended("live/a", 5n, "video");
    await Promise.resolve();
    assert.deepEqual([...(pushed.tracks("live/a", 5n) ?? [])], ["video", "audio"]);
    assert.deepEqual(changed.splice(0), []);
    other.sink.ended("live/a", 5n, "video");
    await Promise.resolve();
    assert.deepEqual([...(pushed.tracks("live/a", 5n) ?? [])], ["audio"]);
    assert.deepEqual(changed, ["live/a"]);
  });

  it("are wanted under a bounded number of prefixes", () => {
    const { pushed, refused } = scene({});
    pushed.watching("a");
    pushed.watching("b");
    pushed.watching("a");
    assert.deepEqual(refused, []);
    pushed.watching("c")();
    assert.deepEqual(refused, ["mesh_scopes"]);
    assert.equal(pushed.counts.prefixes, 2);
  });
});
