/** One round: a relay, a publisher and an audience, one measured window. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { parsePath } from "../../lab/path/index.ts";
import { Histogram } from "../load/histogram.ts";
import type { AudienceReport, PublisherReport, Window } from "../load/messages.ts";
import { sharedMicros } from "../load/micros.ts";
import type { FanoutOptions } from "../options.ts";
import { PathProcess, type PathReport } from "../path/path-process.ts";
import type { RunningRelay, Subject } from "../relays/contract.ts";
import type { Progress } from "../report/progress.ts";
import type { Sendmsg } from "../sendmsg/sendmsg.ts";
import type { Pinning } from "../system/pin.ts";
import { busyUs, cpuUs, mainThreadUs, rssKb } from "../system/proc.ts";
import { LoadProcess } from "./load.ts";

/** Milliseconds within which all sessions must connect and all viewers receive a frame. */
const CONNECT_MS = 60_000;

/** Further milliseconds for a load process to report that this failed. */
const SAY_SO_MS = 5_000;

/** Broadcasts per publisher session, so that no relay's limit on streams or announcements is reached. */
const BROADCASTS_PER_SESSION = 20;

/** Milliseconds between publisher and first viewer, so that the relay is idle when its memory is read. */
const SETTLE_MS = 500;

/** Milliseconds before a window begins, for the order to reach every process. */
const NOTICE_MS = 200;

/** Longest wait after the window for frames that were sent within it, in milliseconds; later ones are lost. */
const STRAGGLER_MS = 2_000;

/** Milliseconds between two checks whether all frames have arrived. */
const LOOK_MS = 200;

/** The measurements of one round. Times are microseconds. */
export interface RoundData {
  readonly engine: string;
  readonly loadEngine: string;
  readonly protocol: string;
  readonly publisher: PublisherReport;
  readonly audiences: readonly AudienceReport[];
  /** By track of the scenario. */
  readonly latencies: readonly Histogram[];
  /** CPU of the relay and of the whole load over `elapsedUs`; the relay's is absent when its process is unknown. */
  readonly relayCpuUs: number | undefined;
  /** CPU of the relay's first thread. */
  readonly mainThreadUs: number | undefined;
  readonly loadCpuUs: number;
  readonly elapsedUs: number;
  /** CPU of other programs on the cores; absent without pinning, the relay's also when its process is unknown. */
  readonly otherCpuUs: { readonly relay: number | undefined; readonly load: number } | undefined;
  /** Resident memory of the relay before the first viewer and at the end of the window. */
  readonly rssKb: { readonly before: number; readonly with: number } | undefined;
  /** What the path to the viewers did with packets; absent without one. */
  readonly path: PathReport | undefined;
  /** CPU that sending one frame by sendmsg(2) alone takes on the relay's cores; absent where it was not measured. */
  readonly sendmsgUs: number | undefined;
}

/** The bad networks of a round. */
interface Paths {
  readonly viewers: PathProcess | undefined;
  readonly publisher: PathProcess | undefined;
}

/** Runs a round. Rejects with a {@link BenchError} when something fails; leaves no process behind. */
export async function runRound(
  subject: Subject,
  options: FanoutOptions,
  pinning: Pinning | undefined,
  progress: Progress,
  sendmsg: Sendmsg | undefined,
): Promise<RoundData> {
  const [track, ...others] = options.scenario.tracks;
  const single = others.length === 0 ? track : undefined;
  if (sendmsg !== undefined && single !== undefined) progress.phase("measuring sendmsg alone");
  const sendmsgUs = single && (await sendmsg?.perFrameUs(single.frameBytes, pinning));
  progress.phase("starting");
  const relay = await subject.start(pinning?.relay);
  const paths = await openPaths(relay, options, pinning).catch(async (error: unknown) => {
    await relay.stop();
    throw error;
  });
  const publisher = new LoadProcess("publisher", pinning?.load);
  const audiences = Array.from(
    { length: options.audienceProcesses },
    (_, index) => new LoadProcess(`audience ${index + 1}`, pinning?.load),
  );
  const round = new Round(relay, paths, publisher, audiences, options, pinning, progress);
  try {
    return { ...(await Promise.race([round.run(), relay.ended])), sendmsgUs };
  } finally {
    const processes = [publisher, ...audiences, paths.viewers, paths.publisher];
    await Promise.all(processes.map(async (process) => await process?.stop()));
    await relay.stop();
  }
}

