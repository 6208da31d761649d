import type { SendHandler } from "../contract.ts";
import type { Port } from "./port.ts";
import { SendHalf, type SendOwner } from "./send-half.ts";

/** Largest single write to the addon in bytes. */
const SLICE = 64 * 1024;

/** Largest first write of a stream in bytes: until the peer's stream limit lets it pass, it cannot be taken back. */
const FIRST_SLICE = 16 * 1024;

/**
 * Bytes of a link that the addon may hold unacknowledged. The addon sends them in no order of priority and does not
 * give them back, so the window shrinks on a slow path and grows where it is what limits the rate.
 */
const WINDOW_MIN = 32 * 1024;
const WINDOW_START = 256 * 1024;
const WINDOW_MAX = 1024 * 1024;

/** A write acknowledged sooner than this, in milliseconds, lets the window grow; one that took longer than the other, shrink. */
const QUICK_ACK_MS = 10;
const SLOW_ACK_MS = 50;

/** Streams of one kind that the addon is told to open before QUIC has opened the earlier ones. */
const MAX_OPENING = 32;

/** Streams of one kind that are open here and not yet in QUIC; at this many there is no capacity. */
const MAX_UNCONFIRMED = 64;

/** Ticks without a write after which an idle stream is asked for a STOP_SENDING only every so many ticks. */
const IDLE_PROBE_TICKS = 8;

/** Request ids of writes are `QUIC stream id * REQUEST_SCALE + bytes`; a write has at most `SLICE` bytes. */
const REQUEST_SCALE = 2 ** 17;

const NOTHING = new Uint8Array(0);

/** One kind of locally opened stream. QUIC numbers each kind by itself. */
interface Kind {
  nextId: number;
  nextNativeId: number;
  /** Open here, not yet in QUIC; and those of them that the addon knows. */
  unconfirmed: number;
  opening: number;
  /** An open was refused since capacity was last reported. */
  refused: boolean;
}

/**
 * All that a link sends on streams: what is written waits here, by stream, and goes to the addon by priority within
 * a window of unacknowledged bytes.
 *
 * The addon opens streams in the order of its commands and numbers them by fours, so the QUIC id is known when
 * the command is given, and data follows at once. A stream beyond the peer's limit is not refused by the addon but
 * held, and its first write stays unacknowledged; a reset before that would skip the stream's number, for which
 * the peer never returns credit, and therefore waits.
 */
export class Outbox implements SendOwner {
  /** Bytes written and not acknowledged, over all halves that are not dropped. */
  queued = 0;
  readonly #port: Port;
  readonly #wake: () => void;
  readonly #now: () => number;
  readonly #uni: Kind;
  readonly #bidi: Kind;
  /** Halves with something to do, in no order. */
  readonly #ready: SendHalf[] = [];
  /** Halves that the addon knows, by QUIC id. */
  readonly #native = new Map<number, SendHalf>();
  #inFlight = 0;
  #window = WINDOW_START;
  #limited = false;
  #services = 0;
  /** The half with the write whose acknowledgement is timed, how many acknowledgements come first, and since when. */
  #sample: SendHalf | undefined;
  #sampleAfter = 0;
  #sampleAt = 0;

  /** `wake` asks for a `flush` in the engine's next turn; `now` is in milliseconds. */
  constructor(port: Port, dialled: boolean, wake: () => void, now: () => number) {
    this.#port = port;
    this.#wake = wake;
    this.#now = now;
    // The addon's first ids: 0 is the CONNECT stream, three unidirectional ones are HTTP/3's own.
    this.#uni = kind(dialled ? 14 : 15);
    this.#bidi = kind(dialled ? 4 : 1);
  }

  open(bidi: boolean, priority: number, handler: SendHandler): SendHalf | undefined {
    const kind = bidi ? this.#bidi : this.#uni;
    if (kind.unconfirmed >= MAX_UNCONFIRMED) {
      kind.refused = true;
      return undefined;
    }
    const half = new SendHalf(this, kind.nextId, bidi, priority, undefined);
    half.handler = handler;
    kind.nextId += 4;
    kind.unconfirmed += 1;
    this.#list(half);
    return half;
  }

