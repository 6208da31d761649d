import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, test } from "node:test";
import type { Report, Watched } from "../../cli/probe/contract.ts";
import { FrameLog } from "../../cli/probe/frame-log.ts";
import { HopNames } from "../../cli/probe/hop-names.ts";
import { Textfile } from "../../cli/probe/textfile.ts";
import { exitOf, findings } from "../../cli/probe/verdict.ts";
import { Spread } from "../../cli/spread.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { ProbeTrack } from "../../relay/client/index.ts";
import { LIVE, TestViewer } from "../session/support.ts";

/** A viewer that keeps the bytes of each frame. */
function tracked(framesPerSecond: number) {
  const clock = new ManualClock();
  const track = new ProbeTrack({ name: "probe", framesPerSecond, frameBytes: 32, clock });
  const viewer = new TestViewer();
  const frames: Uint8Array[] = [];
  const subgroup = viewer.subgroup.bind(viewer);
  viewer.subgroup = (start) => {
    const writer = subgroup(start);
    const payload = writer.payload.bind(writer);
    writer.payload = (bytes) => {
      frames.push(bytes.slice());
      payload(bytes);
    };
    return writer;
  };
  return {
    clock,
    track,
    viewer,
    frames,
    sequences: () => viewer.groups.map(({ sequence, timestamps }) => [sequence, timestamps.length]),
  };
}

describe("the track of a probe", () => {
  it("has frames at a steady rate in groups of a second, and a new subscription begins a group", () => {
    const { clock, track, viewer, sequences } = tracked(4);
    track.start();
    clock.advance(300);
    track.subscribe("a", "probe", LIVE, viewer);
    clock.advance(1_200);
    assert.deepEqual(sequences(), [
      [1, 4],
      [2, 1],
    ]);
    assert.equal(track.next, 7);
    track.stop();
    clock.advance(5_000);
    assert.equal(track.next, 7);
    assert.equal(viewer.groups.at(-1)?.state, "finished");
  });

  it("gives each frame its number and its time, and recognises frames that were not sent like that", () => {
    const { clock, track, viewer, frames } = tracked(10);
    track.subscribe("a", "probe", LIVE, viewer);
    track.start();
    clock.advance(250);
    assert.deepEqual(
      frames.map((frame) => track.read(frame)),
      [
        { number: 0, sentMs: 0 },
        { number: 1, sentMs: 100 },
        { number: 2, sentMs: 200 },
      ],
    );
    const [frame = new Uint8Array()] = frames;
    const other = frame.slice();
    other[20] = (other[20] ?? 0) ^ 1;
    const future = frame.slice();
    future[7] = 9;
    for (const wrong of [other, future, frame.subarray(1), new Uint8Array()])
      assert.equal(track.read(wrong), undefined);
  });

  it("sends what is due when it stops, so that a busy program publishes the same frames", () => {
    const { clock, track } = tracked(10);
    track.start();
    const late = clock.now() + 550;
    // A clock whose timers have not run yet.
    clock.now = () => late;
    track.stop();
    assert.equal(track.next, 6);
    track.stop();
    clock.advance(5_000);
    assert.equal(track.next, 6);
  });

  it("does not catch up on more than a second when the program stood still", () => {
    const { clock, track } = tracked(10);
    track.start();
    const skipped = clock.now() + 60_000;
    // A clock whose timers are late.
    clock.now = () => skipped;
    clock.advance(100);
    assert.equal(track.next, 2);
  });
});

describe("the frames that a watched relay delivers", () => {
  it("count once, within the measurement, with the delay of the first arrival", () => {
    const log = new FrameLog();
    log.take(3, 1);
    log.begin(10, 5);
    for (const [number, delay] of [
      [9, 1],
      [10, 2],
      [12, 4],
      [12, 90],
      [15, 1],
    ] as const)
      log.take(number, delay);
    assert.deepEqual([log.received, log.duplicates, Math.round(log.delay.max)], [2, 1, 4]);
  });
});

