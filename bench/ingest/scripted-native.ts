import { type DialSettings, KIND, type Native, RECORD, STREAM_SLOT } from "../../transport/native/index.ts";

/** Bits of a stream's id that are its slot. */
const SLOT_BITS = 20;

/** Slots of the tables that JavaScript reads. */
const SLOTS = 1 << 16;

const NOTHING = new Uint8Array(0);

/** What the peers of the relay see. */
export interface Peers {
  /** The relay dials. */
  dialled(token: number): void;
  /** The relay has opened a request stream. */
  opened(link: number, stream: number): void;
  /** The relay has written to a request stream. */
  wrote(stream: number, bytes: Uint8Array): void;
}

/** An engine without a network: the bench puts events in, and gets what the relay writes to request streams. Streams take everything at once. */
export class ScriptedNative implements Native {
  readonly queuedOfStreams = new Uint32Array(SLOTS);
  readonly queuedOfLinks = new Uint32Array(SLOTS);
  /** Frames and bytes that were written to streams of viewers. */
  writes = 0;
  readonly #peers: Peers;
  /** Five numbers of each event; the fourth one of an event with bytes is an index of `#bytes`. */
  #events: number[] = [];
  #bytes: Uint8Array[] = [];
  #taken = 0;
  readonly #free: number[] = [];
  #slots = 1;
  readonly #requests = new Set<number>();
  #generation = 0;

  constructor(peers: Peers) {
    this.#peers = peers;
  }

  /** An id for a stream. */
  take(): number {
    const slot = this.#free.length > SLOTS / 8 ? (this.#free.shift() ?? 0) : this.#slots++;
    if (slot >= SLOTS) throw new Error("the script has too many streams");
    this.#generation = (this.#generation + 1) & 0x7ff;
    return (this.#generation << SLOT_BITS) | slot;
  }

  event(kind: number, link: number, stream: number, bytes: Uint8Array = NOTHING): void {
    this.#events.push(kind, link, stream, this.#bytes.length, bytes.length);
    this.#bytes.push(bytes);
  }

  /** Both ends of a stream are over. */
  gone(stream: number): void {
    this.#requests.delete(stream);
    this.event(KIND.gone, 0, stream);
  }

  poll(records: Uint32Array, data: Uint8Array): number {
    const events = this.#events;
    let [count, used] = [0, 0];
    for (; this.#taken < events.length; this.#taken += RECORD) {
      const bytes = this.#bytes[events[this.#taken + 3] ?? 0] ?? NOTHING;
      if ((count + 1) * RECORD > records.length || used + bytes.length > data.length) return count;
      const at = count++ * RECORD;
      for (let i = 0; i < RECORD; i++) records[at + i] = events[this.#taken + i] ?? 0;
      records[at + 3] = used;
      data.set(bytes, used);
      used += bytes.length;
      const stream = events[this.#taken + 2] ?? 0;
      if (events[this.#taken] === KIND.gone) this.#free.push(stream & STREAM_SLOT);
    }
    events.length = 0;
    this.#bytes.length = 0;
    this.#taken = 0;
    return count;
  }

  dial({ token }: DialSettings): void {
    this.#peers.dialled(token);
  }

  openUni(): number {
    return this.take();
  }

  openBidi(link: number): number {
    const stream = this.take();
    this.#requests.add(stream);
    this.#peers.opened(link, stream);
    return stream;
  }

  /** The peer has opened a request stream. */
  request(link: number): number {
    const stream = this.take();
    this.#requests.add(stream);
    this.event(KIND.bidi, link, stream);
    return stream;
  }

  write(stream: number, bytes: Uint8Array): void {
    if (this.#requests.has(stream)) this.#peers.wrote(stream, bytes);
  }

  writeMany(_streams: Uint32Array, count: number): void {
    this.writes += count;
  }

  finish(stream: number): void {
    if (!this.#requests.has(stream)) this.gone(stream);
  }

  finishMany(streams: Uint32Array, count: number): void {
    for (let i = 0; i < count; i++) this.gone(streams[i] ?? 0);
  }

  reset(stream: number): void {
    this.gone(stream);
  }

  resetMany(streams: Uint32Array, count: number): void {
    this.finishMany(streams, count);
  }

  sendDatagram = () => 0;
  maxDatagram = () => 0;
  listen = () => (1 << 16) | 1;
  setResetKey = () => 0;
  handshakesLimited = () => 0;
  pulses = () => 0;
  flush(): void {}
  stop(): void {}
  setPriority(): void {}
  mark(): void {}
  pass(): void {}
  unpass(): void {}
  allowBidi(): void {}
  pauseReading(): void {}
  stats(): void {}
  setCertificates(): void {}
  stopAccepting(): void {}
  closeListener(): void {}
  accept(): void {}
  reject(): void {}
  closeLink(): void {}
  setHandshakeRate(): void {}
  handshakes(): void {}
  stopEngine(): void {}
  ref(): void {}
  unref(): void {}
}
