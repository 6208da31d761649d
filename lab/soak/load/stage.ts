import { LASTING_PROTOCOLS } from "../../../bench/load/protocols.ts";
import { attachLoad, type Part } from "../../../bench/load/session.ts";
import type { Clock } from "../../../moq/clock.ts";
import { type Engine, type Link, type LinkLimits, TransportError, type Trust } from "../../../moq/link.ts";
import type { Chance } from "../../random.ts";
import type { SoakCounts, SoakStart } from "./messages.ts";

/** Bounds of a client's link. */
const LIMITS: LinkLimits = {
  uniStreams: 128,
  bidiStreams: 32,
  idleTimeoutMs: 30_000,
  keepAliveMs: 5_000,
  queueMark: 4 * 2 ** 20,
};

/** Milliseconds for a session to open. The machine may be busy. */
const DIAL_MS = 15_000;

/** Part of the clients that use a WebSocket. */
const WEBSOCKETS = 0.4;

export const FRAMES_PER_SECOND = 10;
export const FRAMES_PER_GROUP = 10;
export const FRAME_BYTES = 1_000;
export const TRACK = "video";

/** Broadcasts that are there most of the time. Their publishers restart. */
export const LASTING = ["live/lasting-1", "live/lasting-2"];

/** The newest group of every track: publishers number groups by the clock, as encoders do. */
export function groupNow(): number {
  return Math.ceil((Date.now() * FRAMES_PER_SECOND) / (1_000 * FRAMES_PER_GROUP));
}

/** What the clients of one load process share. */
export class Stage {
  readonly chance: Chance;
  readonly clock: Clock;
  readonly start: SoakStart;
  readonly #quic: Engine;
  readonly #websocket: Engine;
  readonly #trust: Trust;
  readonly counts: { -readonly [K in Exclude<keyof SoakCounts, "kind" | "open">]: number } = {
    quic: 0,
    websocket: 0,
    refused: 0,
    admitted: 0,
    failed: 0,
    frames: 0,
    fetched: 0,
  };

  constructor(start: SoakStart, chance: Chance, clock: Clock, engines: { quic: Engine; websocket: Engine }) {
    this.start = start;
    this.chance = chance;
    this.clock = clock;
    this.#quic = engines.quic;
    this.#websocket = engines.websocket;
    this.#trust = { kind: "hashes", sha256: start.certificates.map((hex) => new Uint8Array(Buffer.from(hex, "hex"))) };
  }

  /** Calls `work` after a random time between the two, in milliseconds. */
  later(fromMs: number, toMs: number, work: () => void): void {
    this.clock.timer(this.chance.whole(fromMs, toMs), work);
  }

  /**
   * Opens a session at one of `ports`, over QUIC or a WebSocket and in any version. Undefined when it did not open; that is counted.
   * `wrong`: the token must be refused.
   */
  async dial(ports: readonly number[], token: string, part: Part, wrong = false): Promise<Link | undefined> {
    const { chance, counts } = this;
    const websocket = chance.happens(WEBSOCKETS);
    const scheme = websocket ? chance.pick(["ws", "wss"]) : "https";
    const url = new URL(`${scheme}://127.0.0.1:${chance.pick(ports)}/?jwt=${token}`);
    const protocol = chance.pick(LASTING_PROTOCOLS);
    // A plain WebSocket shows no certificate.
    const trust: Trust = scheme === "ws" ? { kind: "system" } : this.#trust;
    const options = { url, protocols: [protocol], trust, limits: LIMITS, timeoutMs: DIAL_MS };
    const hop = BigInt(chance.whole(1, 2 ** 48));
    try {
      const link = await (websocket ? this.#websocket : this.#quic).dial(options, attachLoad(part, hop));
      if (wrong) counts.admitted++;
      else counts[websocket ? "websocket" : "quic"]++;
      return link;
    } catch (error) {
      if (wrong && error instanceof TransportError && error.code === "dial_rejected") counts.refused++;
      else {
        counts.failed++;
        console.error(`${scheme} ${protocol}: ${error instanceof Error ? error.message : String(error)}`);
      }
      return undefined;
    }
  }

  /** Starts a handshake over QUIC and gives it up at once. */
  async abandon(ports: readonly number[], token: string, part: Part): Promise<void> {
    const url = new URL(`https://127.0.0.1:${this.chance.pick(ports)}/?jwt=${token}`);
    const timeoutMs = this.chance.whole(1, 4);
    const options = { url, protocols: LASTING_PROTOCOLS, trust: this.#trust, limits: LIMITS, timeoutMs };
    const link = await this.#quic.dial(options, attachLoad(part, 1n)).catch(() => undefined);
    link?.close(0, "");
  }
}
