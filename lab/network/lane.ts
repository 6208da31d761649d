import type { Clock } from "../../moq/clock.ts";
import type { Random } from "../random.ts";
import type { LaneSettings } from "./settings.ts";

/**
 * Moments that differ by less than this many milliseconds are the same: sums of fractions differ in their last digits.
 */
const SAME_MOMENT_MS = 1e-6;

/** Before any moment of a clock. */
const LONG_AGO = -1;

/** Delivered packets at the front of the queue after which the queue is shortened. */
const COMPACT_AT = 256;

/** Packets with the same order arrive in the order in which they were sent, in spite of jitter. */
export class Order {
  /** When the last of these packets arrives. */
  at = 0;
}

/** One thing that travels over a lane. */
export interface Packet {
  /**
   * `stream` is sent again until it arrives, and waits until the program reads. `control` is sent again until it
   * arrives.
   * `lossy` is lost when the lane is cut.
   */
  readonly kind: "stream" | "control" | "lossy";
  readonly order?: Order;
  /** Runs at the receiving end, in the engine's turn. */
  readonly deliver: () => void;
}

interface Flying {
  readonly packet: Packet;
  readonly at: number;
}

/**
 * One direction of a link. Packets arrive after a delay; packets sent while the lane is cut arrive when it is restored.
 */
export class Lane {
  settings: LaneSettings;
  /** Called with each packet that arrives, before it is delivered. */
  arrived: () => void = () => {};
  readonly #clock: Clock;
  readonly #random: Random;
  /** By time of arrival, then by time of sending. */
  #flying: Flying[] = [];
  #head = 0;
  /** Sent while the lane was cut. */
  #held: Packet[] = [];
  /** Arrived while the program did not read. */
  #unread: Packet[] = [];
  #cut = false;
  /** Arrival of the packet that opened the link; no packet arrives before it. */
  readonly #first = new Order();
  #busyUntil = 0;
  #cancel: (() => void) | undefined;
  #timerAt = 0;

  constructor(clock: Clock, settings: LaneSettings, random: Random) {
    this.#clock = clock;
    this.settings = settings;
    this.#random = random;
  }

  /** When the next byte can be sent; a time in the past means now. */
  get busyUntil(): number {
    return this.#busyUntil;
  }

  /** Occupies the lane for as long as `bytes` need; packets sent after this call leave after that. */
  occupy(bytes: number): void {
    const { bandwidth } = this.settings;
    if (bandwidth === 0) return;
    this.#busyUntil = Math.max(this.#busyUntil, this.#clock.now()) + (bytes / bandwidth) * 1000;
  }

  /** Applies a new bandwidth: the lane stays occupied for at most `bytes`. */
  renewBandwidth(bytes: number): void {
    const { bandwidth } = this.settings;
    const now = this.#clock.now();
    this.#busyUntil = bandwidth === 0 ? now : Math.min(this.#busyUntil, now + (bytes / bandwidth) * 1000);
  }

  send(packet: Packet): void {
    const lost = this.chance(this.settings.loss);
    if (lost && packet.kind === "lossy") return;
    if (!this.#cut) this.#launch(packet, packet.kind === "stream" ? this.#busyUntil : 0, lost);
    else if (packet.kind !== "lossy") this.#held.push(packet);
  }

  /** Sends the packet that opens the link. It arrives before all packets that are sent later. */
  sendFirst(deliver: () => void): void {
    this.send({ kind: "control", order: this.#first, deliver });
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return probability > 0 && this.#random() < probability;
  }

  /** From now on no packet arrives, packets under way included. */
  cut(): void {
    if (this.#cut) return;
    this.#cut = true;
    for (const { packet } of this.#flying.slice(this.#head)) if (packet.kind !== "lossy") this.#held.push(packet);
    this.#flying = [];
    this.#head = 0;
  }

  /** Restores the lane, and sends again what was sent while it was cut. */
  heal(): void {
    if (!this.#cut) return;
    this.#cut = false;
    const held = this.#held;
    this.#held = [];
    for (const packet of held) this.#launch(packet, 0);
  }

  /** Delivers the packets that waited for the program to read, if it reads now. */
  resume(): void {
    if (!this.settings.reading || this.#unread.length === 0) return;
    const unread = this.#unread;
    this.#unread = [];
    // Before all packets that arrive at this moment.
    for (const packet of unread) this.#insert({ packet, at: LONG_AGO });
    this.#arm();
  }

  /** From now on no packet arrives, for good. */
  end(): void {
    this.#flying = [];
    this.#head = 0;
    this.#held = [];
    this.#unread = [];
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #launch(packet: Packet, leaves: number, lost = false): void {
    const { latencyMs, jitterMs } = this.settings;
    const jitter = jitterMs > 0 ? this.#random() * jitterMs : 0;
    const again = lost ? 2 * latencyMs + jitterMs : 0;
    const { order } = packet;
    const at = Math.max(
      Math.max(leaves, this.#clock.now()) + latencyMs + jitter + again,
      this.#first.at,
      order?.at ?? 0,
    );
    if (order !== undefined) order.at = at;
    this.#insert({ packet, at });
    this.#arm();
  }

  #insert(flying: Flying): void {
    const queue = this.#flying;
    let index = queue.length;
    while (index > this.#head) {
      const before = queue[index - 1];
      if (before === undefined || before.at <= flying.at) break;
      queue[index] = before;
      index -= 1;
    }
    queue[index] = flying;
  }

  #arm(): void {
    const next = this.#flying[this.#head];
    if (next === undefined || (this.#cancel !== undefined && this.#timerAt <= next.at)) return;
    this.#cancel?.();
    this.#timerAt = next.at;
    this.#cancel = this.#clock.timer(Math.max(0, next.at - this.#clock.now()), this.#arrive);
  }

  readonly #arrive = (): void => {
    this.#cancel = undefined;
    const due = this.#clock.now() + SAME_MOMENT_MS;
    try {
      for (let next = this.#flying[this.#head]; next !== undefined && next.at <= due; next = this.#flying[this.#head]) {
        this.#dropHead();
        this.#take(next.packet);
      }
    } finally {
      this.#arm();
    }
  };

  #take(packet: Packet): void {
    this.arrived();
    if (packet.kind === "stream" && !this.settings.reading) this.#unread.push(packet);
    else packet.deliver();
  }

  #dropHead(): void {
    this.#head += 1;
    const left = this.#flying.length - this.#head;
    if (left > 0 && (this.#head < COMPACT_AT || this.#head < left)) return;
    this.#flying = this.#flying.slice(this.#head);
    this.#head = 0;
  }
}
