import type { Clock } from "../../moq/clock.ts";
import { PRIORITY_CONTROL, type SendHandler } from "../../moq/link.ts";
import { Fins } from "./fins.ts";
import type { Port } from "./port.ts";
import { Probes } from "./probes.ts";
import { SendHalf, type SendOwner } from "./send-half.ts";
import { Window } from "./window.ts";

/**
 * Largest first write of a stream in bytes. It cannot be taken back while the peer's stream limit blocks the stream.
 */
const FIRST_SLICE = 16 * 1024;

/**
 * Ages in milliseconds of an unacknowledged write: from the first on no stream of lower priority is served, from the
 * second on none of the same priority. The addon sends its bytes in the order of a hash table. With a constant supply,
 * the streams that happen to be first in it would starve the others.
 */
const YIELD_MS = 5;
const SHARE_MS = 60;

/**
 * Age in milliseconds from which on a write counts as blocked by its stream (the peer does not read it, or its stream
 * limit blocks it). Other streams no longer wait for the write, and it does not count in the window.
 */
const STALL_MS = 200;

/** Most streams of one kind that the addon may have to open at a time. */
const MAX_OPENING = 32;

/** Most streams of one kind that are open here and not yet in QUIC; more are refused. */
const MAX_UNCONFIRMED = 64;

/** Request ids of writes are `QUIC stream id * REQUEST_SCALE + bytes`; a write is shorter than the scale. */
const REQUEST_SCALE = 2 ** 17;

const NOTHING = new Uint8Array(0);

/** One kind of locally opened stream. QUIC numbers each kind separately. */
interface Kind {
  nextId: number;
  nextNativeId: number;
  /** Streams open here and not yet in QUIC; and how many of them the addon knows. */
  unconfirmed: number;
  opening: number;
  /** An open was refused since capacity was last reported. */
  refused: boolean;
}

/**
 * Everything that a link sends on streams. Written bytes wait here, by stream, and go to the addon by priority, within
 * a window of unacknowledged bytes.
 *
 * The addon opens streams in the order of its commands and numbers them by fours, so the QUIC id is known when the
 * command is given, and data follows at once. The addon does not refuse a stream beyond the peer's limit: it keeps the
 * stream, and the first write stays unacknowledged. A reset waits until then: a reset before would skip the stream's
 * number, and the peer would never give back its credit.
 */
export class Outbox implements SendOwner {
  /** Bytes written and not acknowledged, over all halves that are not dropped. */
  queued = 0;
  /** Bytes that the addon has given to QUIC. */
  sent = 0;
  readonly #port: Port;
  readonly #wake: () => void;
  readonly #clock: Clock;
  readonly #uni: Kind;
  readonly #bidi: Kind;
  /** Halves with something to do, in no order. */
  readonly #ready: SendHalf[] = [];
  /** Halves that the addon knows, by QUIC id. */
  readonly #native = new Map<number, SendHalf>();
  readonly #window = new Window();
  #services = 0;
  /** Priorities that may not be served now: below the first, up to the second. See `YIELD_MS` and `SHARE_MS`. */
  #yieldBelow = 0;
  #shareAt = -1;
  #cancelStall: (() => void) | undefined;
  readonly #fins: Fins;
  readonly #probes: Probes;

