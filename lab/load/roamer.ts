import type { Histogram } from "../../bench/load/histogram.ts";
import { sharedMicros } from "../../bench/load/micros.ts";
import { type ClientDeps, dial, pause, redirected } from "./client.ts";
import type { ViewerReport } from "./messages.ts";
import { Visit, type VisitEvents } from "./visit.ts";
import { WatchLog } from "./watch-log.ts";

/** Longest wait for the groups that the old relay has begun, in milliseconds. */
const LAST_GROUPS_MS = 1_500;

export interface Watched {
  readonly path: string;
  readonly track: string;
  readonly framesPerGroup: number;
  /** Takes the delay of each new frame, from its sending. */
  readonly delays?: Histogram;
  /** Relays that serve viewers, in the order of preference of this viewer. */
  readonly edges: readonly string[];
}

/**
 * A viewer that reconnects. After GOAWAY it connects to the relay that GOAWAY names, or to the next one that it knows, and closes the old
 * session when the new one delivers. When a session is lost, it reconnects: to the same relay first, unless that was silent.
 */
export class Roamer implements VisitEvents {
  readonly #deps: ClientDeps;
  readonly #watched: Watched;
  readonly #log: WatchLog;
  readonly #flowing: () => void;
  /** The current visit. */
  #current: Visit | undefined;
  /** The visit that is being opened. */
  #next: Visit | undefined;
  #old: Visit | undefined;
  #cancelOld = (): void => {};
  #over = false;
  #moved = 0;
  #reconnected = 0;
  #subscriptionsLost = 0;
  #sawFrame = false;
  /** Relays that refused it, in a row. */
  #attempts = 0;
  protocol = "";

  /** `flowing` is called at its first frame. */
  constructor(deps: ClientDeps, watched: Watched, flowing: () => void) {
    this.#deps = deps;
    this.#watched = watched;
    this.#log = new WatchLog(watched.framesPerGroup);
    this.#flowing = flowing;
  }

  start(): void {
    void this.#connect(this.#watched.edges[0] ?? "");
  }

  stop(): void {
    this.#over = true;
    this.#cancelOld();
    for (const visit of [this.#current, this.#next, this.#old]) visit?.leave();
  }

  measure(): void {
    this.#log.restart();
    this.#moved = 0;
    this.#reconnected = 0;
    this.#subscriptionsLost = 0;
  }

  /** `edges`: all edges, in the order of their numbers. */
  report(edges: readonly string[], groups: readonly number[]): ViewerReport {
    const { gapUs, fromUs } = this.#log.longest(sharedMicros());
    return {
      edge: edges.findIndex((url) => this.#current !== undefined && sameRelay(url, this.#current.url)),
      frames: this.#log.frames,
      gapUs,
      gapFromUs: fromUs,
      moved: this.#moved,
      reconnected: this.#reconnected,
      subscriptionsLost: this.#subscriptionsLost,
      lost: this.#log.lost(groups),
    };
  }

  frame(visit: Visit, number: number, sentUs: number): void {
    const now = sharedMicros();
    if (this.#log.frame(number, now)) this.#watched.delays?.record(now - sentUs);
    if (!this.#sawFrame) {
      this.#sawFrame = true;
      this.#flowing();
    }
    if (visit === this.#next) this.#arrive(visit);
  }

  goaway(visit: Visit, uri: string): void {
    if (visit === this.#next) {
      this.#next = undefined;
      visit.leave();
    } else if (visit !== this.#current || this.#next !== undefined) return;
    this.#moved++;
    void this.#move(redirected(visit.url, uri) ?? this.#after(visit.url), 0);
  }

  subscriptionLost(): void {
    this.#subscriptionsLost++;
  }

  groupEnded(visit: Visit): void {
    if (visit === this.#old && visit.openGroups === 0) this.#forget();
  }

  closed(visit: Visit, silent: boolean): void {
    if (visit === this.#old) this.#forget();
    if (visit === this.#next) {
      this.#next = undefined;
      if (this.#current?.over === false) void this.#move(this.#after(visit.url), 1);
    }
    if (visit !== this.#current) return;
    this.#current = undefined;
    if (this.#next !== undefined) return;
    // Some engines accept a client before they refuse it.
    if (!visit.hasDelivered) {
      this.#again(visit.url);
      return;
    }
    this.#reconnected++;
    this.#attempts = 0;
    void this.#connect(silent ? this.#after(visit.url) : visit.url);
  }

  /** Connects without a current session. */
  async #connect(url: string): Promise<void> {
    const visit = new Visit(url, this.#watched, this.#deps.clock, this);
    this.#current = visit;
    if (await this.#dial(visit)) return;
    if (this.#current !== visit) return;
    this.#current = undefined;
    this.#again(url);
  }

  /** The relay at `url` refused it: tries the next one after a pause. */
  #again(url: string): void {
    this.#later(this.#attempts++, () => void this.#connect(this.#after(url)));
  }

  /** Connects while the current session goes on. */
  async #move(url: string, attempt: number): Promise<void> {
    const visit = new Visit(url, this.#watched, this.#deps.clock, this);
    this.#next = visit;
    if (await this.#dial(visit)) return;
    if (this.#next !== visit) return;
    this.#next = undefined;
    this.#later(attempt, () => {
      if (this.#current === undefined) void this.#connect(this.#after(url));
      else void this.#move(this.#after(url), attempt + 1);
    });
  }

  async #dial(visit: Visit): Promise<boolean> {
    try {
      const link = await dial(this.#deps, visit.url, visit);
      if (this.#over) visit.leave(link);
      this.protocol = link.info.protocol;
      return true;
    } catch {
      return false;
    }
  }

  #later(attempt: number, work: () => void): void {
    this.#deps.clock.timer(pause(attempt), () => {
      if (!this.#over) work();
    });
  }

  /** The new relay delivers: the old one may finish the groups that it has begun. */
  #arrive(visit: Visit): void {
    this.#forget();
    this.#old = this.#current;
    this.#current = visit;
    this.#next = undefined;
    if (this.#old === undefined) return;
    if (this.#old.openGroups === 0) this.#forget();
    else this.#cancelOld = this.#deps.clock.timer(LAST_GROUPS_MS, () => this.#forget());
  }

  #forget(): void {
    this.#cancelOld();
    this.#cancelOld = () => {};
    this.#old?.leave();
    this.#old = undefined;
  }

  #after(url: string): string {
    const { edges } = this.#watched;
    const at = edges.findIndex((each) => sameRelay(each, url));
    return edges[(at + 1) % edges.length] ?? url;
  }
}

function sameRelay(a: string, b: string): boolean {
  return new URL(a).host === new URL(b).host;
}
