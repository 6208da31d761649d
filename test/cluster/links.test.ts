/** Links to other relays: dialled when they have users, closed when they have none. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PeerLinks } from "../../cluster/links/peer-links.ts";
import type { SessionEvents } from "../../cluster/renewable-session.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { MetricSources } from "../../moq/metrics.ts";
import type { Session } from "../../moq/session/index.ts";
import { FakeRelay, settle } from "./support.ts";

const LINGER_MS = 10_000;

interface Dial {
  readonly on: SessionEvents;
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
  /** Links say when their peer was heard: it is never heard. */
  watched = false;
  readonly links = new PeerLinks({
    clock: this.clock,
    random: () => 1,
    lingerMs: LINGER_MS,
    changed: () => {},
    probeAfterMs: 50,
    heartbeatMs: 150,
    metrics: new MetricSources(),
    suspected: () => {},
    answered: () => {},
    dial: (_node, on) =>
      new Promise<Session>((resolve, reject) => {
        const session = {
          source: new FakeRelay(),
          vitals: () => ({ bytesSent: 0, bytesReceived: 0, ...(this.watched && { heard: 1 }) }),
          probe: () => {},
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
      renewed: () => void this.log.push("renewed"),
    });
  }

  get last(): Dial {
    const last = this.dials.at(-1);
    assert.ok(last);
    return last;
  }
}

function sessionOf(parts: Pick<Session, "source" | "close" | "vitals" | "probe">): Session {
  const none = () => assert.fail("not called here");
  return {
    ...parts,
    get info() {
      return none();
    },
    announced: Promise.resolve(true),
    follow: none,
    traffic: none,
    figures: none,
    use: none,
    retry: none,
    goaway: none,
    end: none,
  };
}

describe("a link to a relay", () => {
  it("that takes the place of a silent one ends the suspicion", async () => {
    const scene = new Scene();
    scene.watched = true;
    scene.use();
    scene.last.up();
    await settle();
    scene.clock.advance(1_000);
    assert.deepEqual([scene.links.health("r"), scene.links.answers("r")], ["silent", false]);
    scene.watched = false;
    scene.last.on.renew();
    scene.last.up();
    await settle();
    assert.deepEqual([scene.links.health("r"), scene.links.usable("r")], ["suspected", false]);
    scene.clock.advance(2_000);
    assert.deepEqual([scene.links.health("r"), scene.links.usable("r")], ["up", true]);
    scene.links.close();
    assert.equal(scene.clock.pending, 0);
  });

  it("stays open for a while after its last user has left, then closes", async () => {
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

  it("is no upstream while it is only kept for failover", async () => {
    const scene = new Scene();
    const none = () => {};
    const release = scene.links.use("r", { up: none, down: none, leaving: none, waits: true });
    scene.last.up();
    await settle();
    assert.deepEqual([scene.links.up, scene.links.health("r")], [[], "up"]);
    const leave = scene.use();
    assert.deepEqual([scene.links.up, scene.dials.length], [["r"], 1]);
    leave();
    assert.deepEqual(scene.links.up, []);
    release();
    scene.links.close();
  });

  it("that comes up after its users have left stays open for a while, then closes", async () => {
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

  it("is not closed by a timer of an earlier link that was lost", async () => {
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

  it("is left when the peer asks us to leave while the link comes up", async () => {
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

  it("to a peer that asked us to leave closes soon after its last user, or soon without users", async () => {
    const scene = new Scene();
    const release = scene.use();
    scene.last.up();
    await settle();
    scene.last.on.leaving();
    assert.equal(scene.closed, 0);
    release();
    scene.clock.advance(99);
    assert.equal(scene.closed, 0, "what it has passed on last may not have come");
    scene.clock.advance(1);
    assert.equal(scene.closed, 1);
    assert.deepEqual(scene.log, ["up", "leaving"]);
    scene.clock.advance(60_000);
    scene.use()();
    scene.last.up();
    await settle();
    scene.last.on.leaving();
    scene.clock.advance(100);
    assert.equal(scene.closed, 2);
  });

  it("to a restarted relay is dialled at once, however long the wait was", async () => {
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

  it("that was renewed closes once its users have moved to the second one", async () => {
    const scene = new Scene();
    const users = [scene.use(), scene.use()];
    scene.last.up();
    await settle();
    scene.last.on.renew();
    scene.last.up();
    await settle();
    assert.deepEqual([scene.dials.length, scene.log.slice(2), scene.closed], [2, ["renewed", "renewed"], 0]);
    users[0]?.();
    assert.equal(scene.closed, 0);
    users[1]?.();
    assert.equal(scene.closed, 0, "what it has passed on last may not have come");
    scene.clock.advance(100);
    assert.deepEqual([scene.closed, scene.links.up], [1, ["r"]]);
  });

  it("is not renewed without users", async () => {
    const scene = new Scene();
    const release = scene.use();
    scene.last.up();
    await settle();
    release();
    scene.last.on.renew();
    assert.equal(scene.dials.length, 1);
  });

  it("that cannot be opened is dialled after ever longer waits, however often users ask for it", async () => {
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
      assert.ok(scene.log.includes("down"), "a new user learns that it is down, and can ask another relay");
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
    // After a while without users the failures are forgotten.
    scene.clock.advance(10_000 + 60_000);
    assert.deepEqual([scene.links.size, scene.clock.pending], [0, 0]);
    scene.use();
    assert.equal(scene.dials.length, attempts.length + 1);
  });

  it("that the peer refuses at once counts as a failure; one that lasted resets the wait", async () => {
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

  it("to a restarted relay is dialled at once by the next user, also when the restart was seen without users", async () => {
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
    assert.equal(scene.dials.length, before + 2, "and its waits start again at the first");
  });
});
