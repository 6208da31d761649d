/** Two relays behind one address: when their packets move from one to the other, viewers learn at once that their session is gone. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Pacer } from "../../bench/load/pacer.ts";
import { PublishedTrack } from "../../bench/load/published-track.ts";
import type { ClientDeps } from "../../lab/load/client.ts";
import { Roamer } from "../../lab/load/roamer.ts";
import { Uplink } from "../../lab/load/uplink.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";
import { missingEngine, nativeClient } from "../support/engines.ts";
import { type Settings, TestRelay } from "../support/relay.ts";
import { UdpProxy } from "../support/udp-proxy.ts";
import { until } from "../support/until.ts";

/** Microseconds within which a viewer must have frames again. */
const BACK_US = 1_000_000;

const FRAMES_PER_SECOND = 60;
const SHAPE = { framesPerSecond: FRAMES_PER_SECOND, framesPerGroup: 15, payload: new Uint8Array(300), keeps: true };
const TRACK = { path: "live/clock", track: "video" };

/** Both relays have a live broadcast; a viewer watches it at the address that they share. `move`: all packets go to the other relay. */
async function watching(
  settings: (at: 0 | 1) => Settings,
  work: (viewer: Roamer, move: () => void) => Promise<void>,
): Promise<void> {
  const start = (at: 0 | 1) => TestRelay.start({ "server.engine": "native", ...settings(at) });
  const relays = [await start(0), await start(1)] as const;
  let now: 0 | 1 = 0;
  const address = await UdpProxy.open(() => relays[now].port);
  const deps: ClientDeps = { engine: await nativeClient(), trust: { kind: "insecure" }, clock: systemClock };
  const source = new PublishedTrack(SHAPE);
  const pacer = new Pacer(systemClock, 1, FRAMES_PER_SECOND, () => source.send());
  let up = 0;
  const uplinks = relays.map((relay) => new Uplink(deps, { ...TRACK, source }, [relay.at("https").href], () => up++));
  const flowing = Promise.withResolvers<void>();
  const edges = [`https://127.0.0.1:${address.port}/`];
  const viewer = new Roamer(deps, { ...TRACK, framesPerGroup: SHAPE.framesPerGroup, edges }, flowing.resolve);
  try {
    pacer.start();
    for (const uplink of uplinks) uplink.start();
    await until(() => up === 2);
    viewer.start();
    await flowing.promise;
    await work(viewer, () => {
      now = now === 0 ? 1 : 0;
    });
  } finally {
    viewer.stop();
    for (const uplink of uplinks) uplink.stop();
    pacer.stop();
    address.close();
    for (const relay of relays) await relay.stop();
  }
}

/** Moves the packets there and back; each time the viewer has a new session and frames again within a second. */
async function served(viewer: Roamer, move: () => void): Promise<void> {
  for (let turn = 0; turn < 2; turn++) {
    viewer.measure();
    const { frames } = viewer.report([], []);
    move();
    await until(() => viewer.report([], []).reconnected === 1);
    await until(() => viewer.report([], []).frames > frames + 10);
    const { gapUs } = viewer.report([], []);
    assert.ok(gapUs < BACK_US, `no frame for ${gapUs} us`);
  }
}

describe("a viewer of relays behind one address, whose packets reach the other relay", {
  skip: missingEngine(),
}, () => {
  const shared = { "quic.reset_key": "5a".repeat(32) };

  test("has frames again within a second, with the same reset key", () => watching(() => shared, served));

  test("has them with encrypted server ids as well", () =>
    watching(
      (at) => ({
        ...shared,
        "load_balancer.server_id": `0x00000000000000a${at}`,
        "load_balancer.key": "8f95f09245765f80256934e50c66207f",
      }),
      served,
    ));
});
