import { setTimeout as sleep } from "node:timers/promises";
import type { Client, ProbeTrack } from "../../relay/client/index.ts";
import { formatDuration } from "../../relay/config/index.ts";
import { CommandError } from "../command.ts";
import { explainEnd, openClient } from "../dial.ts";
import { EXIT } from "../exit-codes.ts";
import { exitFor, type Library } from "../explain.ts";
import { type Fault, faultOf } from "../fault.ts";
import { plural, type Step } from "../step.ts";
import type { Target } from "../target.ts";
import { type Hop, TRACK, type Watched } from "./contract.ts";
import { FrameLog } from "./frame-log.ts";

export interface WatcherDeps {
  readonly library: Library;
  /** As reports name the relay. */
  readonly url: string;
  readonly target: Target;
  /** Of the broadcast, relative to the root of the session. */
  readonly path: string;
  readonly track: ProbeTrack;
  readonly say: (step: Step) => void;
}

/** One watched relay: its session, and what arrives there. Its methods never reject: a failure is in its figures. */
export class Watcher {
  readonly url: string;
  readonly #deps: WatcherDeps;
  readonly #log = new FrameLog();
  readonly #announced = Promise.withResolvers<readonly bigint[]>();
  readonly #ended = Promise.withResolvers<undefined>();
  #client: Client | undefined;
  #figures: Pick<Watched, "protocol" | "connectMs" | "announceMs" | "firstFrameMs"> = {};
  #hops: readonly bigint[] | undefined;
  #fault: Fault | undefined;
  #closing = false;
  #stopReading = () => {};

  constructor(deps: WatcherDeps) {
    this.url = deps.url;
    this.#deps = deps;
  }

  get failed(): boolean {
    return this.#fault !== undefined;
  }

  /** Resolves when it has failed. */
  get failure(): Promise<undefined> {
    return this.#ended.promise;
  }

  /** Ids of publisher and relays on the way, once the broadcast was announced. */
  get hops(): readonly bigint[] | undefined {
    return this.#hops;
  }

  /** Different frames of the measurement that have arrived. */
  get received(): number {
    return this.#log.received;
  }

  /** Opens the session. */
  async connect(): Promise<void> {
    const { library, target, path, say } = this.#deps;
    const from = performance.now();
    try {
      const client = await openClient(target, path, library);
      this.#client = client;
      client.announced(path, (change) => {
        if (change.active && change.path === path) this.#announced.resolve(change.hops);
      });
      void client.closed.then(async (ended) => {
        if (this.#closing) return;
        this.#fail(await explainEnd(new library.SessionEndedError(ended), target, library));
      });
      const connectMs = performance.now() - from;
      const { protocol } = client;
      this.#figures = { protocol, connectMs };
      say({ ms: connectMs, label: "watch", text: `${this.url} by ${protocol}` });
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Waits for the announcement of what was published at `publishedAt`, then for the first frame. */
  async arrive(publishedAt: number): Promise<void> {
    const client = this.#client;
    if (client === undefined || this.failed) return;
    try {
      const hops = await this.#within(this.#announced.promise, "the broadcast was not announced", "not_announced");
      if (hops === undefined) return;
      this.#hops = hops;
      const announceMs = performance.now() - publishedAt;
      this.#figures = { ...this.#figures, announceMs };
      const { say } = this.#deps;
      say({ ms: announceMs, label: "announced", text: `${this.url}, ${plural(hops.length, "hop")}` });
      const from = performance.now();
      if ((await this.#within(this.#read(client), "no frame arrived", "no_frame")) === undefined) return;
      const firstFrameMs = performance.now() - from;
      this.#figures = { ...this.#figures, firstFrameMs };
      say({ ms: firstFrameMs, label: "first frame", text: this.url });
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Frames count from number `from` on; there may be `most`. */
  measure(from: number, most: number): void {
    this.#log.begin(from, most);
  }

  /** `expected`: frames of the measurement. */
  figures(expected: number, hops: readonly Hop[] | undefined): Watched {
    const { delay, received, duplicates, damaged } = this.#log;
    return {
      url: this.url,
      ...this.#figures,
      ...(hops !== undefined && { hops }),
      delay,
      expected,
      received,
      lost: Math.max(0, expected - received),
      duplicates,
      damaged,
      ...(this.#fault !== undefined && { fault: this.#fault }),
    };
  }

  /** Ends the session. What ends from now on is no failure. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#stopReading();
    await this.#client?.close();
  }

  /** Subscribes; resolves at the first frame. */
  #read(client: Client): Promise<true> {
    const first = Promise.withResolvers<true>();
    const { path, track } = this.#deps;
    this.#stopReading = client.read(path, TRACK, {
      frame: (payload) => {
        const now = performance.now();
        const frame = track.read(payload);
        if (frame === undefined) this.#log.damaged++;
        else this.#log.take(frame.number, now - frame.sentMs);
        first.resolve(true);
      },
      ended: (reason) => {
        if (this.#closing) return;
        const why = reason === undefined ? "its publisher ended it" : reason.replaceAll("_", " ");
        const exit = reason === undefined ? EXIT.failed : exitFor(reason);
        this.#fail(new CommandError(`${this.url}: the subscription ended: ${why}`, exit, reason ?? "track_ended"));
      },
    });
    return first.promise;
  }

  /** The result, or undefined once the watcher has failed. Rejects when it is late. */
  async #within<T>(result: Promise<T>, late: string, code: string): Promise<T | undefined> {
    const { timeoutMs } = this.#deps.target;
    const timer = new AbortController();
    const limit = sleep(timeoutMs, undefined, { signal: timer.signal }).then(() => {
      const text = `${this.url}: ${late} within ${formatDuration(timeoutMs)}`;
      throw new CommandError(text, EXIT.notFound, code);
    });
    // The timer that is stopped rejects as well.
    limit.catch(() => {});
    try {
      return await Promise.race([result, this.#ended.promise, limit]);
    } finally {
      timer.abort();
    }
  }

  #fail(error: unknown): void {
    if (this.failed) return;
    this.#fault = faultOf(error, "watch_failed");
    const { message, advice } = this.#fault;
    this.#deps.say({ label: "watch", text: message, failed: true, advice });
    this.#ended.resolve(undefined);
  }
}