describe("the verdict on a run", () => {
  const watched = (fields: Partial<Watched>): Watched => ({
    url: "https://edge/",
    delay: Spread.of([1, 2, 50]),
    expected: 1_000,
    received: 1_000,
    lost: 0,
    duplicates: 0,
    damaged: 0,
    ...fields,
  });
  const report = (fields: Partial<Watched>, over: Partial<Report> = {}): Report => ({
    publish: { url: "https://origin/" },
    measuredMs: 1_000,
    published: 1_000,
    watched: [watched(fields)],
    interrupted: false,
    ...over,
  });
  const codes = (one: Report, bounds = {}) => findings(one, bounds).map(({ fault }) => fault.code);

  it("is good without bounds as long as frames arrive undamaged", () => {
    assert.deepEqual(codes(report({ lost: 999, received: 1, duplicates: 3 })), []);
    assert.deepEqual(codes(report({ received: 0, lost: 1_000 })), ["nothing_received"]);
    assert.deepEqual(codes(report({ damaged: 1 })), ["frames_damaged"]);
  });

  it("names the bounds that are missed, and a loss of exactly the bound is good", () => {
    assert.deepEqual(codes(report({ lost: 10 }), { maxLoss: 0.01, maxDelayMs: 51 }), []);
    assert.deepEqual(codes(report({ lost: 11 }), { maxLoss: 0.01, maxDelayMs: 49 }), [
      "loss_over_bound",
      "delay_over_bound",
    ]);
  });

  it("is the fault that ended the run, and decides the exit code", () => {
    const fault = { code: "dial_timeout", message: "late", advice: "", exit: 4 } as const;
    const cut = report({ expected: 0, received: 0 }, { published: 0, fault });
    assert.deepEqual(codes(cut), ["dial_timeout"]);
    assert.equal(exitOf(cut, findings(cut, {})), 4);
    assert.equal(exitOf(report({}), []), 0);
    assert.equal(exitOf(report({}, { interrupted: true }), []), 130);
  });
});

test("the file for Prometheus keeps the last whole run: one that a signal interrupts writes nothing", async () => {
  const folder = await mkdtemp(join(tmpdir(), "moqmesh-probe-"));
  try {
    const file = join(folder, "probe.prom");
    const report: Report = {
      publish: { url: "https://a/" },
      measuredMs: 0,
      published: 0,
      watched: [],
      interrupted: true,
    };
    const textfile = new Textfile(file);
    await textfile.write(report, [], 1_000);
    assert.deepEqual(await readdir(folder), []);
    await textfile.write({ ...report, interrupted: false }, [], 2_000);
    assert.match(await readFile(file, "utf8"), /^moqmesh_probe_runs_total\{result="passed"\} 1$/m);
  } finally {
    await rm(folder, { recursive: true });
  }
});

describe("the names of hops", () => {
  const askHttp = (at: URL) => {
    const upstream = [
      { hop: "1" },
      { hop: "2", node: "origin-1" },
      { hop: "3", node: "regional-1" },
      { hop: "0", node: "regional-2" },
    ];
    const body = JSON.stringify(at.pathname.endsWith("/cluster") ? { node: "edge-1" } : { upstream });
    return Promise.resolve({ status: 200, headers: {}, body });
  };
  const names = async (...lists: bigint[][]) => {
    const hopNames = new HopNames({ url: new URL("http://admin/"), trust: { kind: "system" } }, { askHttp });
    return Object.fromEntries(await hopNames.resolve("live/a", lists));
  };

  it("are those of the way, and that of the relay that was asked where it is certain", async () => {
    const way = { "2": "origin-1", "3": "regional-1" };
    assert.deepEqual(await names([1n, 2n, 9n], [1n, 2n]), { ...way, "9": "edge-1" });
    assert.deepEqual(await names([1n, 2n, 9n], [1n, 2n, 8n]), way);
    assert.deepEqual(await names([1n, 7n, 9n]), way);
  });
});
