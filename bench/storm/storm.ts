import { setTimeout as sleep } from "node:timers/promises";
import { LoadProcess } from "../fanout/load.ts";
import { sharedMicros } from "../load/micros.ts";
import { LASTING_PROTOCOLS } from "../load/protocols.ts";
import { PRIORITY } from "../load/published-track.ts";
import type { Progress } from "../report/progress.ts";
import type { Pinning } from "../system/pin.ts";
import { cpuUs } from "../system/proc.ts";
import { CrowdProcess } from "./crowd-process.ts";
import { figuresOf, framesLost, percentiles, type StormFigures } from "./figures.ts";
import { BUSY, type Kind, STAY, TRACK } from "./kinds.ts";
import { Memory } from "./memory.ts";
import type { StormOptions } from "./options.ts";
import { meshScene, relayScene, type Scene } from "./scene.ts";

/** Milliseconds within which the load must connect. */
const CONNECT_MS = 60_000;

/** Most milliseconds between the last step of the preparation and the time before the storm; no longer than the storm. */
const SETTLE_MS = 3_000;

/** Milliseconds after a window for frames that were sent within it. */
const LATE_MS = 2_000;

/** Milliseconds after the window after which what is not done counts as not done. */
const PATIENCE_MS = 20_000;

const FRAME_BYTES = 1_200;

/** Frames a second of the viewers who stay; and for those who come, which are many. */
const STAY_FPS = 30;
const BUSY_FPS = 1;

/** Measures one kind after another, each with a new relay. Rejects with a {@link BenchError}. */
export async function storms(
  options: StormOptions,
  pinning: Pinning | undefined,
  progress: Progress,
): Promise<StormFigures[]> {
  const figures: StormFigures[] = [];
  for (const kind of options.kinds) {
    progress.round(kind.name);
    figures.push(await stormOnce(kind, options, pinning, progress));
  }
  progress.clear();
  return figures;
}

export async function stormOnce(
  kind: Kind,
  options: StormOptions,
  pinning: Pinning | undefined,
  progress: Progress,
): Promise<StormFigures> {
  const size = options.size ?? kind.size;
  const { engine } = options;
  progress.phase("starting");
  const scene = options.mesh
    ? await meshScene(kind.name, size, engine)
    : await relayScene(kind.name, size, engine, pinning);
  const cores = pinning?.load;
  const load = {
    publisher: new LoadProcess("publisher", cores),
    busy: new LoadProcess("publisher of the busy broadcast", cores),
    stay: new LoadProcess("viewers who stay", cores),
    crowd: new CrowdProcess(cores),
  };
  try {
    const storm = new Storm(kind, size, options, scene, load, progress);
    return await Promise.race([storm.run(), scene.ended]);
  } finally {
    await Promise.all(Object.values(load).map((each) => each.stop()));
    await scene.stop();
  }
}

interface Load {
  readonly publisher: LoadProcess;
  readonly busy: LoadProcess;
  readonly stay: LoadProcess;
  readonly crowd: CrowdProcess;
}

class Storm {
  readonly #kind: Kind;
  readonly #size: number;
  readonly #options: StormOptions;
  readonly #scene: Scene;
  readonly #load: Load;
  readonly #progress: Progress;

  constructor(kind: Kind, size: number, options: StormOptions, scene: Scene, load: Load, progress: Progress) {
    this.#kind = kind;
    this.#size = size;
    this.#options = options;
    this.#scene = scene;
    this.#load = load;
    this.#progress = progress;
  }