  /** The send half of a stream that the peer opened. */
  adopt(nativeId: number): SendHalf {
    const half = new SendHalf(this, nativeId, true, 0, nativeId);
    this.#native.set(nativeId, half);
    return half;
  }

  written(half: SendHalf, bytes: number): void {
    this.queued += bytes;
    this.#list(half);
  }

  finishing(half: SendHalf): void {
    this.#list(half);
  }

  resetting(half: SendHalf, code: number): void {
    this.queued -= half.queued;
    half.drop();
    if (half.phase === "opening") {
      half.resetCode = code;
      return;
    }
    if (half.phase === "open") this.#port.reset(half.nativeId, code);
    this.#retire(half);
  }

  /** Gives the addon what it may have now. */
  flush(): void {
    while (this.#ready.length > 0) {
      this.#limited = this.#inFlight >= this.#window;
      if (this.#limited) return;
      const half = this.#pick();
      if (half === undefined) return;
      this.#serve(half);
    }
  }

  /** The addon handed a write over to QUIC. */
  acked(request: number): void {
    const nativeId = Math.floor(request / REQUEST_SCALE);
    const half = this.#native.get(nativeId);
    if (half === undefined) return;
    const bytes = request - nativeId * REQUEST_SCALE;
    half.unacked -= 1;
    half.inFlight -= bytes;
    half.moved = true;
    if (!half.dropped) this.queued -= bytes;
    if (half === this.#sample) this.#sampled();
    if (half.counted) {
      this.#inFlight -= bytes;
    } else {
      half.counted = true;
      this.#inFlight += half.inFlight;
      if (half.phase === "opening" && !this.#confirm(half)) return;
    }
    if (half.finSent) {
      if (half.unacked === 0) this.#retire(half);
    } else if (half.waiting > 0 || half.finAsked) {
      this.#list(half);
    } else if (this.#ready.length > 0) {
      this.#wake();
    }
  }

  /** The peer sent STOP_SENDING. Says which handler is to be told. */
  stopped(nativeId: number): SendHandler | undefined {
    const half = this.#native.get(nativeId);
    if (half === undefined) return undefined;
    const handler = half.ended ? undefined : half.handler;
    this.queued -= half.queued;
    half.drop();
    this.#retire(half);
    return handler;
  }

  /** True once after an open was refused, as soon as there is room again. */
  takeCapacity(): boolean {
    let back = false;
    for (const kind of [this.#uni, this.#bidi]) {
      if (!kind.refused || kind.unconfirmed > MAX_UNCONFIRMED / 2) continue;
      kind.refused = false;
      back = true;
    }
    return back;
  }

  /**
   * Once in a while, at most every second. What stands still (a peer that does not read one stream) no longer takes
   * from the window of the others. The addon notices STOP_SENDING only when it writes, so idle streams get a
   * write without bytes, less and less often.
   */
  tick(): void {
    for (const half of this.#native.values()) {
      if (half.inFlight > 0 && !half.moved && half.counted) {
        half.counted = false;
        this.#inFlight -= half.inFlight;
        this.#wake();
      }
      half.moved = false;
      if (half.phase !== "open" || half.unacked > 0 || half.waiting > 0 || half.finSent) continue;
      half.idleTicks += 1;
      const ticks = half.idleTicks;
      if (ticks % IDLE_PROBE_TICKS === 0 || (ticks & (ticks - 1)) === 0) this.#write(half, NOTHING);
    }
  }

  /** The link is gone: every half is dropped, nobody is told. */
  end(): void {
    for (const half of this.#native.values()) {
      half.drop();
      half.phase = "gone";
    }
    for (const half of this.#ready) {
      half.drop();
      half.phase = "gone";
    }
    this.#native.clear();
    this.#ready.length = 0;
    this.queued = 0;
  }

  #list(half: SendHalf): void {
    if (!half.listed) {
      half.listed = true;
      this.#ready.push(half);
    }
    this.#wake();
  }

  /** The half to serve next. Takes those off the list that can do nothing until something is acknowledged. */
  #pick(): SendHalf | undefined {
    const ready = this.#ready;
    let best: SendHalf | undefined;
    for (let at = 0; at < ready.length; ) {
      const half = ready[at];
      if (half === undefined) break;
      if (!this.#canSend(half)) {
        half.listed = false;
        const last = ready.pop();
        if (last !== undefined && last !== half) ready[at] = last;
        continue;
      }
      at += 1;
      if (half.phase === "unopened" && this.#kindOf(half).opening >= MAX_OPENING) continue;
      if (best === undefined || half.priority > best.priority) best = half;
      else if (half.priority === best.priority && half.servedAt < best.servedAt) best = half;
    }
    return best;
  }

  #canSend(half: SendHalf): boolean {
    const finOnly = half.waiting === 0 && half.finAsked && !half.finSent;
    if (half.phase === "open") return finOnly || (half.waiting > 0 && half.inFlight < this.#window / 2);
    if (half.phase === "opening") return finOnly && !half.dropped;
    return half.phase === "unopened";
  }

  #serve(half: SendHalf): void {
    this.#services += 1;
    half.servedAt = this.#services;
    const opening = half.phase === "unopened";
    if (opening) this.#open(half);
    if (half.waiting > 0) {
      half.idleTicks = 0;
      this.#write(half, half.take(opening ? FIRST_SLICE : SLICE));
      if (this.#sample === undefined && (half.waiting > 0 || this.#ready.length > 1)) this.#time(half);
    } else if (opening) {
      // Its acknowledgement says that the peer's stream limit has let the stream pass.
      this.#write(half, NOTHING);
    }
    if (half.waiting === 0 && half.finAsked && !half.finSent) {
      half.finSent = true;
      this.#port.fin(half.nativeId);
      // Should STOP_SENDING have come in between, the addon forgets the stream only when it writes again.
      if (half.unacked === 0) this.#write(half, NOTHING);
    }
  }

  #open(half: SendHalf): void {
    const kind = this.#kindOf(half);
    half.phase = "opening";
    half.nativeId = kind.nextNativeId;
    kind.nextNativeId += 4;
    kind.opening += 1;
    this.#native.set(half.nativeId, half);
    this.#port.open(half.bidi, half.nativeId);
  }

  /** QUIC has opened the stream. False when it was reset meanwhile. */
  #confirm(half: SendHalf): boolean {
    const kind = this.#kindOf(half);
    kind.opening -= 1;
    kind.unconfirmed -= 1;
    half.phase = "open";
    if (kind.refused) this.#wake();
    half.opened?.(half.nativeId);
    if (half.resetCode === undefined) return true;
    this.#port.reset(half.nativeId, half.resetCode);
    this.#retire(half);
    return false;
  }

  #write(half: SendHalf, bytes: Uint8Array): void {
    half.unacked += 1;
    half.inFlight += bytes.length;
    if (half.counted) this.#inFlight += bytes.length;
    this.#port.write(half.nativeId, bytes, half.nativeId * REQUEST_SCALE + bytes.length);
  }

