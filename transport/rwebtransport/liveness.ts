import type { LinkLimits, LinkStats } from "../../moq/link.ts";
import type { StatsEvent } from "./addon.ts";
import type { Port } from "./port.ts";

/** Longest time between two checks of a link, in milliseconds. */
const MAX_TICK_MS = 1000;

/** Shortest time between two checks, so that a tiny timeout cannot keep the process busy. */
const MIN_TICK_MS = 20;

/** Age in milliseconds at which statistics are requested again: when the program reads them, and in any case. */
const STATS_AGE_MS = 1000;
const MAX_STATS_AGE_MS = 5000;

/** Milliseconds after a loss during which the path counts as lossy. */
const LOSSY_MS = 30_000;

/** The session's own stream, which carries capsules (WebTransport over HTTP/3 section 2). */
const CONNECT_STREAM = 0;

/**
 * An HTTP/3 DATA frame with an empty capsule of a reserved type (0x29 * 0 + 0x17), which every peer acknowledges
 * and ignores (RFC 9297 section 5.4). The addon has no keep-alive of its own.
 */
const KEEP_ALIVE = Uint8Array.of(0x00, 0x02, 0x17, 0x00);

/** Interval of ticks for these limits, in milliseconds. */
export function tickMs(limits: LinkLimits): number {
  return Math.max(MIN_TICK_MS, Math.min(MAX_TICK_MS, limits.keepAliveMs / 2, limits.idleTimeoutMs / 8));
}

/**
 * Decides whether a peer is alive. Events that only the peer can cause count. A viewer that only acknowledges causes
 * none; then the statistics show whether packets arrive.
 */
export class Liveness {
  readonly #port: Port;
  readonly #limits: LinkLimits;
  /** Set by every event that the peer caused; the tick reads and clears it. */
  heard = true;
  #heardAt: number;
  #pingedAt: number;
  #askedAt: number;
  #tickedAt: number;
  #lostAt = Number.NEGATIVE_INFINITY;
  #stats: LinkStats = { bytesSent: 0, bytesReceived: 0 };

  constructor(port: Port, limits: LinkLimits, now: number) {
    this.#port = port;
    this.#limits = limits;
    this.#heardAt = now;
    this.#pingedAt = now;
    this.#tickedAt = now;
    this.#askedAt = now;
    port.stats();
  }

  /**
   * The last statistics; requests newer ones if they are old. `sent` and `received` are bytes of streams that the link
   * has counted itself: the addon's figures are up to five seconds old, and it sends none after the session's end.
   */
  stats(now: number, sent: number, received: number): LinkStats {
    if (now - this.#askedAt >= STATS_AGE_MS) this.#ask(now);
    const { bytesSent, bytesReceived } = this.#stats;
    return {
      ...this.#stats,
      bytesSent: Math.max(bytesSent, sent),
      bytesReceived: Math.max(bytesReceived, received),
    };
  }

  /** Whether packets were lost recently. */
  lossy(now: number): boolean {
    return now - this.#lostAt < LOSSY_MS;
  }

  addStats(event: StatsEvent, now: number): void {
    if (event.packetsLost > (this.#stats.packetsLost ?? 0)) this.#lostAt = now;
    if (event.bytesReceived > this.#stats.bytesReceived) this.heard = true;
    this.#stats = {
      bytesSent: event.bytesSent,
      bytesReceived: event.bytesReceived,
      rttMs: event.smoothedRtt,
      packetsLost: event.packetsLost,
    };
  }

  /** False when the peer has been silent for too long. */
  tick(now: number): boolean {
    const tick = tickMs(this.#limits);
    // A late tick means that this process stood still; what the peer sent meanwhile is still unread.
    const late = now - this.#tickedAt - tick;
    this.#tickedAt = now;
    if (late > tick) this.#heardAt += late;
    if (this.heard) {
      this.heard = false;
      this.#heardAt = now;
    }
    const silent = now - this.#heardAt;
    // What is known of the peer is up to a tick old, so the timeout is a tick later.
    if (silent >= this.#limits.idleTimeoutMs + tick) return false;
    const due = this.#limits.keepAliveMs - tick / 2;
    if (silent >= due && now - this.#pingedAt >= due) {
      this.#pingedAt = now;
      this.#port.write(CONNECT_STREAM, KEEP_ALIVE, 0);
    }
    // Two checks in a keep-alive interval and eight in a timeout are enough to notice that packets arrive.
    if (silent > 0 || now - this.#askedAt >= MAX_STATS_AGE_MS) this.#ask(now);
    return true;
  }

  #ask(now: number): void {
    this.#askedAt = now;
    this.#port.stats();
  }
}
