import type { Clock } from "../../moq/clock.ts";
import type {
  Attach,
  BidiHandler,
  BidiStream,
  FanOutFactory,
  Link,
  LinkClosed,
  LinkHandler,
  LinkInfo,
  LinkLimits,
  LinkStats,
  SendHandler,
  SendStream,
} from "../../moq/link.ts";
import { Bidi, cutReason, QueueMarks, type Turn } from "../shared/index.ts";
import type { ClosedEvent, SessionEvent } from "./addon.ts";
import { whyClosed } from "./closed.ts";
import { Liveness } from "./liveness.ts";
import { Outbox } from "./outbox.ts";
import type { Port } from "./port.ts";
import { PreAcceptBuffer } from "./pre-accept-buffer.ts";
import { RecvHalf, type RecvOwner } from "./recv-half.ts";
import { StopSending } from "./stop-sending.ts";

/** Most datagrams that the addon has and has not acknowledged; more are refused. */
const MAX_DATAGRAMS = 256;

/** Milliseconds that a closed link waits for its close to reach the peer before it ends the connection. */
const CLOSE_GRACE_MS = 2000;

/** The close of a link whose handler has thrown. */
const HANDLER_FAILED: Omit<LinkClosed, "by"> = { code: 0, reason: "internal error" };

const CONNECT_STREAM = 0;
const NOTHING = new Uint8Array(0);

/** Request id of the write to the CONNECT stream before a close; other writes to it have 0. */
const BEFORE_CLOSE = 1;

export interface LinkParts {
  readonly port: Port;
  readonly info: LinkInfo;
  readonly engine: FanOutFactory;
  readonly limits: LinkLimits;
  readonly turn: Turn;
  readonly clock: Clock;
  readonly warn: (message: string, error?: unknown) => void;
}

/** One session of the addon. Events before `attach` are buffered for the handler. */
export class RwtLink implements Link, RecvOwner {
  readonly info: LinkInfo;
  readonly engine: FanOutFactory;
  readonly #port: Port;
  readonly #marks: QueueMarks;
  readonly #turn: Turn;
  readonly #clock: Clock;
  readonly #warn: LinkParts["warn"];
  readonly #outbox: Outbox;
  readonly #liveness: Liveness;
  readonly #stops: StopSending;
  /** Receive halves by QUIC id. */
  readonly #recv = new Map<number, RecvHalf>();
  #preAccept: PreAcceptBuffer | undefined;
  #handler: LinkHandler | undefined;
  #marked = false;
  #datagrams = 0;
  #received = 0;
  #failure = "";
  /** Why the link has ended; set until the handler gets `closed`. */
  #why: LinkClosed | undefined;
  #ended = false;
  #closedAt = 0;
  #cut = false;
  /** The addon has ended the session. */
  #gone = false;
  #sent = false;
  #onSent: (() => void)[] = [];

  constructor(parts: LinkParts) {
    this.info = parts.info;
    this.engine = parts.engine;
    this.#port = parts.port;
    this.#marks = new QueueMarks(parts.limits.queueMark);
    this.#turn = parts.turn;
    this.#clock = parts.clock;
    this.#warn = parts.warn;
    this.#preAccept = new PreAcceptBuffer(parts.port);
    this.#outbox = new Outbox(parts.port, parts.info.dialled, () => this.#wake(), parts.clock);
    this.#stops = new StopSending(parts.port, parts.clock);
    this.#liveness = new Liveness(parts.port, parts.limits, parts.clock.now());
  }