  async run(): Promise<StormFigures> {
    const { pids, auth } = this.#scene;
    const cpu = () => pids.reduce((sum, pid) => sum + cpuUs(pid), 0) / 1_000_000;
    const { seconds, after, authMs, watchers = this.#kind.watchers } = this.#options;
    await this.#prepare(watchers);
    await sleep(Math.min(SETTLE_MS, seconds * 1_000));
    await this.#window("before the storm");
    const before = await this.#collect();
    const memory = new Memory(pids);
    try {
      const cpuFrom = cpu();
      if (auth !== undefined) auth.delayMs = authMs;
      const raging = this.#load.crowd.ask({ kind: "storm" }, "stormed", seconds * 1_000 + PATIENCE_MS + CONNECT_MS);
      const [stormed] = await Promise.all([raging, this.#window("storm")]);
      const cpuS = cpu() - cpuFrom;
      const during = await this.#collect();
      const withCrowd = memory.nowMb;
      await this.#load.crowd.ask({ kind: "leave" }, "left", CONNECT_MS);
      await this.#progress.during("after the storm", after * 1_000);
      const measured = {
        kind: this.#kind.name,
        size: this.#size,
        watchers,
        stay: { before: before.latency, during: during.latency, framesLost: during.lost },
        rssMb: { before: memory.beforeMb, peak: memory.peakMb, with: withCrowd, after: memory.nowMb },
        cpuS,
      };
      return figuresOf(measured, stormed, during.sessions);
    } finally {
      memory.stop();
    }
  }

  async #prepare(watchers: number): Promise<void> {
    const { loadEngine, stay, seconds } = this.#options;
    const { publisher, busy, stay: audience, crowd } = this.#load;
    const { publish, watch, trust, auth } = this.#scene;
    this.#progress.phase("preparing");
    const target = { engine: loadEngine, trust, protocols: [...LASTING_PROTOCOLS], timeoutMs: CONNECT_MS };
    const start = { kind: "start" as const, ...target };
    const sends = async (process: LoadProcess, broadcast: string, framesPerSecond: number) => {
      const tracks = [
        { track: TRACK, priority: PRIORITY, framesPerSecond, frameBytes: FRAME_BYTES, framesPerGroup: framesPerSecond },
      ];
      const one = {
        role: "publisher" as const,
        url: publish,
        broadcasts: [broadcast],
        broadcastsPerSession: 1,
        tracks,
      };
      await process.ask({ ...start, ...one }, "ready", CONNECT_MS);
    };
    await sends(publisher, STAY, STAY_FPS);
    await sends(busy, BUSY, BUSY_FPS);
    const watches = Array.from({ length: stay }, () => STAY);
    const windowFrames = Math.ceil(2 * seconds * STAY_FPS) + 64;
    const tracks = [{ track: TRACK, priority: PRIORITY }];
    await audience.ask({ ...start, role: "audience", url: watch, watches, tracks, windowFrames }, "ready", CONNECT_MS);
    const many = { storm: this.#kind.name, size: this.#size, watchers, seconds };
    const patienceMs = seconds * 1_000 + PATIENCE_MS;
    const order = {
      kind: "prepare" as const,
      engine: loadEngine,
      publish,
      watch,
      trust,
      ownPaths: auth !== undefined,
      ...many,
      patienceMs,
    };
    await crowd.ask(order, "prepared", 4 * CONNECT_MS);
  }

  /** The viewers who stay count the frames of the next seconds. */
  async #window(what: string): Promise<void> {
    const { seconds } = this.#options;
    const fromUs = sharedMicros();
    const window = { kind: "window" as const, fromUs, toUs: fromUs + seconds * 1_000_000 };
    this.#load.publisher.order(window);
    this.#load.stay.order(window);
    await this.#progress.during(what, seconds * 1_000 + LATE_MS);
  }

  async #collect() {
    const { due } = await this.#load.publisher.ask({ kind: "report" }, "publisherReport");
    const report = await this.#load.stay.ask({ kind: "report" }, "audienceReport");
    const latency = percentiles(report.tracks[0]?.latencyUs ?? { max: 0, counts: [] });
    return { latency, lost: framesLost(report, due[0]?.[0] ?? 0), sessions: report.lostSessions };
  }
}
