import type { Clock } from "../../moq/clock.ts";
import type { LinkStats } from "../../moq/link.ts";

/**
 * Probes that a silent peer leaves unanswered before it is suspected. Where each direction loses 5 % of its packets, eight in a row are lost
 * once in a hundred million times.
 */
export const PROBES = 8;

/** Milliseconds between two probes: a burst of losses takes few of them. */
export const PROBE_GAP_MS = 12;

/** Milliseconds that an answer may take beyond the round trip: the delay of an acknowledgement (25 ms), and threads that wait for a core. */
export const ANSWER_MS = 40;

/** An answer may take this many times the usual round trip, because of jitter. */
const ROUND_TRIPS = 1.5;

/** Bytes a second from which on a link is busy: half of what a slow audio track has, and more than answers to probes. */
const BUSY_BYTES_PER_S = 4_000;

/** Milliseconds over which that is measured. */
const BUSY_WINDOW_MS = 500;

/** Milliseconds between two looks at a busy link. */
const LOOK_MS = 20;

/** Shortest wait in milliseconds: the rest of a time may be a rounding error. */
const SHORTEST_MS = 1;

/** Milliseconds of lateness that count at most, and the share of it that is left at the next look. */
const MOST_LATE_MS = 100;
const LATE_DECAY = 0.9;

/** A link as the watch sees it. */
export interface WatchedLink {
  vitals(): LinkStats;
  probe(): void;
}

export interface SilenceWatchDeps {
  readonly clock: Clock;
  /** Milliseconds of silence after which a peer whose media flows is probed; 0: no peer is. */
  readonly probeAfterMs: number;
  /** The same for a peer from which little or nothing comes. */
  readonly heartbeatMs: number;
  /** The peer has answered none of the probes. */
  readonly suspected: (node: string, silentMs: number) => void;
  /** A suspected peer is heard again. */
  readonly heard: (node: string) => void;
}

interface Watched {
  readonly link: WatchedLink;
  heard: number;
  /** When a packet of the peer was noticed last. */
  heardAt: number;
  /** Unanswered probes, and when the last one was sent; later by the time that this relay has stood still since. */
  probes: number;
  probedAt: number;
  suspected: boolean;
  busy: boolean;
  windowAt: number;
  windowBytes: number;
}

/**
 * Finds peers that have fallen silent. Every packet of a peer is a sign of life, so a peer whose media flows costs a look at the figures of its
 * link and no packet. One that is silent gets probes, and is suspected when it has answered none of several. A stall of this relay itself
 * does no harm: probes are counted, and not time alone. Does no I/O.
 */
export class SilenceWatch {
  readonly #deps: SilenceWatchDeps;
  readonly #watched = new Map<string, Watched>();
  #cancel: (() => void) | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  /** Milliseconds by which this relay's own timers are late, of late. */
  #lateMs = 0;

  constructor(deps: SilenceWatchDeps) {
    this.#deps = deps;
  }

  /** Watches the link to `node`, in place of another one. Does nothing where the engine cannot tell when a peer was heard. */
  watch(node: string, link: WatchedLink): void {
    const { probeAfterMs, clock } = this.#deps;
    const known = this.#watched.get(node);
    if (probeAfterMs === 0 || known?.link === link) return;
    this.forget(node);
    const { heard, bytesReceived } = link.vitals();
    if (heard === undefined) return;
    const now = clock.now();
    this.#watched.set(node, {
      link,
      heard,
      heardAt: now,
      probes: 0,
      probedAt: 0,
      suspected: false,
      busy: false,
      windowAt: now,
      windowBytes: bytesReceived,
    });
    this.#wakeIn(LOOK_MS);
  }

  forget(node: string): void {
    if (this.#watched.delete(node) && this.#watched.size === 0) this.close();
  }

  close(): void {
    this.#watched.clear();
    this.#cancel?.();
    this.#cancel = undefined;
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  #wakeIn(ms: number): void {
    const { clock } = this.#deps;
    const at = clock.now() + ms;
    if (at >= this.#dueAt) return;
    this.#cancel?.();
    this.#dueAt = at;
    this.#cancel = clock.timer(ms, () => {
      const lateMs = clock.now() - this.#dueAt;
      this.#lateMs = Math.max(Math.min(lateMs, MOST_LATE_MS), this.#lateMs * LATE_DECAY);
      // While this relay stood still, it may have read no answer.
      if (lateMs > MOST_LATE_MS) for (const watched of this.#watched.values()) watched.probedAt += lateMs;
      this.#dueAt = Number.POSITIVE_INFINITY;
      let next = Number.POSITIVE_INFINITY;
      for (const [node, watched] of [...this.#watched]) next = Math.min(next, this.#look(node, watched));
      if (this.#watched.size > 0) this.#wakeIn(Math.max(next, SHORTEST_MS));
    });
  }

  /** Returns the milliseconds until the next look. */
  #look(node: string, watched: Watched): number {
    const { clock, heard: answers } = this.#deps;
    const { heard = watched.heard, rttMs = 0, bytesReceived } = watched.link.vitals();
    const now = clock.now();
    if (heard === watched.heard) return this.#silent(node, watched, now, rttMs);
    watched.heard = heard;
    watched.heardAt = now;
    watched.probes = 0;
    const windowMs = now - watched.windowAt;
    if (windowMs >= BUSY_WINDOW_MS) {
      watched.busy = ((bytesReceived - watched.windowBytes) * 1_000) / windowMs >= BUSY_BYTES_PER_S;
      watched.windowAt = now;
      watched.windowBytes = bytesReceived;
    }
    if (watched.suspected) {
      watched.suspected = false;
      answers(node);
    }
    return this.#pauseOf(watched);
  }

  #silent(node: string, watched: Watched, now: number, rttMs: number): number {
    const { probeAfterMs, heartbeatMs, suspected } = this.#deps;
    const quietMs = watched.busy ? probeAfterMs : Math.max(probeAfterMs, heartbeatMs);
    const silentMs = now - watched.heardAt;
    if (silentMs < quietMs) return Math.min(this.#pauseOf(watched), quietMs - silentMs);
    const sinceMs = now - watched.probedAt;
    if (watched.probes < PROBES) {
      if (watched.probes > 0 && sinceMs < PROBE_GAP_MS) return PROBE_GAP_MS - sinceMs;
      this.#probe(watched, now);
      return watched.probes < PROBES ? PROBE_GAP_MS : this.#answerMs(rttMs);
    }
    if (!watched.suspected) {
      if (sinceMs < this.#answerMs(rttMs)) return this.#answerMs(rttMs) - sinceMs;
      watched.suspected = true;
      this.#probe(watched, now);
      suspected(node, silentMs);
    } else if (sinceMs >= heartbeatMs) this.#probe(watched, now);
    return this.#pauseOf(watched);
  }

  #probe(watched: Watched, now: number): void {
    watched.probes++;
    watched.probedAt = now;
    watched.link.probe();
  }

  #pauseOf({ busy, suspected }: Watched): number {
    return busy || suspected ? LOOK_MS : Math.max(LOOK_MS, this.#deps.heartbeatMs / 2);
  }

  /** Milliseconds that a peer with this round trip has for an answer: longer where this machine is busy, because the answer may wait here. */
  #answerMs(rttMs: number): number {
    return ROUND_TRIPS * rttMs + ANSWER_MS + 2 * this.#lateMs;
  }
}
