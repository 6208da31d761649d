import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../../relay/client/index.ts";
import { formatDuration } from "../../relay/config/index.ts";
import { explainEnd, openClient, overTls } from "../dial.ts";
import { type Fault, faultOf } from "../fault.ts";
import { Spread } from "../spread.ts";
import type { Step } from "../step.ts";
import { type Hop, type NamesOfHops, type Plan, type Report, shown, TRACK } from "./contract.ts";
import { choosePlace, type Place } from "./place.ts";
import { Watcher } from "./watcher.ts";

/** Longest wait in milliseconds for frames that are under way when the measurement ends. */
const REST_MS = 2_000;

/** Milliseconds between two looks whether the rest has arrived. */
const LOOK_MS = 10;

const MS_PER_SECOND = 1_000;

/** A test broadcast through the mesh, once. Never rejects: what failed is in the report. Aborting `signal` ends it with what there is. */
export async function runProbe(plan: Plan, signal: AbortSignal, say: (step: Step) => void): Promise<Report> {
  const run = new Run(plan, signal, say);
  try {
    await run.run();
  } catch (error) {
    run.fail(error);
  } finally {
    await run.close();
  }
  return run.report();
}

class Run {
  readonly #plan: Plan;
  readonly #say: (step: Step) => void;
  readonly #signal: AbortSignal;
  /** Resolves when the run is interrupted, or when its publisher fails. */
  readonly #cut = Promise.withResolvers<undefined>();
  readonly #track;
  #publisher: Client | undefined;
  #watchers: readonly Watcher[] = [];
  #place: Place | undefined;
  #publish: Omit<Report["publish"], "url"> = {};
  #fault: Fault | undefined;
  #names: ReadonlyMap<bigint, string> = new Map();
  #unpublish = () => {};
  #measured: Pick<Report, "measuredMs" | "published"> = { measuredMs: 0, published: 0 };
  #closing = false;

