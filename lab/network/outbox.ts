import type { Clock } from "../../moq/clock.ts";
import { PriorityQueue } from "../../transport/shared/index.ts";
import type { Lane } from "./lane.ts";
import type { SendHalf } from "./send-half.ts";

/** Bytes sent at a time into a lane of finite bandwidth: a packet, or a millisecond's worth if that is more. */
export const PACKET_BYTES = 1200;
const QUANTA_PER_SECOND = 1000;

/** Most datagrams that wait for the lane; more are refused. */
const MAX_DATAGRAMS = 64;

/** The outbox's link. */
export interface OutboxOwner {
  /** Sends `piece` of `half` now. */
  sendData(half: SendHalf, piece: Uint8Array): void;
  /** All data of `half` is sent; sends its FIN. */
  sendFin(half: SendHalf): void;
  sendDatagram(bytes: Uint8Array): void;
  /** The lane is free again. */
  free(): void;
}

/** Everything that a link has to send, and the order in which it is sent. */
export class Outbox {
  /** Bytes written and not sent. */
  queued = 0;
  readonly #lane: Lane;
  readonly #clock: Clock;
  readonly #owner: OutboxOwner;
  /** Streams that have bytes or a FIN to send and room in their own window. */
  readonly #order = new PriorityQueue<SendHalf>();
  readonly #datagrams: Uint8Array[] = [];
  /** Bytes sent and not read by the peer. */
  #inFlight = 0;
  #cancel: (() => void) | undefined;

  constructor(lane: Lane, clock: Clock, owner: OutboxOwner) {
    this.#lane = lane;
    this.#clock = clock;
    this.#owner = owner;
  }

  /** True when nothing waits for the lane or for the link's window. */
  get idle(): boolean {
    return this.#order.first === undefined && this.#datagrams.length === 0;
  }

  wrote(half: SendHalf, bytes: number): void {
    this.queued += bytes;
    this.#order.add(half);
  }

  dropped(half: SendHalf, bytes: number): void {
    this.queued -= bytes;
    this.#order.remove(half);
  }

  reprioritized(half: SendHalf): void {
    this.#order.moved(half);
  }

  /** False when too many datagrams wait. */
  datagram(bytes: Uint8Array): boolean {
    if (this.#datagrams.length >= MAX_DATAGRAMS) return false;
    this.#datagrams.push(bytes);
    return true;
  }

  /** The peer has read `bytes` of `half`. */
  credited(half: SendHalf, bytes: number): void {
    half.inFlight -= bytes;
    this.#inFlight -= bytes;
    if (half.queued > 0) this.#order.add(half);
  }

  /** Sends as much as the lane and the peer's windows allow now. */
  pump(): void {
    if (this.#scheduleIfBusy()) return;
    const { bandwidth } = this.#lane.settings;
    let budget = bandwidth === 0 ? Number.POSITIVE_INFINITY : Math.max(PACKET_BYTES, bandwidth / QUANTA_PER_SECOND);
    while (budget > 0) {
      const sent = this.#sendDatagram() ?? this.#sendStream(budget);
      if (sent === undefined) break;
      budget -= sent;
    }
    this.#scheduleIfBusy();
  }

  clear(): void {
    this.queued = 0;
    this.#order.clear();
    this.#datagrams.length = 0;
    this.#cancel?.();
  }

  /** True if the lane is busy; then it schedules `free`, if something waits. */
  #scheduleIfBusy(): boolean {
    const busyFor = this.#lane.busyUntil - this.#clock.now();
    if (busyFor <= 0) return false;
    this.#cancel?.();
    this.#cancel = this.idle ? undefined : this.#clock.timer(busyFor, this.#free);
    return true;
  }

  readonly #free = (): void => {
    this.#cancel = undefined;
    this.#owner.free();
  };

  /** Sends one datagram and returns its bytes; undefined when none waits. */
  #sendDatagram(): number | undefined {
    const bytes = this.#datagrams.shift();
    if (bytes === undefined) return undefined;
    this.#lane.occupy(bytes.length);
    this.#owner.sendDatagram(bytes);
    return bytes.length;
  }

  #sendStream(budget: number): number | undefined {
    for (let half = this.#order.first; half !== undefined; half = this.#order.first) {
      if (half.queued === 0) {
        this.#finish(half);
        continue;
      }
      const room = this.#linkRoom();
      if (room <= 0) return undefined;
      const streamRoom = this.#streamRoom(half);
      if (streamRoom <= 0) {
        this.#order.remove(half);
        continue;
      }
      return this.#sendPiece(half, Math.min(budget, room, streamRoom));
    }
    return undefined;
  }

  #sendPiece(half: SendHalf, limit: number): number {
    const piece = half.take(Math.max(1, Math.floor(limit)));
    const { length } = piece;
    this.queued -= length;
    half.inFlight += length;
    this.#inFlight += length;
    this.#lane.occupy(length);
    this.#owner.sendData(half, piece);
    if (half.queued > 0) this.#order.yield(half);
    else this.#finish(half);
    return length;
  }

  /** Removes a half without bytes from the order, and sends its FIN if it is due. */
  #finish(half: SendHalf): void {
    this.#order.remove(half);
    if (half.finDue) this.#owner.sendFin(half);
  }

  #linkRoom(): number {
    const { linkWindow } = this.#lane.settings;
    return linkWindow === 0 ? Number.POSITIVE_INFINITY : linkWindow - this.#inFlight;
  }

  #streamRoom(half: SendHalf): number {
    const { streamWindow } = this.#lane.settings;
    return streamWindow === 0 ? Number.POSITIVE_INFINITY : streamWindow - half.inFlight;
  }
}
