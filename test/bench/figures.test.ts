import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Measured } from "../../bench/fanout/fanout.ts";
import { figuresOf, median, ratioOf, summarise } from "../../bench/fanout/figures.ts";
import type { RoundData } from "../../bench/fanout/round.ts";
import { Histogram } from "../../bench/load/histogram.ts";
import type { TrackReport } from "../../bench/load/messages.ts";
import { parseFanout } from "../../bench/options.ts";
import { jsonReport } from "../../bench/report/json.ts";
import { drawBar } from "../../bench/report/progress.ts";
import { align, table } from "../../bench/report/table.ts";

/** Ten seconds, two viewers of one broadcast, a hundred frames of 1 MB each; the relay used 1 s of CPU time. */
function round(changes: Partial<RoundData> = {}): RoundData {
  const latency = new Histogram();
  for (let ms = 1; ms <= 100; ms++) latency.record(ms * 1_000);
  return {
    engine: "test",
    loadEngine: "test",
    protocol: "moq-lite-05",
    publisher: { kind: "publisherReport", due: [[100]], skipped: 0, lostSessions: {} },
    audiences: [audience([100, 100])],
    latencies: [latency],
    relayCpuUs: 1_000_000,
    mainThreadUs: 20_000,
    loadCpuUs: 2_000_000,
    elapsedUs: 10_000_000,
    otherCpuUs: { relay: 0, load: 0 },
    rssKb: { before: 10_240, with: 20_480 },
    path: undefined,
    sendmsgUs: undefined,
    ...changes,
  };
}

function audience(received: number[], lostSessions: Record<string, number> = {}, of: Partial<TrackReport> = {}) {
  const frames = received.reduce((sum, each) => sum + each, 0);
  return {
    kind: "audienceReport" as const,
    tracks: [
      {
        received,
        duplicates: 0,
        arrivedFrames: frames,
        arrivedBytes: frames * 1_000_000,
        latencyUs: { max: 0, counts: [] },
        recoveries: [],
        ...of,
      },
    ],
    lostSessions,
  };
}

/** The scenario's frames have 1 MB, as those of {@link audience}. */
function optionsOf(...args: string[]) {
  const options = parseFanout(args);
  assert.ok(options !== "help");
  return {
    ...options,
    scenario: {
      ...options.scenario,
      tracks: options.scenario.tracks.map((track) => ({ ...track, frameBytes: 1_000_000 })),
    },
  };
}

const figures = (changes: Partial<RoundData> = {}, loadCores = 1) =>
  figuresOf(round(changes), loadCores, () => 0, optionsOf());