  get queued(): number {
    return this.#outbox.queued;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The addon has ended the session; its owner can drop the link. */
  get gone(): boolean {
    return this.#gone;
  }

  get maxDatagramSize(): number {
    return this.#ended ? 0 : this.#port.maxDatagramSize();
  }

  /** Gives the link its handler. Does nothing when the link has ended. */
  attach(attach: Attach): void {
    if (this.#ended || this.#handler !== undefined) return;
    try {
      this.#handler = attach(this);
    } catch (error) {
      this.#fault(error);
    }
    this.#wake();
  }

  openUni(priority: number, handler: SendHandler): SendStream | undefined {
    if (this.#ended) return undefined;
    return this.#outbox.open(false, priority, handler);
  }

  openBidi(priority: number, handler: BidiHandler): BidiStream | undefined {
    if (this.#ended) return undefined;
    const send = this.#outbox.open(true, priority, handler);
    if (send === undefined) return undefined;
    const recv = new RecvHalf(this, send.id, true, undefined);
    recv.handler = handler;
    recv.send = send;
    send.opened = (nativeId) => this.#opened(recv, nativeId);
    return new Bidi(send, recv);
  }

  pauseReading(): void {}

  allowBidi(): void {
    // The addon's limit is fixed.
  }

  sendDatagram(bytes: Uint8Array): boolean {
    if (this.#ended || this.#datagrams >= MAX_DATAGRAMS || bytes.length > this.#port.maxDatagramSize()) return false;
    this.#datagrams += 1;
    this.#port.sendDatagram(bytes);
    return true;
  }

  close(code: number, reason: string): void {
    if (this.#ended) return;
    const cut = cutReason(reason);
    this.#shut(code, cut);
    this.#end({ by: "local", code, reason: cut });
  }

  stats(): LinkStats {
    return this.#liveness.stats(this.#clock.now(), this.#outbox.sent, this.#received);
  }

  stopping(half: RecvHalf, code: number): void {
    if (this.#ended) return;
    if (half.nativeId === undefined) {
      half.stopCode = code;
      return;
    }
    this.#recv.delete(half.nativeId);
    this.#stops.send(half, half.nativeId, code);
  }

  /** Takes one event of the addon. Never throws: the addon would lose the rest of its batch. */
  dispatch(event: SessionEvent): void {
    if (event.type === "closed") {
      this.#closed(event);
    } else if (event.type === "error") {
      if (!/^(quic|socket) recv: /.test(event.message)) this.#failure = event.message;
    } else if (this.#preAccept !== undefined && !this.#ended) {
      if (this.#preAccept.add(event)) return;
      this.close(0, "too many events before the session was accepted");
    } else {
      this.#guarded(event);
    }
  }

  /** Checks the link; called at the interval `tickMs`. */
  tick(now: number): void {
    if (this.#gone) return;
    if (this.#ended) {
      if (this.#cut || now - this.#closedAt < CLOSE_GRACE_MS) return;
      // Data that the peer does not read delays the close. A reset CONNECT stream waits for nothing, and the addon then
      // ends the connection.
      this.#cut = true;
      this.#port.reset(CONNECT_STREAM, 0);
      this.#port.write(CONNECT_STREAM, NOTHING, 0);
      return;
    }
    for (const handler of this.#outbox.tick()) this.#reportStop(handler);
    if (this.#liveness.tick(now)) return;
    this.#shut(0, "timed out");
    this.#end({ by: "timeout", code: 0, reason: "" });
  }

  /** Calls back when the close was sent to the peer, or the session has ended. */
  whenSent(callback: () => void): void {
    if (this.#sent || this.#gone) callback();
    else this.#onSent.push(callback);
  }

  readonly #flushGuarded = (): void => {
    this.#marked = false;
    try {
      this.#flush();
    } catch (error) {
      this.#fault(error);
    }
  };

  #flush(): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    const buffer = this.#preAccept;
    if (buffer !== undefined) {
      this.#preAccept = undefined;
      for (const event of buffer.release()) this.#guarded(event);
    }
    const why = this.#why;
    if (why !== undefined) {
      this.#why = undefined;
      handler.closed(why);
    }
    if (this.#ended) return;
    this.#outbox.flush();
    if (this.#outbox.takeCapacity()) handler.capacity();
    this.#marks.rise(this.queued, handler);
    if (!this.#ended) this.#marks.fall(this.queued, handler);
  }

  #guarded(event: SessionEvent): void {
    try {
      this.#handle(event);
    } catch (error) {
      this.#fault(error);
    }
  }

  #handle(event: SessionEvent): void {
    if (this.#ended) {
      if (event.type === "writeAck" && event.requestId === BEFORE_CLOSE) this.#wasSent();
      return;
    }
    switch (event.type) {
      case "writeAck":
        this.#outbox.acked(event.requestId);
        if (this.#marks.passed) this.#wake();
        return;
      case "streamData":
        this.#liveness.heard = true;
        this.#received += event.data.length;
        this.#recv.get(event.streamId)?.handler?.data(event.data);
        return;
      case "streamFin":
        this.#takeRecv(event.streamId)?.fin();
        return;
      case "streamReset":
        this.#takeRecv(event.streamId)?.reset(toCode(event.code));
        return;
      case "stream":
        this.#incoming(event.streamId, event.bidi);
        return;
      case "streamStopSending":
        this.#liveness.heard = true;
        this.#outbox.stopped(event.streamId)?.stop(toCode(event.code));
        return;
      case "streamOpened":
        if (event.streamId !== event.requestId)
          throw new Error("the addon numbered a stream in another way than expected");
        return;
      case "datagram":
        this.#liveness.heard = true;
        this.#handler?.datagram(event.data);
        return;
      case "datagramAck":
        this.#datagrams -= 1;
        return;
      case "stats": {
        const now = this.#clock.now();
        this.#liveness.addStats(event, now);
        this.#outbox.setPath(event.smoothedRtt, this.#liveness.lossy(now));
        return;
      }
      default:
        return;
    }
  }

  #incoming(nativeId: number, isBidi: boolean): void {
    this.#liveness.heard = true;
    const handler = this.#handler;
    if (handler === undefined) return;
    const recv = new RecvHalf(this, nativeId, isBidi, nativeId);
    this.#recv.set(nativeId, recv);
    if (!isBidi) {
      recv.handler = handler.uni(recv);
      return;
    }
    const send = this.#outbox.adopt(nativeId);
    recv.send = send;
    const streamHandler = handler.bidi(new Bidi(send, recv));
    recv.handler = streamHandler;
    send.handler = streamHandler;
  }

  #takeRecv(nativeId: number): RecvHalf["handler"] {
    this.#liveness.heard = true;
    const half = this.#recv.get(nativeId);
    if (half === undefined) return undefined;
    this.#recv.delete(nativeId);
    half.ended = true;
    if (half.send !== undefined) this.#outbox.recvEnded(half.send);
    return half.handler;
  }

  #opened(recv: RecvHalf, nativeId: number): void {
    recv.nativeId = nativeId;
    if (recv.stopCode === undefined) this.#recv.set(nativeId, recv);
    else this.#stops.send(recv, nativeId, recv.stopCode);
  }

  /** The peer has stopped a stream; its code is unknown. */
  #reportStop(handler: SendHandler): void {
    if (this.#ended) return;
    try {
      handler.stop(0);
    } catch (error) {
      this.#fault(error);
    }
  }

  #closed(event: ClosedEvent): void {
    this.#gone = true;
    this.#wasSent();
    this.#port.release();
    if (!this.#ended) this.#end(whyClosed(event, this.#failure));
  }

  #shut(code: number, reason: string): void {
    this.#port.write(CONNECT_STREAM, NOTHING, BEFORE_CLOSE);
    this.#port.close(code, new TextEncoder().encode(reason));
  }

  #end(why: LinkClosed): void {
    this.#ended = true;
    this.#closedAt = this.#clock.now();
    this.#why = why;
    this.#stops.end();
    this.#outbox.end();
    this.#recv.clear();
    this.#wake();
  }

  #fault(error: unknown): void {
    this.#warn("rwebtransport: a handler failed; its link is closed", error);
    this.close(HANDLER_FAILED.code, HANDLER_FAILED.reason);
  }

  #wasSent(): void {
    this.#sent = true;
    for (const callback of this.#onSent.splice(0)) callback();
  }

  #wake(): void {
    if (this.#marked) return;
    this.#marked = true;
    this.#turn.defer(this.#flushGuarded);
  }
}

/** A code outside WebTransport's range becomes 0; only a peer that is not a WebTransport endpoint sends one. */
function toCode(code: number): number {
  return code <= 0xffff_ffff ? code : 0;
}
