import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { sharedMicros } from "../../bench/load/micros.ts";
import { Pacer } from "../../bench/load/pacer.ts";
import { PublishedTrack } from "../../bench/load/published-track.ts";
import { type ClientDeps, redirected } from "../../lab/load/client.ts";
import { Roamer } from "../../lab/load/roamer.ts";
import { Uplink } from "../../lab/load/uplink.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { createEngine } from "../../transport/engines.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";
import { TestRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";

/** Milliseconds after which a test that waits has failed. */
const TIMEOUT_MS = patient(30_000);

const FRAMES_PER_SECOND = 60;
const FRAMES_PER_GROUP = 15;
const PATH = "live/clock";
const TRACK = "video";

const startRelay = () => TestRelay.start({ "drain.grace": "5s" });

const urlOf = (relay: TestRelay) => relay.at("https").href;

describe("a viewer that follows redirects", { timeout: 3 * TIMEOUT_MS }, () => {
  let deps: ClientDeps;
  const hold = setInterval(() => {}, TIMEOUT_MS);
  before(async () => {
    const warn = (message: string) => assert.fail(message);
    deps = {
      engine: await createEngine("auto", { clock: systemClock, warn }),
      trust: { kind: "insecure" },
      clock: systemClock,
    };
  });
  after(() => clearInterval(hold));

  async function scene(
    work: (relays: [TestRelay, TestRelay], roamer: Roamer, urls: string[], groups: number[]) => Promise<void>,
  ) {
    const relays: [TestRelay, TestRelay] = [await startRelay(), await startRelay()];
    const urls = relays.map(urlOf);
    const shape = {
      framesPerSecond: FRAMES_PER_SECOND,
      framesPerGroup: FRAMES_PER_GROUP,
      payload: new Uint8Array(300),
    };
    const source = new PublishedTrack({ ...shape, firstGroup: 1_000, keeps: true });
    const groups: number[] = [];
    const pacer = new Pacer(systemClock, 1, FRAMES_PER_SECOND, () => {
      source.send();
      if (source.next % FRAMES_PER_GROUP === 0) groups.push(source.next / FRAMES_PER_GROUP - 1);
    });
    let up = 0;
    const uplinks = urls.map((url) => new Uplink(deps, { path: PATH, track: TRACK, source }, [url], () => up++));
    const flowing = Promise.withResolvers<void>();
    const watched = { path: PATH, track: TRACK, framesPerGroup: FRAMES_PER_GROUP, edges: urls };
    const roamer = new Roamer(deps, watched, flowing.resolve);
    try {
      pacer.start();
      for (const uplink of uplinks) uplink.start();
      await until(() => up === 2);
      roamer.start();
      await flowing.promise;
      await work(relays, roamer, urls, groups);
    } finally {
      roamer.stop();
      for (const uplink of uplinks) uplink.stop();
      pacer.stop();
      await Promise.all(relays.map((one) => one.stop()));
    }
  }

  /** Sequences of the next `count` whole groups that are published, once they have come or are lost. */
  async function next(groups: number[], count: number, roamer: Roamer): Promise<number[]> {
    const first = groups.length + 1;
    await until(() => groups.length > first + count);
    const asked = groups.slice(first, first + count);
    const from = sharedMicros();
    await until(() => roamer.report([], asked).lost.length === 0 || sharedMicros() - from > 2_000_000);
    return asked;
  }

  it("connects to the next relay before it leaves one that drains, and misses no group", async () => {
    await scene(async ([first], roamer, urls, groups) => {
      assert.equal(roamer.report(urls, []).edge, 0);
      const waiting = next(groups, 8, roamer);
      const drained = first.relay.drain("the test");
      const asked = await waiting;
      await drained;
      const { edge, moved, reconnected, subscriptionsLost, lost } = roamer.report(urls, asked);
      assert.equal(edge, 1);
      assert.deepEqual(
        { moved, reconnected, subscriptionsLost, lost },
        { moved: 1, reconnected: 0, subscriptionsLost: 0, lost: [] },
      );
    });
  });

  it("reconnects when its session is cut, and measures the gap", async () => {
    await scene(async ([first], roamer, urls, groups) => {
      roamer.measure();
      const from = sharedMicros();
      await first.relay.close("the test");
      await until(() => roamer.report(urls, []).edge === 1 && roamer.report(urls, []).frames > FRAMES_PER_GROUP);
      const { moved, reconnected, gapUs, gapFromUs } = roamer.report(urls, []);
      assert.deepEqual({ moved, reconnected }, { moved: 0, reconnected: 1 });
      assert.ok(gapUs > 0 && gapFromUs + gapUs >= from, `${gapUs} us from ${gapFromUs - from}`);
      assert.deepEqual(roamer.report(urls, await next(groups, 2, roamer)).lost, []);
    });
  });
});

describe("a publisher that moves", { timeout: 2 * TIMEOUT_MS }, () => {
  it("publishes at the next relay before it leaves one that drains", async () => {
    const hold = setInterval(() => {}, TIMEOUT_MS);
    const warn = (message: string) => assert.fail(message);
    const engine = await createEngine("auto", { clock: systemClock, warn });
    const deps: ClientDeps = { engine, trust: { kind: "insecure" }, clock: systemClock };
    const [first, second] = [await startRelay(), await startRelay()];
    const shape = { framesPerSecond: FRAMES_PER_SECOND, framesPerGroup: FRAMES_PER_GROUP };
    const source = new PublishedTrack({ ...shape, payload: new Uint8Array(300), keeps: true });
    const pacer = new Pacer(systemClock, 1, FRAMES_PER_SECOND, () => void source.send());
    let up = 0;
    const uplink = new Uplink(deps, { path: PATH, track: TRACK, source }, [first, second].map(urlOf), () => up++);
    const watch = (one: TestRelay, flowing: () => void) =>
      new Roamer(deps, { path: PATH, track: TRACK, framesPerGroup: FRAMES_PER_GROUP, edges: [urlOf(one)] }, flowing);
    const flows = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    const stays = watch(first, flows[0].resolve);
    const waits = watch(second, flows[1].resolve);
    try {
      pacer.start();
      uplink.start();
      stays.start();
      await flows[0].promise;
      waits.start();
      const drained = first.relay.drain("the test");
      await flows[1].promise;
      assert.equal(up, 2);
      const { frames } = stays.report([], []);
      // The publisher serves the old relay for as long as it has a viewer.
      await until(() => stays.report([], []).frames > frames + FRAMES_PER_GROUP);
      stays.stop();
      await drained;
    } finally {
      for (const one of [stays, waits, uplink]) one.stop();
      pacer.stop();
      await Promise.all([first, second].map((one) => one.stop()));
      clearInterval(hold);
    }
  });
});

describe("a GOAWAY", () => {
  it("redirects a client with the token that it has", () => {
    const at = "https://127.0.0.1:1/?jwt=a.b.c";
    assert.equal(redirected(at, "https://127.0.0.1:2/"), "https://127.0.0.1:2/?jwt=a.b.c");
    assert.equal(redirected(at, "https://127.0.0.1:2/?jwt=x"), "https://127.0.0.1:2/?jwt=x");
    assert.equal(redirected(at, "/other"), "https://127.0.0.1:1/other?jwt=a.b.c");
    assert.equal(redirected("https://h/room", "https://i/room"), "https://i/room");
  });

  it("may name no relay", () => {
    assert.equal(redirected("https://h/", ""), undefined);
    assert.equal(redirected("https://h/", "https://"), undefined);
  });
});