describe("figures of a round", () => {
  it("give the relay's CPU time for each delivered frame and byte", () => {
    const { cpuPercent, mainThreadPercent, cpuUsPerFrame, cpuPercentPerGbps, mbps } = figures();
    assert.equal(cpuPercent, 10);
    assert.equal(mainThreadPercent, 0.2);
    assert.equal(cpuUsPerFrame, 5_000);
    assert.equal(mbps, 160);
    assert.equal(cpuPercentPerGbps, 62.5);
  });

  it("compare the relay's CPU time for each frame with that of sendmsg alone, where it was measured", () => {
    const { sendmsgUs, timesSendmsg } = summarise([figures({ sendmsgUs: 2_000 }), figures({ sendmsgUs: 2_500 })]);
    assert.deepEqual([sendmsgUs, timesSendmsg], [2_250, 2.25]);
    assert.equal(figures().timesSendmsg, undefined);
  });

  it("give latency in milliseconds", () => {
    const { p50, p99, max } = figures().latencyMs;
    assert.ok(Math.abs(p50 - 50) < 0.5, `p50 ${p50}`);
    assert.ok(Math.abs(p99 - 99) < 1, `p99 ${p99}`);
    assert.equal(max, 100);
  });

  it("give the growth of memory for each viewer", () => {
    assert.equal(figures().rssKbPerViewer, 5_120);
    assert.equal(figures().rssBeforeMb, 10);
  });

  it("expect from each viewer what its own broadcast sent", () => {
    const data = round({
      publisher: { kind: "publisherReport", due: [[100, 50, 10]], skipped: 0, lostSessions: {} },
      audiences: [audience([90, 50]), audience([0])],
    });
    const { framesLost, framesDelivered } = figuresOf(data, 1, (viewer) => viewer, optionsOf());
    assert.deepEqual([framesLost, framesDelivered], [20, 140]);
  });

  it("do not offset one viewer's loss with another's surplus", () => {
    assert.equal(figures({ audiences: [audience([103, 97])] }).framesLost, 3);
  });

  it("omit what is not measurable of another project's relay", () => {
    const unknown = figures({ relayCpuUs: undefined, rssKb: undefined, otherCpuUs: undefined });
    assert.equal(unknown.cpuPercent, undefined);
    assert.equal(unknown.cpuUsPerFrame, undefined);
    assert.equal(unknown.rssKbPerViewer, undefined);
    assert.deepEqual(unknown.notes, []);
  });

  it("are void when the load used more than 80 % of its cores", () => {
    assert.deepEqual(figures({ loadCpuUs: 8_000_000 }).voidReasons, []);
    assert.match(figures({ loadCpuUs: 8_100_000 }).voidReasons.join(), /81 %/);
    assert.deepEqual(figures({ loadCpuUs: 8_100_000 }, 2).voidReasons, []);
  });

  it("are void when nothing was to be sent", () => {
    const data = { publisher: { kind: "publisherReport", due: [[0]], skipped: 0, lostSessions: {} } } as const;
    assert.match(figures({ publisher: { ...data.publisher, due: [[0]] } }).voidReasons.join(), /no frame was due/);
  });

  it("of a scenario with several tracks are those of all, and of each by itself", () => {
    const [video, audio] = [new Histogram(), new Histogram()];
    for (let i = 0; i < 4; i++) video.record(80_000);
    for (let i = 0; i < 6; i++) audio.record(5_000);
    const both = audience([3, 1]);
    const [track] = both.tracks;
    assert.ok(track !== undefined);
    const data = round({
      latencies: [video, audio],
      publisher: { kind: "publisherReport", due: [[3], [4]], skipped: 0, lostSessions: {} },
      audiences: [{ ...both, tracks: [track, { ...track, received: [4, 2] }] }],
    });
    const found = figuresOf(data, 1, () => 0, optionsOf("--scenario", "av"));
    const rows = found.tracks.map((one) => [one.track, one.framesDelivered, one.framesLost, one.latencyMs.max]);
    assert.deepEqual(rows, [
      ["video", 4, 2, 80],
      ["audio", 6, 2, 5],
    ]);
    assert.deepEqual([found.framesDelivered, found.framesLost, found.latencyMs.max], [10, 4, 80]);
    assert.ok(Math.abs(found.latencyMs.p50 - 5) < 0.1);
    assert.deepEqual(
      summarise([found, found]).tracks.map(({ framesLost }) => framesLost),
      [4, 4],
    );
    assert.deepEqual(figures().tracks, []);
  });

  it("of a bad network are late frames, the part of what could be delivered, and the slowest recovery", () => {
    const latency = new Histogram();
    for (const ms of [20, 499, 510, 9_000]) latency.record(ms * 1_000);
    const count = { passed: 90, lost: 6, dropped: 3, dark: 1, overtaken: 0 };
    const recoveries: { firstUs: number; firstAgeUs: number; liveUs?: number }[] = [
      { firstUs: 100_000, firstAgeUs: 900_000, liveUs: 300_000 },
      { firstUs: 200_000, firstAgeUs: 50_000, liveUs: 200_000 },
    ];
    const data = { latencies: [latency], path: { up: count, down: count, refused: 0 } };
    const under = (args: string[], arrived: number, back = recoveries) => {
      const audiences = [audience([100, 100], {}, { arrivedBytes: arrived, recoveries: back })];
      return figuresOf(round({ ...data, audiences }), 1, () => 0, optionsOf("--path", ...args)).network;
    };
    assert.deepEqual(under(["delay=5 outage=2"], 150_000_000), {
      framesLate: 2,
      deliveredPercent: 75,
      recoveryMs: { first: 200, firstAge: 900, live: 300 },
      packetsLostPercent: 10,
    });
    assert.equal(under(["rate=80"], 50_000_000)?.deliveredPercent, 50, "80 Mbit/s carry 100 MB in 10 s");
    assert.equal(under(["rate=80 outage=5"], 50_000_000)?.deliveredPercent, 100, "and half of that when dark for 5 s");
    assert.equal(under(["outage=2"], 0, recoveries.slice(1))?.recoveryMs, undefined, "one viewer got nothing");
    const never = [{ firstUs: 1, firstAgeUs: 2 }, ...recoveries.slice(1)];
    assert.equal(under(["outage=2"], 0, never)?.recoveryMs, undefined, "one viewer is not at the live edge");
    assert.equal(figures().network, undefined);
  });

  it("come with remarks", () => {
    const { notes } = figures({
      publisher: { kind: "publisherReport", due: [[100]], skipped: 4, lostSessions: { "timeout 0": 1 } },
      audiences: [audience([100, 0], { "remote 3": 2 })],
    });
    assert.deepEqual(notes, [
      "the relay did not accept 4 frames of the publisher",
      "2 viewers were disconnected (remote 3)",
      "1 sessions of the publisher were disconnected (timeout 0)",
    ]);
  });
});

