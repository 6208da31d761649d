/** Suspicion of a silent relay: soon where media flowed, never where the network is merely bad. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SilenceWatch, type WatchedLink } from "../../cluster/links/silence.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { seededRandom } from "../../lab/random.ts";

const PROBE_AFTER_MS = 50;
const HEARTBEAT_MS = 150;

interface Network {
  readonly rttMs: number;
  /** Each way, from 0 to 1. */
  readonly loss: number;
  readonly jitterMs: number;
}

/** A peer behind a network, that acknowledges probes and may send media. */
class Scene {
  readonly clock = new ManualClock();
  readonly suspected: number[] = [];
  readonly heard: number[] = [];
  readonly watch = new SilenceWatch({
    clock: {
      now: () => this.clock.now(),
      timer: (ms, callback) =>
        this.clock.timer(Math.max(ms, this.stallMs), () => {
          const leftMs = this.frozenUntil - this.clock.now();
          if (leftMs > 0) this.clock.timer(leftMs, callback);
          else callback();
        }),
      soon: (callback) => this.clock.soon(callback),
    },
    probeAfterMs: PROBE_AFTER_MS,
    heartbeatMs: HEARTBEAT_MS,
    suspected: (_node, silentMs) => void this.suspected.push(silentMs),
    heard: () => void this.heard.push(this.clock.now()),
  });
  readonly random: () => number;
  readonly network: Network;
  alive = true;
  /** Milliseconds that timers of the watching relay run late. */
  stallMs = 0;
  /** Until then the whole process of the watching relay stands still; packets that come meanwhile are read just after. */
  frozenUntil = 0;
  probes = 0;
  looks = 0;
  #packets = 0;
  #bytes = 0;

  constructor(network: Network, seed = 1) {
    this.network = network;
    this.random = seededRandom(seed);
    const link: WatchedLink = {
      vitals: () => {
        this.looks++;
        return {
          bytesSent: 0,
          bytesReceived: this.#bytes,
          rttMs: network.rttMs + network.jitterMs,
          heard: this.#packets,
        };
      },
      probe: () => {
        this.probes++;
        if (!this.#lost()) this.clock.timer(this.#oneWayMs(), () => this.send(0));
      },
    };
    this.watch.watch("peer", link);
  }

  /** The peer sends a packet. */
  send(bytes: number): void {
    if (!this.alive || this.#lost()) return;
    const read = () => {
      const leftMs = this.frozenUntil - this.clock.now();
      if (leftMs >= 0) {
        this.clock.timer(leftMs + 1, read);
        return;
      }
      this.#packets++;
      this.#bytes += bytes;
    };
    this.clock.timer(this.#oneWayMs(), read);
  }

  media(ms: number, everyMs: number, bytes: number): void {
    for (let at = 0; at < ms; at += everyMs) {
      this.send(bytes);
      this.clock.advance(everyMs);
    }
  }

  #lost(): boolean {
    return this.random() < this.network.loss;
  }

  #oneWayMs(): number {
    return this.network.rttMs / 2 + this.random() * this.network.jitterMs;
  }
}

const NEAR: Network = { rttMs: 1, loss: 0, jitterMs: 0 };
const BAD: Network = { rttMs: 150, loss: 0.05, jitterMs: 50 };

describe("a relay that falls silent", () => {
  it("is suspected within 200 ms where its media flowed", () => {
    const scene = new Scene(NEAR);
    scene.media(2_000, 33, 1_200);
    scene.alive = false;
    scene.clock.advance(200);
    assert.equal(scene.suspected.length, 1);
  });

  it("is suspected later where little came from it", () => {
    const scene = new Scene(NEAR);
    scene.media(2_000, 500, 100);
    scene.send(100);
    scene.clock.advance(1);
    scene.alive = false;
    scene.clock.advance(200);
    assert.equal(scene.suspected.length, 0);
    scene.clock.advance(200);
    assert.equal(scene.suspected.length, 1);
  });

  it("is suspected after a longer time behind a longer round trip", () => {
    const scene = new Scene({ ...NEAR, rttMs: 200 });
    scene.media(2_000, 33, 1_200);
    scene.alive = false;
    scene.clock.advance(400);
    assert.equal(scene.suspected.length, 0);
    scene.clock.advance(300);
    assert.equal(scene.suspected.length, 1);
  });

  it("is suspected no more when it is heard again", () => {
    const scene = new Scene(NEAR);
    scene.media(1_000, 33, 1_200);
    scene.alive = false;
    scene.clock.advance(400);
    scene.alive = true;
    scene.clock.advance(400);
    assert.equal(scene.suspected.length, 1);
    assert.equal(scene.heard.length, 1);
  });
});

describe("a relay that is alive", () => {
  it("is not probed while its media flows", () => {
    const scene = new Scene(NEAR);
    scene.media(5_000, 20, 160);
    scene.probes = 0;
    scene.media(5_000, 20, 160);
    assert.equal(scene.probes, 0);
  });

  it("costs few probes and few looks while nothing comes from it", () => {
    const scene = new Scene(NEAR);
    scene.clock.advance(60_000);
    assert.ok(scene.probes <= 400, `${scene.probes} probes in a minute`);
    assert.ok(scene.looks <= 1_200, `${scene.looks} looks in a minute`);
    assert.equal(scene.suspected.length, 0);
  });

  it("is not suspected because this relay itself stood still", () => {
    const scene = new Scene(NEAR);
    scene.media(1_000, 33, 1_200);
    scene.stallMs = 1_000;
    scene.clock.advance(60_000);
    assert.equal(scene.suspected.length, 0);
  });

  it("is not suspected because the process of this relay stood still while an answer was on its way", () => {
    const scene = new Scene({ ...NEAR, rttMs: 150 });
    for (let at = 0; at < 500; at += 5) {
      scene.clock.advance(1_000 + at);
      scene.frozenUntil = scene.clock.now() + 500;
      scene.clock.advance(500);
    }
    assert.deepEqual(scene.suspected, []);
  });

  for (const [what, everyMs, bytes] of [
    ["media flows", 33, 1_200],
    ["now and then a message comes", 700, 200],
    ["nothing comes", 60_000, 0],
  ] as const) {
    it(`is not suspected in an hour behind 5 % loss, 150 ms and 50 ms of jitter while ${what}`, () => {
      const scene = new Scene(BAD, 7);
      scene.media(3_600_000, everyMs, bytes);
      assert.deepEqual(scene.suspected, []);
    });
  }
});
