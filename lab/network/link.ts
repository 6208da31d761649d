import type { Clock } from "../../moq/clock.ts";
import {
  type Attach,
  type BidiHandler,
  type BidiStream,
  type FanOutFactory,
  type Link,
  type LinkClosed,
  type LinkHandler,
  type LinkInfo,
  type LinkLimits,
  type LinkStats,
  PRIORITY_CONTROL,
  type SendHandler,
  type SendStream,
} from "../../moq/link.ts";
import { Bidi, cutReason, QueueMarks } from "../../transport/shared/index.ts";
import type { Lane, Order, Packet } from "./lane.ts";
import { Liveness } from "./liveness.ts";
import { Outbox, PACKET_BYTES } from "./outbox.ts";
import type { LateEvents } from "./passing.ts";
import { RecvHalf, type RecvOwner } from "./recv-half.ts";
import { SendHalf, type SendOwner } from "./send-half.ts";
import { Streams } from "./streams.ts";

/** Share of a new round-trip time in the smoothed one (RFC 9002 section 5.3). */
const RTT_SHARE = 1 / 8;

/** Close reason that the peer gets when a handler of this end failed. */
const HANDLER_FAILED = "internal error";

export interface LinkParts {
  readonly info: LinkInfo;
  readonly engine: FanOutFactory;
  readonly clock: Clock;
  /** Events of this host that wait. */
  readonly late: LateEvents;
  readonly limits: LinkLimits;
  /** How many streams the peer allows this end to open. */
  readonly peerLimits: LinkLimits;
  /** The lane to the peer. */
  readonly lane: Lane;
  /** The other end, once it exists. */
  readonly peer: () => MemoryLink | undefined;
  /** Called when the link has ended and its handler got `closed`. */
  readonly gone: () => void;
  readonly warn: (message: string, error: unknown) => void;
  /** See {@link RecvOwner.overwrite}. */
  readonly overwrite: boolean;
}

/** One end of a simulated link. Packets of the other end call the methods named `on…`, in the engine's turn. */
export class MemoryLink implements Link, SendOwner, RecvOwner {
  readonly info: LinkInfo;
  readonly engine: FanOutFactory;
  readonly #parts: LinkParts;
  readonly #lane: Lane;
  readonly #outbox: Outbox;
  readonly #liveness: Liveness;
  readonly #marks: QueueMarks;
  readonly #streams: Streams;
  #handler: LinkHandler | undefined;
  #ended = false;
  #cancelTurn: (() => void) | undefined;
  #bytesSent = 0;
  #bytesReceived = 0;
  /** Packets of the peer. */
  #heard = 0;
  #datagramsLost = 0;
  #rttMs: number | undefined;