  #retire(half: SendHalf): void {
    if (half.phase === "gone") return;
    if (half.phase !== "open") {
      const kind = this.#kindOf(half);
      kind.unconfirmed -= 1;
      if (half.phase === "opening") kind.opening -= 1;
    }
    if (half.counted) this.#inFlight -= half.inFlight;
    if (half === this.#sample) this.#sample = undefined;
    half.phase = "gone";
    this.#native.delete(half.nativeId);
    if (this.#ready.length > 0 || this.#uni.refused || this.#bidi.refused) this.#wake();
  }

  #time(half: SendHalf): void {
    this.#sample = half;
    this.#sampleAfter = half.unacked;
    this.#sampleAt = this.#now();
  }

  #sampled(): void {
    this.#sampleAfter -= 1;
    if (this.#sampleAfter > 0) return;
    this.#sample = undefined;
    const took = this.#now() - this.#sampleAt;
    if (took > SLOW_ACK_MS) this.#window = Math.max(WINDOW_MIN, this.#window / 2);
    else if (took < QUICK_ACK_MS && this.#limited) this.#window = Math.min(WINDOW_MAX, this.#window * 2);
  }

  #kindOf(half: SendHalf): Kind {
    return half.bidi ? this.#bidi : this.#uni;
  }
}

function kind(firstId: number): Kind {
  return { nextId: firstId, nextNativeId: firstId, unconfirmed: 0, opening: 0, refused: false };
}