  constructor(plan: Plan, signal: AbortSignal, say: (step: Step) => void) {
    const { library, framesPerSecond, frameBytes } = plan;
    this.#plan = plan;
    this.#signal = signal;
    this.#say = say;
    this.#track = new library.ProbeTrack({ name: TRACK, framesPerSecond, frameBytes });
    if (signal.aborted) this.#cut.resolve(undefined);
    signal.addEventListener("abort", () => this.#cut.resolve(undefined), { once: true });
  }

  async run(): Promise<void> {
    const { library } = this.#plan;
    const over = (target: Plan["publish"]) => overTls(target, library);
    const [publish, ...watch] = await Promise.all([over(this.#plan.publish), ...this.#plan.watch.map(over)]);
    if (publish === undefined) return;
    const place = await choosePlace({ ...this.#plan, publish, watch });
    this.#place = place;
    const common = { library, track: this.#track, say: this.#say };
    this.#watchers = watch.map((target, index) => {
      const url = shown(this.#plan.watch[index]?.url ?? target.url);
      return new Watcher({ ...common, target, url, path: place.watched[index] ?? place.path });
    });
    const connected = Promise.all([this.#connect(publish), ...this.#watchers.map((one) => one.connect())]);
    const opened = await this.#unlessCut(connected);
    if (opened === undefined || this.#publisher === undefined) return;

    this.#track.start();
    const publishedAt = performance.now();
    this.#unpublish = this.#publisher.publish(place.published, this.#track);
    await this.#unlessCut(Promise.all(this.#watchers.map((one) => one.arrive(publishedAt))));
    if (this.#isCut || this.#watchers.every(({ failed }) => failed)) return;
    await this.#measure(place.path);
  }

  /** Ends the run: without its publisher, or before one began. */
  fail(error: unknown): void {
    if (this.#fault !== undefined) return;
    this.#fault = faultOf(error, "publish_failed");
    const { message, advice } = this.#fault;
    this.#say({ label: "publish", text: message, failed: true, advice });
    this.#cut.resolve(undefined);
  }

  /** Ends the broadcast and every session. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#track.stop();
    this.#unpublish();
    await Promise.all([...this.#watchers.map((one) => one.close()), this.#publisher?.close()]);
  }

  report(): Report {
    const { publish, watch } = this.#plan;
    const { published } = this.#measured;
    const watched =
      this.#watchers.length > 0
        ? this.#watchers.map((one) => one.figures(published, this.#named(one.hops)))
        : watch.map(({ url }) => ({ ...NOTHING, url: shown(url), delay: new Spread() }));
    return {
      ...(this.#place !== undefined && { path: this.#place.path }),
      publish: { url: shown(publish.url), ...this.#publish },
      ...this.#measured,
      watched,
      ...(this.#fault !== undefined && { fault: this.#fault }),
      interrupted: this.#signal.aborted,
    };
  }

  get #isCut(): boolean {
    return this.#signal.aborted || this.#fault !== undefined;
  }

  async #connect(target: Plan["publish"]): Promise<void> {
    const { library } = this.#plan;
    const from = performance.now();
    try {
      // Nothing is announced under the name of the broadcast before it is published.
      const client = await openClient(target, this.#place?.published ?? "", library);
      this.#publisher = client;
      void client.closed.then(async (ended) => {
        if (this.#closing) return;
        this.fail(await explainEnd(new library.SessionEndedError(ended), target, library));
      });
      const connectMs = performance.now() - from;
      const { protocol } = client;
      this.#publish = { protocol, connectMs };
      this.#say({ ms: connectMs, label: "publish", text: `${shown(this.#plan.publish.url)} by ${protocol}` });
    } catch (error) {
      this.fail(error);
    }
  }

  async #measure(path: string): Promise<void> {
    const { durationMs, framesPerSecond, frameBytes, hopNames } = this.#plan;
    const track = this.#track;
    const what = `${framesPerSecond} frames a second of ${frameBytes} bytes`;
    this.#say({ label: "measuring", text: `for ${formatDuration(durationMs)}, ${what}` });
    const first = track.next;
    const from = performance.now();
    // The timer may end late.
    const most = Math.ceil((framesPerSecond * (durationMs + REST_MS)) / MS_PER_SECOND) + 1;
    for (const one of this.#watchers) one.measure(first, most);
    const timer = new AbortController();
    const time = sleep(durationMs, undefined, { signal: timer.signal }).catch(() => {});
    const allFailed = Promise.all(this.#watchers.map(({ failure }) => failure));
    const naming = hopNames && this.#name(hopNames, path);
    await this.#unlessCut(Promise.race([time, allFailed]));
    timer.abort();
    // The program may be behind, and sends the rest now.
    track.stop();
    this.#measured = { measuredMs: performance.now() - from, published: Math.min(track.next - first, most) };
    const { published } = this.#measured;
    const deadline = performance.now() + REST_MS;
    const missing = () => this.#watchers.some((one) => !one.failed && one.received < published);
    while (missing() && performance.now() < deadline && this.#fault === undefined) await sleep(LOOK_MS);
    await naming;
  }

  /** Asks for the names of the relays on the way. A failure only leaves them without names. */
  async #name(hopNames: NamesOfHops, path: string): Promise<void> {
    const lists = this.#watchers.flatMap(({ hops }) => (hops === undefined ? [] : [hops]));
    try {
      this.#names = await hopNames.resolve(path, lists);
    } catch (error) {
      this.#say({ label: "hops", text: faultOf(error, "").message, failed: true });
    }
  }

  #named(hops: readonly bigint[] | undefined): Hop[] | undefined {
    return hops?.map((hop) => {
      const node = this.#names.get(hop);
      return { hop, ...(node !== undefined && { node }) };
    });
  }

  /** The result, or undefined when the run is cut. */
  async #unlessCut<T>(work: Promise<T>): Promise<T | undefined> {
    return await Promise.race([work, this.#cut.promise]);
  }
}

/** The figures of a relay that was not reached, because the run ended before. */
const NOTHING = { expected: 0, received: 0, lost: 0, duplicates: 0, damaged: 0 };