async function openPaths(relay: RunningRelay, { paths }: FanoutOptions, pinning: Pinning | undefined): Promise<Paths> {
  const open = async (name: string, spec: string | undefined) =>
    spec === undefined ? undefined : await PathProcess.start(name, spec, relay, pinning?.load);
  const viewers = await open("the path to the viewers", paths.viewers);
  try {
    return { viewers, publisher: await open("the path to the publisher", paths.publisher) };
  } catch (error) {
    await viewers?.stop();
    throw error;
  }
}

class Round {
  readonly #relay: RunningRelay;
  readonly #paths: Paths;
  readonly #publisher: LoadProcess;
  readonly #audiences: readonly LoadProcess[];
  readonly #options: FanoutOptions;
  readonly #pinning: Pinning | undefined;
  readonly #progress: Progress;
  /** The broadcast of each viewer. */
  readonly #watches: readonly string[];

  constructor(
    relay: RunningRelay,
    paths: Paths,
    publisher: LoadProcess,
    audiences: readonly LoadProcess[],
    options: FanoutOptions,
    pinning: Pinning | undefined,
    progress: Progress,
  ) {
    this.#relay = relay;
    this.#paths = paths;
    this.#publisher = publisher;
    this.#audiences = audiences;
    this.#options = options;
    this.#pinning = pinning;
    this.#progress = progress;
    // Every round has its own name, because others may use the relay too.
    const root = `bench-${randomBytes(6).toString("hex")}`;
    const { scenario, viewers } = options;
    this.#watches = Array.from({ length: viewers }, (_, viewer) => `${root}/${scenario.broadcastEach ? viewer : 0}`);
  }