describe("several rounds", () => {
  it("have medians", () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.equal(median([]), undefined);
  });

  it("are combined by medians, but every lost frame counts", () => {
    const rounds = [1, 9, 2].map((seconds) => figures({ relayCpuUs: seconds * 1_000_000 }));
    const all = summarise([...rounds, figures({ relayCpuUs: 2_000_000, audiences: [audience([100, 93])] })]);
    assert.equal(all.cpuPercent, 20);
    assert.equal(all.framesLost, 7);
    assert.equal(all.framesDelivered, 793);
  });

  it("give the largest disturbance by other programs in any round", () => {
    const disturbed = figures({ otherCpuUs: { relay: 3_000_000, load: 100_000 } });
    const { notes, otherCpuPercent } = summarise([figures(), disturbed, figures()]);
    assert.deepEqual(otherCpuPercent, { relay: 30, load: 1 });
    assert.deepEqual(notes.length, 1);
    assert.match(notes.join(), /up to 30 % of a core on the relay's cores/);
  });

  it("are void when one of them is", () => {
    assert.equal(summarise([figures(), figures({ loadCpuUs: 9_900_000 })]).voidReasons.length, 1);
  });
});

describe("ratios", () => {
  it("are ours over theirs", () => {
    const ratio = ratioOf(figures({ relayCpuUs: 500_000 }), figures());
    assert.equal(ratio.cpu, 0.5);
    assert.equal(ratio.latencyP50, 1);
    assert.equal(ratio.rss, 1);
  });

  it("are absent when a figure is absent or meaningless", () => {
    assert.equal(ratioOf(figures({ relayCpuUs: undefined }), figures()).cpu, undefined);
    assert.equal(ratioOf(figures({ rssKb: { before: 2_000, with: 1_000 } }), figures()).rss, undefined);
  });
});

describe("reports", () => {
  const options = parseFanout(["--scenario", "small", "--viewers", "2", "--rounds", "3"]);
  if (options === "help") throw new Error("not asked for help");
  const ours: Measured = {
    name: "ours",
    engine: "test",
    loadEngine: "test",
    protocol: "moq-lite-05",
    figures: figures(),
  };
  const theirs: Measured = { ...ours, name: "theirs", protocol: "moq-lite-04" };

  it("line up in columns", () => {
    assert.deepEqual(
      align([
        ["", "one"],
        ["label", "1"],
      ]),
      ["        one", "label     1"],
    );
  });

  it("mark in the table what is void and what differs", () => {
    const bad = { ...ours, figures: figures({ loadCpuUs: 9_900_000 }) };
    const text = table(options, bad, theirs, ratioOf(bad.figures, theirs.figures));
    assert.match(text, /VOID \(ours\): the load used 99 %/);
    assert.match(text, /with different protocols/);
    assert.match(text, /medians of 3 rounds/);
  });

  it("show a question mark for what is not known", () => {
    const unknown = { ...ours, figures: figures({ relayCpuUs: undefined }) };
    assert.match(table(options, unknown, undefined, undefined), /ms per 1000 frames +\?/);
  });

  it("are one object for programs, with null for what is not known", () => {
    const unknown = { ...ours, figures: figures({ relayCpuUs: undefined }) };
    const report = jsonReport(options, unknown, theirs, ratioOf(unknown.figures, theirs.figures));
    assert.equal(report["cpu_us_per_frame"], null);
    assert.deepEqual(report["ratio"], { cpu: null, latency_p50: 1, latency_p99: 1, rss: 1 });
    assert.deepEqual(JSON.parse(JSON.stringify(report)), report);
  });

  it("draw a bar that never leaves its frame", () => {
    assert.equal(drawBar(-1), drawBar(0));
    assert.equal(drawBar(2), drawBar(1));
    assert.equal(drawBar(0.5).length, drawBar(0).length);
  });
});
