import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Audience } from "../../bench/load/audience.ts";
import type { Target } from "../../bench/load/dial.ts";
import type { AudienceReport, PublisherReport } from "../../bench/load/messages.ts";
import { sharedMicros } from "../../bench/load/micros.ts";
import { Publisher } from "../../bench/load/publisher.ts";
import type { Engine } from "../../moq/link.ts";
import { STABLE_PROTOCOLS } from "../../moq/wire/lite/versions.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { createEngine } from "../../transport/engines.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";
import { TestRelay } from "../support/relay.ts";

/** Milliseconds after which a run that waits for its sessions has failed. */
const TIMEOUT_MS = patient(20_000);

/** Length of the window in microseconds. */
const WINDOW_US = 300_000;

interface Load {
  readonly path: string;
  readonly broadcasts: number;
  readonly viewers: number;
  readonly framesPerGroup: number;
}

describe("load", { timeout: 3 * TIMEOUT_MS }, () => {
  let relay: TestRelay;
  let engine: Engine;
  // Neither the engine's sockets nor the clock's timers keep the process running.
  const hold = setInterval(() => {}, TIMEOUT_MS);

  before(async () => {
    relay = await TestRelay.start();
    engine = await createEngine("auto", { clock: systemClock, warn: (message) => assert.fail(message) });
  });

  after(async () => {
    clearInterval(hold);
    await relay.stop();
  });

  async function run(protocol: string, load: Load): Promise<[PublisherReport, AudienceReport]> {
    const url = relay.at("https");
    const target: Target = { engine, url, trust: relay.trust, protocols: [protocol], timeoutMs: TIMEOUT_MS };
    const paths = Array.from({ length: load.broadcasts }, (_, index) => `${load.path}/${index}`);
    const common = {
      kind: "start" as const,
      engine: "auto",
      url: url.href,
      trust: { kind: "insecure" as const },
      protocols: [protocol],
      timeoutMs: TIMEOUT_MS,
      tracks: ["data", "audio"].map((track) => ({
        track,
        priority: 7,
        framesPerSecond: 50,
        frameBytes: 3_000,
        framesPerGroup: load.framesPerGroup,
      })),
    };
    const publisher = new Publisher(
      {
        ...common,
        role: "publisher",
        broadcasts: paths,
        broadcastsPerSession: 2,
      },
      systemClock,
    );
    const watches = Array.from({ length: load.viewers }, (_, viewer) => paths[viewer % paths.length] ?? "");
    const audience = new Audience({ ...common, role: "audience", watches, windowFrames: 200 }, systemClock);
    assert.equal(await publisher.run(target, () => {}), protocol);
    assert.equal(await audience.run(target, () => {}), protocol);
    const fromUs = sharedMicros();
    const window = { kind: "window", fromUs, toUs: fromUs + WINDOW_US } as const;
    publisher.measure(window);
    audience.measure(window);
    await sleep(WINDOW_US / 1_000);
    const due = () => publisher.report().due.map((track) => watches.map((path) => track[paths.indexOf(path)] ?? 0));
    const got = () => audience.report().tracks.map(({ received }) => received);
    const missing = () => got().some((track, at) => track.some((count, viewer) => count < (due()[at]?.[viewer] ?? 0)));
    while (sharedMicros() < window.toUs || missing()) await sleep(20);
    return [publisher.report(), audience.report()];
  }

  for (const protocol of STABLE_PROTOCOLS) {
    it(`brings every frame of each track to every viewer in ${protocol}`, async () => {
      const load = { path: `one/${protocol}`, broadcasts: 1, viewers: 4, framesPerGroup: 5 };
      const [sent, got] = await run(protocol, load);
      assert.equal(got.tracks.length, 2);
      for (const [at, { received, duplicates, latencyUs }] of got.tracks.entries()) {
        const due = sent.due[at]?.[0] ?? 0;
        assert.ok(due >= 5, `${due} frames in the window`);
        assert.deepEqual(received, [due, due, due, due]);
        assert.equal(duplicates, 0);
        assert.ok(latencyUs.max > 0 && latencyUs.max < TIMEOUT_MS * 1_000);
      }
      assert.equal(sent.skipped, 0);
      assert.deepEqual([sent.lostSessions, got.lostSessions], [{}, {}]);
    });
  }

  it("spreads broadcasts over sessions and gives each viewer one of them", async () => {
    const [sent, got] = await run("moq-lite-05", { path: "many", broadcasts: 5, viewers: 5, framesPerGroup: 1 });
    assert.deepEqual(
      sent.due.map(({ length }) => length),
      [5, 5],
    );
    assert.deepEqual(
      got.tracks.map(({ received }) => received),
      sent.due,
    );
  });
});
