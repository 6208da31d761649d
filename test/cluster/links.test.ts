/** Links to other relays: dialled when somebody uses them, and let go of when nobody does. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PeerLinks } from "../../cluster/links/peer-links.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import type { Session } from "../../moq/session/index.ts";
import { FakeRelay, settle } from "./support.ts";

const LINGER_MS = 10_000;

interface Dial {
  readonly on: { gone: () => void; leaving: () => void };
  readonly up: () => void;
  readonly fail: () => void;
}

/** Milliseconds between two attempts of a track. */
const RETRY_MS = 250;

class Scene {
  readonly clock = new ManualClock();
  readonly dials: Dial[] = [];
  readonly log: string[] = [];
  closed = 0;
  readonly links = new PeerLinks({
    clock: this.clock,
    random: () => 1,
    lingerMs: LINGER_MS,
    changed: () => {},
    dial: (_node, on) =>
      new Promise<Session>((resolve, reject) => {
        const session = {
          source: new FakeRelay(),
          close: () => {
            this.closed++;
            on.gone();
          },
        };
        this.dials.push({ on, up: () => resolve(sessionOf(session)), fail: () => reject(new Error("none")) });
      }),
  });

  use(): () => void {
    return this.links.use("r", {
      up: () => void this.log.push("up"),
      down: () => void this.log.push("down"),
      leaving: () => void this.log.push("leaving"),
    });
  }

  get last(): Dial {
    const last = this.dials.at(-1);
    assert.ok(last);
    return last;
  }
}

function sessionOf(parts: Pick<Session, "source" | "close">): Session {
  const none = () => assert.fail("not of use here");
  return {
    ...parts,
    get info() {
      return none();
    },
    announced: Promise.resolve(true),
    follow: none,
    traffic: none,
    retry: none,
    goaway: none,
    end: none,
  };
}