  constructor(parts: LinkParts) {
    const { info, engine, clock, limits, peerLimits, lane } = parts;
    this.info = info;
    this.engine = engine;
    this.#parts = parts;
    this.#lane = lane;
    this.#outbox = new Outbox(lane, clock, {
      sendData: (half, piece) => this.#sendData(half, piece),
      sendFin: (half) => this.#sendFin(half),
      sendDatagram: (bytes) => this.#sendDatagram(bytes),
      free: () => this.#turn(),
    });
    const { idleTimeoutMs, keepAliveMs } = limits;
    this.#liveness = new Liveness({
      clock,
      idleTimeoutMs,
      keepAliveMs,
      probe: () => this.#probe(),
      timeout: () => this.#end({ by: "timeout", code: 0, reason: "" }),
    });
    this.#marks = new QueueMarks(limits.queueMark);
    this.#streams = new Streams(info.dialled, peerLimits);
  }

  get queued(): number {
    return this.#outbox.queued;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get overwrite(): boolean {
    return this.#parts.overwrite;
  }

  get maxDatagramSize(): number {
    return this.#ended ? 0 : this.#lane.settings.maxDatagramSize;
  }

  openUni(priority: number, handler: SendHandler): SendStream | undefined {
    return this.#open(false, priority, handler);
  }

  openBidi(priority: number, handler: BidiHandler): BidiStream | undefined {
    const send = this.#open(true, priority, handler);
    if (send === undefined) return undefined;
    const recv = new RecvHalf(send.id, send, this);
    recv.handler = handler;
    this.#streams.set({ id: send.id, own: true, bidi: true, send, recv });
    return new Bidi(send, recv);
  }

  pauseReading(): void {}

  allowBidi(streams: number): void {
    if (!this.#ended) this.#send("control", undefined, (peer) => peer.onAllowed(streams));
  }

  sendDatagram(bytes: Uint8Array): boolean {
    if (this.#ended || bytes.length > this.maxDatagramSize) return false;
    const taken = this.#outbox.datagram(bytes.slice());
    if (taken) this.#wake();
    return taken;
  }

  close(code: number, reason: string): void {
    if (this.#ended) return;
    const cut = cutReason(reason);
    this.#send("lossy", undefined, (peer) => peer.onClose(code, cut));
    this.#end({ by: "local", code, reason: cut });
  }

  stats(): LinkStats {
    const { bandwidth } = this.#lane.settings;
    return {
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      packetsLost: this.#datagramsLost,
      heard: this.#heard,
      ...(this.#rttMs === undefined ? {} : { rttMs: this.#rttMs }),
      ...(bandwidth === 0 ? {} : { sendRate: bandwidth * 8 }),
    };
  }

  // For the network.

  /** Gives the link its handler; `rttMs` is the handshake's round trip. */
  attach(attach: Attach, rttMs?: number): void {
    this.#rttMs = rttMs;
    try {
      this.#handler = attach(this);
    } catch (error) {
      this.#fault(error);
    }
  }

  /** A packet of the peer arrived. */
  heard(): void {
    this.#heard += 1;
    this.#liveness.heard();
  }

  /** The lane's settings have changed. */
  reconfigured(): void {
    this.#lane.renewBandwidth(PACKET_BYTES);
    if (!this.#ended && !this.#outbox.idle) this.#wake();
  }

  /** This end disappears. Neither its handler nor the peer gets an event. */
  vanish(): void {
    if (this.#ended) return;
    this.#stop();
    this.#lane.end();
    this.#parts.gone();
  }

  // For send halves.

  wrote(half: SendHalf, bytes: number): void {
    this.#outbox.wrote(half, bytes);
    this.#wake();
  }

  wasReset(half: SendHalf, code: number, dropped: number): void {
    this.#outbox.dropped(half, dropped);
    this.#wake();
    if (!half.announced && !half.bidi) {
      // The peer does not know the stream.
      this.#streams.delete(half.id);
      this.#streams.own.uni.ended();
      return;
    }
    this.#announce(half);
    this.#send("stream", half.order, (peer) => peer.onReset(half.id, code));
    this.#retire(half.id);
  }

  reprioritized(half: SendHalf): void {
    this.#outbox.reprioritized(half);
  }

  // For receive halves.

  stopping(half: RecvHalf, code: number): void {
    const { id, sender } = half;
    if (sender !== undefined) this.#announce(sender);
    this.#send("stream", sender?.order, (peer) => peer.onStop(id, code));
  }

  received(half: RecvHalf): void {
    this.#retire(half.id);
  }

  later(act: () => void): void {
    this.#parts.clock.timer(0, () => {
      if (!this.#ended) act();
    });
  }

  /** Gives an event to a handler, behind those of this host that wait. The link ends if the handler throws. */
  give(event: () => void, late = false): void {
    if (late) this.#parts.late.add(() => this.#guard(event));
    else {
      this.#parts.late.flush();
      this.#guard(event);
    }
  }

  // For packets of the peer.

  onOpen(id: number, bidi: boolean): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    if (!bidi) {
      const recv = new RecvHalf(id, undefined, this);
      this.#streams.set({ id, own: false, bidi, recv });
      this.give(() => {
        const events = handler.uni(recv);
        if (!recv.stopped) recv.handler = events;
      });
      return;
    }
    const send = new SendHalf(this, id, { bidi, own: false, priority: PRIORITY_CONTROL });
    const recv = new RecvHalf(id, send, this);
    this.#streams.set({ id, own: false, bidi, send, recv });
    this.give(() => {
      const events = handler.bidi(new Bidi(send, recv));
      send.handler = events;
      if (!recv.stopped) recv.handler = events;
    });
  }

  onData(id: number, bytes: Uint8Array): void {
    this.#bytesReceived += bytes.length;
    this.#streams.get(id)?.recv?.data(bytes);
  }

  onCredit(half: SendHalf, bytes: number, sentAt: number): void {
    this.#outbox.credited(half, bytes);
    this.#sampleRtt(sentAt);
    if (!this.#outbox.idle) this.#wake();
  }

  onFin(id: number): void {
    this.#streams.get(id)?.recv?.fin();
  }

  onReset(id: number, code: number): void {
    this.#streams.get(id)?.recv?.reset(code);
  }

  onStop(id: number, code: number): void {
    const half = this.#streams.get(id)?.send;
    if (half === undefined || half.done) return;
    const handler = half.ended ? undefined : half.handler;
    this.#outbox.dropped(half, half.end());
    // An endpoint answers STOP_SENDING with a reset (RFC 9000 section 3.5).
    this.#send("stream", half.order, (peer) => peer.onReset(id, code));
    if (handler !== undefined) this.give(() => handler.stop(code));
    this.#retire(id);
    this.#wake();
  }

  /** A stream that this end opened has ended at the peer. */
  onStreamGone(bidi: boolean): void {
    this.#streams.ownOf(bidi).ended();
    this.#reportCapacity();
  }

  /** The peer allows more bidirectional streams. */
  onAllowed(streams: number): void {
    this.#streams.own.bidi.raise(streams);
    this.#reportCapacity();
  }

  onDatagram(bytes: Uint8Array): void {
    this.#bytesReceived += bytes.length;
    this.#acknowledge();
    this.give(() => this.#handler?.datagram(bytes));
  }

  onClose(code: number, reason: string): void {
    this.#end({ by: "remote", code, reason });
  }

  onProbe(sentAt: number): void {
    this.#send("lossy", undefined, (peer) => peer.#sampleRtt(sentAt));
  }

  #open(bidi: boolean, priority: number, handler: SendHandler): SendHalf | undefined {
    if (this.#ended) return undefined;
    const id = this.#streams.ownOf(bidi).open();
    if (id === undefined) return undefined;
    const send = new SendHalf(this, id, { bidi, own: true, priority });
    send.handler = handler;
    this.#streams.set({ id, own: true, bidi, send });
    return send;
  }

  /** Opens a stream at the peer, before the first packet of the stream. */
  #announce(half: SendHalf): void {
    if (half.announced) return;
    half.announced = true;
    const { id, bidi } = half;
    this.#send("stream", half.order, (peer) => peer.onOpen(id, bidi));
  }

  #sendData(half: SendHalf, piece: Uint8Array): void {
    this.#announce(half);
    const { clock } = this.#parts;
    const sentAt = clock.now();
    this.#bytesSent += piece.length;
    this.#send("stream", half.order, (peer) => {
      peer.onData(half.id, piece);
      peer.#send("control", undefined, (self) => self.onCredit(half, piece.length, sentAt));
    });
  }

  #sendFin(half: SendHalf): void {
    this.#announce(half);
    half.done = true;
    this.#send("stream", half.order, (peer) => peer.onFin(half.id));
    this.#retire(half.id);
  }

  #sendDatagram(bytes: Uint8Array): void {
    this.#bytesSent += bytes.length;
    if (this.#lane.chance(this.#lane.settings.datagramLoss)) this.#datagramsLost += 1;
    else this.#send("lossy", undefined, (peer) => peer.onDatagram(bytes));
  }

  #acknowledge(): void {
    this.#send("lossy", undefined, () => {});
  }

  #probe(): void {
    const sentAt = this.#parts.clock.now();
    this.#send("lossy", undefined, (peer) => peer.onProbe(sentAt));
  }

  #sampleRtt(sentAt: number): void {
    const sample = this.#parts.clock.now() - sentAt;
    this.#rttMs = this.#rttMs === undefined ? sample : this.#rttMs + (sample - this.#rttMs) * RTT_SHARE;
  }

  #send(kind: Packet["kind"], order: Order | undefined, act: (peer: MemoryLink) => void): void {
    const deliver = () => {
      const peer = this.#parts.peer();
      if (peer !== undefined && !peer.ended) act(peer);
    };
    this.#lane.send(order === undefined ? { kind, deliver } : { kind, order, deliver });
  }

  /** Forgets a stream when both of its halves are over. */
  #retire(id: number): void {
    const entry = this.#streams.takeEnded(id);
    if (entry === undefined) return;
    const { own, bidi } = entry;
    if (!own) this.#send("control", undefined, (peer) => peer.onStreamGone(bidi));
  }

  /** Asks for a turn: it sends all writes together and reports their effects. */
  #wake(): void {
    if (this.#ended) return;
    this.#cancelTurn ??= this.#parts.clock.timer(0, () => this.#turn());
  }

  #turn(): void {
    this.#cancelTurn?.();
    this.#cancelTurn = undefined;
    if (this.#ended) return;
    this.#outbox.pump();
    this.#reportCapacity();
    this.#marks.rise(this.queued, this.#backlog);
    this.#marks.fall(this.queued, this.#backlog);
  }

  readonly #backlog = {
    backlog: (queued: number) => this.give(() => this.#handler?.backlog(queued)),
    drained: () => this.give(() => this.#handler?.drained()),
  };

  #reportCapacity(): void {
    if (this.#streams.takeWanted()) this.give(() => this.#handler?.capacity());
  }

  /** Runs a call of a handler; the link ends if the handler throws. */
  #guard(act: () => void): void {
    if (this.#ended) return;
    try {
      act();
    } catch (error) {
      this.#fault(error);
    }
  }

  #fault(error: unknown): void {
    this.close(0, HANDLER_FAILED);
    this.#parts.warn("a handler of a memory link failed; the link is closed", error);
  }

  #end(why: LinkClosed): void {
    if (this.#ended) return;
    if (why.by !== "local") for (const half of this.#streams.receiving()) half.readAll();
    // A handler may have failed.
    if (this.#ended) return;
    this.#stop();
    const { clock, gone, late } = this.#parts;
    clock.timer(0, () => {
      late.flush();
      try {
        this.#handler?.closed(why);
      } catch (error) {
        this.#parts.warn("a handler of a memory link failed", error);
      } finally {
        gone();
      }
    });
  }

  #stop(): void {
    this.#ended = true;
    this.#liveness.stop();
    this.#cancelTurn?.();
    this.#outbox.clear();
    this.#streams.end();
  }
}