  async run(): Promise<Omit<RoundData, "sendmsgUs">> {
    const { pid, engine } = this.#relay;
    const { protocol, engine: loadEngine } = await this.#publish();
    await sleep(SETTLE_MS);
    const before = pid === undefined ? undefined : rssKb(pid);
    await this.#watch();
    await this.#progress.during("warming up", this.#options.warmup * 1_000);
    const measured = await this.#measure();
    const withViewers = pid === undefined ? undefined : rssKb(pid);
    const { publisher, audiences } = await this.#collect();
    const latencies = this.#options.scenario.tracks.map((_, track) => {
      const latency = new Histogram();
      for (const { tracks } of audiences) latency.add(tracks[track]?.latencyUs ?? { max: 0, counts: [] });
      return latency;
    });
    return {
      engine,
      loadEngine,
      protocol,
      publisher,
      audiences,
      latencies,
      ...measured,
      path: await this.#paths.viewers?.report(),
      rssKb: before === undefined || withViewers === undefined ? undefined : { before, with: withViewers },
    };
  }

  get #broadcasts(): string[] {
    return [...new Set(this.#watches)];
  }

  #target(path: PathProcess | undefined) {
    const { trust } = this.#relay;
    const { url } = path ?? this.#relay;
    const { loadEngine: engine } = this.#options;
    return {
      engine,
      url: url.href,
      trust,
      protocols: [...this.#options.protocols],
      timeoutMs: CONNECT_MS,
      tracks: [...this.#options.scenario.tracks],
    };
  }

  async #publish(): Promise<{ protocol: string; engine: string }> {
    return await this.#publisher.ask(
      {
        kind: "start",
        role: "publisher",
        ...this.#target(this.#paths.publisher),
        broadcasts: this.#broadcasts,
        broadcastsPerSession: BROADCASTS_PER_SESSION,
      },
      "ready",
      CONNECT_MS + SAY_SO_MS,
    );
  }

  async #watch(): Promise<void> {
    const { seconds, scenario } = this.#options;
    const share = Math.ceil(this.#watches.length / this.#audiences.length);
    const flowing = this.#audiences.map(() => 0);
    await Promise.all(
      this.#audiences.map((audience, index) =>
        audience.ask(
          {
            kind: "start",
            role: "audience",
            ...this.#target(this.#paths.viewers),
            watches: this.#watches.slice(index * share, (index + 1) * share),
            // Twice the nominal number, for a publisher that catches up after a stall.
            windowFrames:
              Math.ceil(2 * seconds * Math.max(...scenario.tracks.map(({ framesPerSecond }) => framesPerSecond))) + 64,
          },
          "ready",
          CONNECT_MS + SAY_SO_MS,
          (done) => {
            flowing[index] = done;
            const sum = flowing.reduce((total, each) => total + each, 0);
            this.#progress.bar("connecting viewers", sum / this.#watches.length);
          },
        ),
      ),
    );
  }

  async #measure(): Promise<Pick<RoundData, "relayCpuUs" | "mainThreadUs" | "loadCpuUs" | "elapsedUs" | "otherCpuUs">> {
    const windowUs = Math.round(this.#options.seconds * 1_000_000);
    const fromUs = sharedMicros() + NOTICE_MS * 1_000;
    const window: Window = { kind: "window", fromUs, toUs: fromUs + windowUs, ...this.#light(fromUs) };
    for (const path of [this.#paths.viewers, this.#paths.publisher]) path?.begin(fromUs);
    for (const process of [this.#publisher, ...this.#audiences]) process.order(window);
    await sleepUntil(window.fromUs);
    const start = this.#read();
    await this.#progress.during("measuring", (window.toUs - sharedMicros()) / 1_000);
    await sleepUntil(window.toUs);
    const end = this.#read();
    const between = (from?: number, to?: number) => (from === undefined || to === undefined ? undefined : to - from);
    const relayCpuUs = between(start.relay, end.relay);
    const loadCpuUs = end.load - start.load;
    const other = (busy: number, ours: number) => Math.max(0, busy - ours);
    return {
      relayCpuUs,
      mainThreadUs: between(start.mainThread, end.mainThread),
      loadCpuUs,
      elapsedUs: end.at - start.at,
      otherCpuUs:
        this.#pinning === undefined
          ? undefined
          : {
              relay: relayCpuUs === undefined ? undefined : other(end.relayBusy - start.relayBusy, relayCpuUs),
              load: other(end.loadBusy - start.loadBusy, loadCpuUs),
            },
    };
  }

  /** When the last outage of the paths ends. */
  #light(fromUs: number): Pick<Window, "lightUs"> {
    const { viewers, publisher } = this.#options.paths;
    const ends = [viewers, publisher].flatMap((spec) => {
      const outage = spec === undefined ? undefined : parsePath(spec).outage;
      return outage === undefined ? [] : [outage.at + outage.seconds];
    });
    return ends.length === 0 ? {} : { lightUs: fromUs + Math.max(...ends) * 1_000_000 };
  }

  #read() {
    const { pid } = this.#relay;
    const { viewers, publisher } = this.#paths;
    const load = [this.#publisher, ...this.#audiences, viewers, publisher].filter((one) => one !== undefined);
    return {
      at: sharedMicros(),
      relay: pid === undefined ? undefined : cpuUs(pid),
      mainThread: pid === undefined ? undefined : mainThreadUs(pid),
      relayBusy: busyUs(this.#pinning?.relay ?? []),
      loadBusy: busyUs(this.#pinning?.load ?? []),
      load: load.reduce((sum, process) => sum + cpuUs(process.pid), 0),
    };
  }

  /** The frames that were sent within the window, and those that arrived: all, or as many as arrive within the wait. */
  async #collect(): Promise<Pick<RoundData, "publisher" | "audiences">> {
    this.#progress.phase("collecting");
    const publisher = await this.#publisher.ask({ kind: "report" }, "publisherReport");
    const due = publisher.due
      .flatMap((track) => this.#watches.map((path) => track[this.#broadcasts.indexOf(path)] ?? 0))
      .reduce((sum, each) => sum + each, 0);
    const deadline = sharedMicros() + STRAGGLER_MS * 1_000;
    for (;;) {
      const audiences = await Promise.all(
        this.#audiences.map((audience) => audience.ask({ kind: "report" }, "audienceReport")),
      );
      const got = audiences
        .flatMap(({ tracks }) => tracks.flatMap(({ received }) => received))
        .reduce((sum, each) => sum + each, 0);
      if (got >= due || sharedMicros() >= deadline) return { publisher, audiences };
      await sleep(LOOK_MS);
    }
  }
}

async function sleepUntil(us: number): Promise<void> {
  const wait = (us - sharedMicros()) / 1_000;
  if (wait > 0) await sleep(wait);
}