describe("a link to a relay", () => {
  it("lingers after its last use, and is closed then", async () => {
    const scene = new Scene();
    const release = scene.use();
    scene.last.up();
    await settle();
    release();
    scene.clock.advance(LINGER_MS - 1);
    assert.equal(scene.closed, 0);
    scene.clock.advance(2);
    assert.equal(scene.closed, 1);
    scene.clock.advance(60_000);
    assert.deepEqual([scene.links.size, scene.clock.pending], [0, 0]);
  });

  it("that comes up when nobody wants it any more lingers, too, and is closed then", async () => {
    const scene = new Scene();
    scene.use()();
    scene.clock.advance(LINGER_MS + 1);
    scene.last.up();
    await settle();
    scene.clock.advance(LINGER_MS + 1);
    assert.equal(scene.closed, 1);
    scene.clock.advance(60_000);
    assert.deepEqual([scene.links.size, scene.clock.pending], [0, 0]);
  });

  it("is not ended by what is left of one before that was lost", async () => {
    const scene = new Scene();
    const release = scene.use();
    scene.last.up();
    await settle();
    scene.last.on.gone();
    release();
    scene.clock.advance(1_000);
    assert.deepEqual([scene.links.health("r"), scene.dials.length], ["unknown", 1]);
    scene.use();
    scene.last.up();
    await settle();
    scene.clock.advance(2 * LINGER_MS);
    assert.deepEqual([scene.links.up, scene.dials.length, scene.log.join(" ")], [["r"], 2, "up down up"]);
    scene.links.close();
    assert.equal(scene.clock.pending, 0);
  });

  it("to one that asks us to leave while it comes up is left as well", async () => {
    const scene = new Scene();
    scene.use();
    scene.last.on.leaving();
    scene.last.up();
    await settle();
    scene.clock.advance(1);
    assert.deepEqual(scene.log, ["up", "leaving"]);
    scene.links.close();
    assert.equal(scene.clock.pending, 0);
  });

  it("to one that asked us to leave is closed with its last use, or at once where there is none", async () => {
    const scene = new Scene();
    const release = scene.use();
    scene.last.up();
    await settle();
    scene.last.on.leaving();
    assert.equal(scene.closed, 0);
    release();
    scene.clock.advance(1);
    assert.equal(scene.closed, 1);
    assert.deepEqual(scene.log, ["up", "leaving"]);
    scene.clock.advance(60_000);
    scene.use()();
    scene.last.up();
    await settle();
    scene.last.on.leaving();
    scene.clock.advance(1);
    assert.equal(scene.closed, 2);
  });

  it("to one that has started anew is dialled at once, whatever the wait was", async () => {
    const scene = new Scene();
    scene.use();
    for (let failed = 0; failed < 5; failed++) {
      scene.last.fail();
      await settle();
      scene.clock.advance(scene.clock.nextAt === undefined ? 0 : scene.clock.nextAt - scene.clock.now());
    }
    scene.last.fail();
    await settle();
    const before = scene.dials.length;
    scene.links.forgive("r");
    assert.equal(scene.dials.length, before + 1);
    scene.links.close();
    assert.equal(scene.clock.pending, 0);
  });

  it("that cannot be made is tried after ever longer waits, however often somebody asks for it anew", async () => {
    const scene = new Scene();
    const attempts: number[] = [];
    const start = scene.clock.now();
    while (scene.clock.now() - start < 60_000) {
      const before = scene.dials.length;
      const release = scene.use();
      if (scene.dials.length > before) {
        attempts.push(scene.clock.now() - start);
        scene.last.fail();
      }
      await settle();
      assert.ok(scene.log.includes("down"), "whoever asks is told, so that it may ask another one");
      scene.log.length = 0;
      release();
      scene.clock.advance(RETRY_MS);
    }
    const waits = attempts.slice(1).map((at, index) => at - (attempts[index] ?? 0));
    assert.equal(attempts[0], 0, "the first is made at once");
    assert.ok(
      waits.every((wait, index) => wait >= Math.min(10_000, 100 * 2 ** index) && wait <= 10_000 + RETRY_MS),
      `${waits}`,
    );
    assert.ok(attempts.length < 14, `${attempts.length} attempts in a minute`);
    // Nobody has asked for a while: it is as if never tried.
    scene.clock.advance(10_000 + 60_000);
    assert.deepEqual([scene.links.size, scene.clock.pending], [0, 0]);
    scene.use();
    assert.equal(scene.dials.length, attempts.length + 1);
  });

  it("that is refused as soon as it is up counts as one that cannot be made; one that lasted begins anew", async () => {
    const scene = new Scene();
    scene.use();
    const ups: number[] = [];
    while (scene.clock.now() < 30_000) {
      const known = scene.dials.length;
      ups.push(scene.clock.now());
      scene.last.up();
      await settle();
      scene.last.on.gone();
      while (scene.dials.length === known) scene.clock.advance(50);
    }
    assert.ok(ups.length < 10, `${ups.length} links in half a minute`);
    scene.last.up();
    await settle();
    scene.clock.advance(1_000);
    const lasted = scene.dials.length;
    scene.last.on.gone();
    scene.clock.advance(100);
    assert.equal(scene.dials.length, lasted + 1, "after the first wait");
    scene.links.close();
    assert.equal(scene.clock.pending, 0);
  });

  it("is dialled at once again when the relay has started anew, also while nobody uses it", async () => {
    const scene = new Scene();
    for (let failed = 0; failed < 6; failed++) {
      scene.use()();
      scene.last.fail();
      await settle();
      scene.clock.advance(4_000);
    }
    scene.links.forgive("r");
    const before = scene.dials.length;
    scene.use();
    assert.equal(scene.dials.length, before + 1);
    scene.last.fail();
    await settle();
    scene.clock.advance(100);
    assert.equal(scene.dials.length, before + 2, "and its waits begin anew");
  });
});