  /** `wake` asks for a `flush` in the engine's next turn. */
  constructor(port: Port, dialled: boolean, wake: () => void, clock: Clock) {
    this.#port = port;
    this.#wake = wake;
    this.#clock = clock;
    // The addon's first ids: 0 is the CONNECT stream, three unidirectional ones are HTTP/3's own.
    this.#uni = kind(dialled ? 14 : 15);
    this.#bidi = kind(dialled ? 4 : 1);
    this.#fins = new Fins(clock, (half) => this.#list(half));
    this.#probes = new Probes(
      (half) => this.#write(half, NOTHING),
      () => port.stats(),
    );
  }

  /** Applies new statistics of the connection. */
  setPath(rttMs: number, lossy: boolean): void {
    this.#fins.setPath(rttMs, lossy);
    this.#probes.answered();
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

  /** The send half of a stream that the peer opened. It has the priority of control messages until it is set. */
  adopt(nativeId: number): SendHalf {
    const half = new SendHalf(this, nativeId, true, PRIORITY_CONTROL, nativeId);
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

  /** Gives the addon as many bytes as it may have now. */
  flush(): void {
    if (this.#ready.length === 0) return;
    this.#updateBlocked();
    for (let half = this.#pick(); half !== undefined; half = this.#pick()) this.#serve(half);
    if (this.#ready.length > 0) this.#cancelStall ??= this.#clock.timer(STALL_MS, this.#stalled);
  }

  /** The addon has given a write to QUIC. */
  acked(request: number): void {
    const nativeId = Math.floor(request / REQUEST_SCALE);
    const bytes = request - nativeId * REQUEST_SCALE;
    this.sent += bytes;
    const half = this.#native.get(nativeId);
    if (half === undefined) return;
    half.unacked -= 1;
    half.inFlight -= bytes;
    if (!half.dropped) this.queued -= bytes;
    const now = this.#clock.now();
    half.progressAt = now;
    this.#probes.clear(half);
    this.#window.acked(bytes, this.#ready.length > 0 || half.waiting > 0, now);
    if (half.counted) {
      this.#window.inFlight -= bytes;
    } else {
      half.counted = true;
      this.#window.inFlight += half.inFlight;
    }
    if (half.phase === "opening" && !this.#confirm(half)) return;
    if (half.finSent) {
      if (half.unacked === 0) this.#retire(half);
    } else if (half.waiting > 0 || half.finAsked) {
      this.#list(half);
    }
    if (this.#ready.length > 0) this.#wake();
  }

  /** The peer sent STOP_SENDING. Returns the handler that must get `stop`. */
  stopped(nativeId: number): SendHandler | undefined {
    const half = this.#native.get(nativeId);
    if (half === undefined) return undefined;
    const handler = half.ended ? undefined : half.handler;
    this.queued -= half.queued;
    half.drop();
    this.#retire(half);
    return handler;
  }

  /** True once after a refused open, as soon as a stream can be opened. */
  takeCapacity(): boolean {
    let back = false;
    for (const kind of [this.#uni, this.#bidi]) {
      if (!kind.refused || kind.unconfirmed > MAX_UNCONFIRMED / 2) continue;
      kind.refused = false;
      back = true;
    }
    return back;
  }

  /** The receive half of the same stream has ended. */
  recvEnded(half: SendHalf): void {
    if (half.phase === "open") this.#probes.doubt(half, this.#clock.now());
  }

  /** Called at intervals of at most a second. Returns the handlers of streams that the peer has stopped. */
  tick(): readonly SendHandler[] {
    this.#fins.tick();
    for (const half of this.#native.values()) {
      if (half.phase === "open" && half.unacked === 0 && half.waiting === 0 && !half.finSent) this.#probes.idle(half);
    }
    const handlers: SendHandler[] = [];
    for (const half of this.#probes.forgotten(this.#clock.now())) {
      // The addon still has the stream in its list.
      this.#port.reset(half.nativeId, 0);
      const handler = this.stopped(half.nativeId);
      if (handler !== undefined) handlers.push(handler);
    }
    return handlers;
  }

  /** The link has ended: drops every half without an event. */
  end(): void {
    this.#cancelStall?.();
    this.#fins.end();
    this.#probes.end();
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

  /** Finds the priorities that may not be served, because the addon has old unacknowledged writes. */
  #updateBlocked(): void {
    this.#yieldBelow = 0;
    this.#shareAt = -1;
    if (this.#window.inFlight === 0) return;
    const now = this.#clock.now();
    for (const half of this.#native.values()) {
      if (half.unacked === 0 || !half.counted || half.dropped) continue;
      const age = now - half.progressAt;
      if (age > YIELD_MS && half.priority > this.#yieldBelow) this.#yieldBelow = half.priority;
      if (age > SHARE_MS && half.priority > this.#shareAt) this.#shareAt = half.priority;
    }
  }

  readonly #stalled = (): void => {
    this.#cancelStall = undefined;
    if (this.#ready.length === 0) return;
    const now = this.#clock.now();
    let moving = false;
    let stands = false;
    for (const half of this.#native.values()) {
      if (half.unacked === 0 || !half.counted) continue;
      if (now - half.progressAt < STALL_MS) {
        moving = true;
        continue;
      }
      // A stream that the peer's stream limit blocks says nothing about the path.
      if (half.phase === "open") stands = true;
      half.counted = false;
      this.#window.inFlight -= half.inFlight;
    }
    if (stands && !moving) this.#window.stalled();
    this.#wake();
  };

  /** The half to serve next. Removes halves from the list that must wait for an acknowledgement. */
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
      if (half.waiting > 0 && !this.#hasRoom(half.priority)) continue;
      if (half.phase === "unopened" && this.#kindOf(half).opening >= MAX_OPENING) continue;
      if (best === undefined || half.priority > best.priority) best = half;
      else if (half.priority === best.priority && half.lastTurn < best.lastTurn) best = half;
    }
    return best;
  }

  #hasRoom(priority: number): boolean {
    if (priority < this.#yieldBelow || priority <= this.#shareAt) return false;
    // Control messages are few and small, so they may exceed the window.
    const room = priority === PRIORITY_CONTROL ? this.#window.size * 2 : this.#window.size;
    return this.#window.inFlight < room;
  }

  #canSend(half: SendHalf): boolean {
    if (half.phase !== "open") return half.phase === "unopened";
    if (this.#probes.isDoubted(half)) return false;
    if (half.waiting > 0) return half.counted;
    return half.finAsked && !half.finSent && half.unacked === 0 && this.#fins.isDue(half);
  }

  #serve(half: SendHalf): void {
    this.#services += 1;
    half.lastTurn = this.#services;
    const opening = half.phase === "unopened";
    const finOnly = half.waiting === 0 && !opening;
    if (opening) this.#open(half);
    if (half.waiting > 0) {
      half.idleTicks = -1;
      this.#write(half, half.take(opening ? Math.min(FIRST_SLICE, this.#window.slice) : this.#window.slice));
    } else if (opening) {
      // The acknowledgement shows that the peer's stream limit allows the stream.
      this.#write(half, NOTHING);
    }
    if (half.waiting === 0 && half.finAsked && !half.finSent && (finOnly || this.#fins.mayFollowAtOnce())) {
      half.finSent = true;
      this.#port.fin(half.nativeId);
      // If STOP_SENDING arrived in between, the addon removes the stream only at its next write.
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
    if (half.unacked === 0) half.progressAt = this.#clock.now();
    half.unacked += 1;
    half.inFlight += bytes.length;
    if (half.counted) this.#window.inFlight += bytes.length;
    this.#port.write(half.nativeId, bytes, half.nativeId * REQUEST_SCALE + bytes.length);
  }

  #retire(half: SendHalf): void {
    if (half.phase === "gone") return;
    if (half.phase !== "open") {
      const kind = this.#kindOf(half);
      kind.unconfirmed -= 1;
      if (half.phase === "opening") kind.opening -= 1;
    }
    if (half.counted) this.#window.inFlight -= half.inFlight;
    half.phase = "gone";
    this.#native.delete(half.nativeId);
    this.#fins.forget(half);
    this.#probes.clear(half);
    if (this.#ready.length > 0 || this.#uni.refused || this.#bidi.refused) this.#wake();
  }

  #kindOf(half: SendHalf): Kind {
    return half.bidi ? this.#bidi : this.#uni;
  }
}

function kind(firstId: number): Kind {
  return { nextId: firstId, nextNativeId: firstId, unconfirmed: 0, opening: 0, refused: false };
}
