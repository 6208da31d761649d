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
  MAX_CLOSE_REASON,
  type SendHandler,
  type SendStream,
} from "../../moq/link.ts";
import { QueueMarks } from "../shared/index.ts";
import { Dispatch } from "./dispatch.ts";
import type { Form } from "./forms.ts";
import { closeFrame, openFrame, paramsFrame, pingFrame, readFrames, stopFrame, streamsBlockedFrame } from "./frames.ts";
import { MAX_CODE, OPEN_TIMEOUT_MS } from "./limits.ts";
import { Liveness } from "./liveness.ts";
import { checkMessageSize, paramsFor } from "./offer.ts";
import { Outbound } from "./outbound.ts";
import { type Params, writeParams } from "./params.ts";
import { Reading } from "./reading.ts";
import type { RecordSocket } from "./record-socket.ts";
import type { RecvHalf } from "./recv-half.ts";
import type { SendHalf } from "./send-half.ts";
import { Streams } from "./streams.ts";
import { codeName, TRANSPORT_CODES, Violation } from "./violation.ts";

/** Status codes of WebSocket Close frames (RFC 6455 section 7.4.1). */
const WS_NORMAL = 1000;
const WS_GOING_AWAY = 1001;
const WS_PROTOCOL_ERROR = 1002;
const WS_UNSUPPORTED_DATA = 1003;
/** The peer's Close frame had no status code. */
const WS_NO_STATUS = 1005;

export interface LinkParts {
  readonly info: LinkInfo;
  readonly form: Form;
  readonly engine: FanOutFactory;
  readonly limits: LinkLimits;
  readonly clock: Clock;
  readonly socket: RecordSocket;
  /** Runs a task in the engine's next turn. */
  readonly defer: (task: () => void) => void;
  readonly warn: (message: string, error?: unknown) => void;
  /** Called when the peer's transport parameters have arrived, so that the program can open streams. */
  readonly attach: Attach;
  /** Called after `closed`, or instead of it if the link never opened. */
  readonly ended?: (why: LinkClosed) => void;
}

/**
 * A QMux connection as a link. It gets messages, returns records and uses a clock; {@link RecordSocket} does the I/O.
 */
export class QmuxLink implements Link {
  readonly info: LinkInfo;
  readonly engine: FanOutFactory;
  readonly #options: LinkParts;
  readonly #outbound: Outbound;
  readonly #streams: Streams;
  readonly #dispatch: Dispatch;
  readonly #liveness: Liveness;
  readonly #reading: Reading;
  readonly #marks: QueueMarks;
  #handler: LinkHandler | undefined;
  #ended = false;
  #flushing = false;
  #cancelOpening: () => void = () => {};
  #bytesSent = 0;
  #bytesReceived = 0;
  /** The peer has an idle timeout that only records reset (draft-ietf-quic-qmux section 7.1). */
  #peerIdles = false;
  #bytesSentAtProbe = 0;

  constructor(options: LinkParts) {
    const { info, limits, clock, form } = options;
    this.info = info;
    this.engine = options.engine;
    this.#options = options;
    this.#outbound = new Outbound(form, {
      announce: (half) => this.#streams.announce(half),
      finished: (half) => this.#retire(half),
    });
    this.#streams = new Streams({
      server: !info.dialled,
      uniStreams: limits.uniStreams,
      bidiStreams: limits.bidiStreams,
      owner: {
        wrote: (half, bytes) => this.#wrote(half, bytes),
        wasReset: (half, code, dropped) => this.#wasReset(half, code, dropped),
        reprioritized: (half) => this.#outbound.reprioritized(half),
        stopped: (half, code) => this.#stopped(half, code),
      },
    });
    this.#dispatch = new Dispatch(form, this.#streams, this.#outbound, this.#dispatchOwner());
    const { idleTimeoutMs, keepAliveMs } = limits;
    const timeout = () => this.#timedOut("the peer did not answer within the idle timeout");
    this.#liveness = new Liveness({ clock, idleTimeoutMs, keepAliveMs, probe: () => this.#probe(), timeout });
    this.#reading = new Reading((paused) => options.socket.pause(paused));
    this.#marks = new QueueMarks(limits.queueMark);
  }

  // For the socket.

  /** Sends the transport parameters, after the opening handshake. */
  start(): void {
    this.#outbound.control(paramsFrame(writeParams(paramsFor(this.#options.limits, this.#options.form))));
    this.#send();
    const { clock } = this.#options;
    this.#cancelOpening = clock.timer(OPEN_TIMEOUT_MS, () =>
      this.#timedOut("the peer sent no transport parameters in time"),
    );
    this.#liveness.start();
  }

  /** Takes one binary message. */
  receive(message: Uint8Array): void {
    if (this.#ended) return;
    this.#bytesReceived += message.length;
    this.#liveness.heard();
    const before = this.#dispatch.frames;
    this.#guard(() => {
      checkMessageSize(message.length, this.#options.form);
      readFrames(message, this.#dispatch);
    });
    if (!this.#ended) this.#reading.addFrames(this.#dispatch.frames - before);
    this.#schedule();
  }

  receiveText(): void {
    const clause = "draft-lcurley-qmux-websocket section 7";
    this.#fail(new Violation("PROTOCOL_VIOLATION", "a text message", clause), WS_UNSUPPORTED_DATA);
  }

  /** A WebSocket frame arrived that is not a message. */
  heard(): void {
    if (this.#ended) return;
    this.#liveness.heard();
    this.#reading.addFrames(0);
    this.#schedule();
  }

  /** The answer to {@link RecordSocket.ping} arrived. */
  answered(): void {
    this.#liveness.answered();
  }

  /** The kernel accepted `bytes` of the sent records. */
  written(bytes: number): void {
    this.#outbound.written(bytes);
    this.#schedule();
  }

  /** The WebSocket has ended. `status` comes from the peer's Close frame; undefined without one. */
  socketClosed(status: number | undefined, reason: string): void {
    const onPurpose = status === WS_NORMAL || status === WS_GOING_AWAY || status === WS_NO_STATUS;
    this.#end({ by: onPurpose ? "remote" : "error", code: 0, reason });
  }

  // For the program.

  get queued(): number {
    return this.#outbound.queued;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** No datagrams are negotiated, because publishers of moq-lite must not send them over QMux. */
  get maxDatagramSize(): number {
    return 0;
  }

  openUni(priority: number, handler: SendHandler): SendStream | undefined {
    if (this.#ended) return undefined;
    return this.#streams.openUni(priority, handler) ?? this.#refused(false);
  }

  openBidi(priority: number, handler: BidiHandler): BidiStream | undefined {
    if (this.#ended) return undefined;
    return this.#streams.openBidi(priority, handler) ?? this.#refused(true);
  }

  pauseReading(paused: boolean): void {
    // The peer may have sent messages during the pause, so the pause does not count as silence.
    if (!paused) this.#liveness.heard();
    this.#reading.want(!paused);
  }

  allowBidi(streams: number): void {
    if (!this.#ended) this.#dispatch.allowBidi(streams);
  }

  sendDatagram(): boolean {
    return false;
  }

  close(code: number, reason: string): void {
    this.#shut({ by: "local", code, reason }, true, code, WS_NORMAL);
  }

  stats(): LinkStats {
    const { rttMs } = this.#liveness;
    const bytes = { bytesSent: this.#bytesSent, bytesReceived: this.#bytesReceived };
    return rttMs === undefined ? bytes : { ...bytes, rttMs };
  }

  #dispatchOwner() {
    const isEnded = () => this.#ended;
    return {
      get ended() {
        return isEnded();
      },
      opened: (params: Params) => this.#opened(params),
      capacity: () => this.#handler?.capacity(),
      closedByPeer: (application: boolean, code: number, reason: Uint8Array) =>
        this.#closedByPeer(application, code, reason),
    };
  }

  #opened(params: Params): void {
    this.#cancelOpening();
    this.#peerIdles = params.maxIdleTimeout > 0;
    this.#handler = this.#options.attach(this);
    this.#streams.setHandler(this.#handler);
  }

  #wrote(half: SendHalf, bytes: number): void {
    this.#outbound.wrote(half, bytes);
    this.#schedule();
  }

  #wasReset(half: SendHalf, code: number, dropped: number): void {
    if (half.wireId === undefined && half.bidi) this.#announce(half);
    this.#outbound.wasReset(half, code, dropped);
    if (half.wireId === undefined) this.#streams.forget(half);
    this.#retire(half);
    this.#schedule();
  }

  #stopped(half: RecvHalf, code: number): void {
    if (half.done) return;
    const id = half.wireId ?? (half.sender === undefined ? undefined : this.#announce(half.sender));
    if (id !== undefined) this.#outbound.control(stopFrame(id, code));
    this.#schedule();
  }

  /** Opens a stream at the peer before anything was written to it. */
  #announce(half: SendHalf): number {
    const id = this.#streams.announce(half);
    this.#outbound.control(openFrame(id));
    return id;
  }

  #retire(half: SendHalf): void {
    if (half.wireId !== undefined) this.#dispatch.retire(half.wireId);
  }

  /** Reports to the peer, once for each of its limits, that the limit blocks this end (RFC 9000 section 4.6). */
  #refused(bidi: boolean): undefined {
    const own = bidi ? this.#streams.own.bidi : this.#streams.own.uni;
    const limit = own.takeBlocked();
    if (limit === undefined) return;
    this.#outbound.control(streamsBlockedFrame(bidi, limit));
    this.#schedule();
  }

  #probe(): void {
    this.#options.socket.ping();
    if (this.#peerIdles && this.#options.form.records && this.#bytesSent === this.#bytesSentAtProbe) {
      this.#outbound.control(pingFrame(this.#dispatch.nextPing()));
      this.#schedule();
    }
    this.#bytesSentAtProbe = this.#bytesSent;
  }

  /** Asks for a turn, which sends the writes together. */
  #schedule(): void {
    if (this.#flushing || this.#ended) return;
    this.#flushing = true;
    this.#options.defer(this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushing = false;
    this.#reading.turn();
    if (this.#ended) return;
    this.#guard(() => {
      if (this.#handler !== undefined) this.#marks.rise(this.queued, this.#handler);
      if (this.#ended) return;
      this.#send();
      if (this.#handler !== undefined) this.#marks.fall(this.queued, this.#handler);
    });
  };

  #send(): void {
    const records = this.#outbound.collect();
    if (records.length === 0) return;
    for (const { size } of records) this.#bytesSent += size;
    this.#options.socket.send(records);
  }

  /** Runs work on the peer's bytes or a call of a handler; the link ends if it throws. */
  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (error instanceof Violation) {
        this.#fail(error, WS_PROTOCOL_ERROR);
        return;
      }
      this.#options.warn("a handler of a qmux link failed; the link is closed", error);
      this.#fail(new Violation("INTERNAL_ERROR", "an internal error", "RFC 9000 section 11.1"), WS_PROTOCOL_ERROR);
    }
  }

  #closedByPeer(application: boolean, code: number, bytes: Uint8Array): void {
    // A longer reason is cut at the bound, without an incomplete character at its end.
    const reason = new TextDecoder().decode(bytes.subarray(0, MAX_CLOSE_REASON), { stream: true });
    const { socket } = this.#options;
    if (application || code === TRANSPORT_CODES.NO_ERROR) {
      this.#end({ by: "remote", code: Math.min(code, MAX_CODE), reason });
    } else {
      this.#end({ by: "error", code: 0, reason: `the peer closed the connection with ${codeName(code)}: ${reason}` });
    }
    socket.close(WS_NORMAL);
  }

  #fail(violation: Violation, status: number): void {
    const why: LinkClosed = { by: "error", code: 0, reason: violation.message };
    this.#shut(why, false, TRANSPORT_CODES[violation.code], status);
  }

  #timedOut(reason: string): void {
    if (this.#ended) return;
    this.#end({ by: "timeout", code: 0, reason });
    this.#options.socket.terminate();
  }

  /** Sends the reason in a last record and closes the WebSocket (draft-lcurley-qmux-websocket section 11). */
  #shut(why: LinkClosed, application: boolean, code: number, status: number): void {
    if (this.#ended) return;
    const text = new Uint8Array(MAX_CLOSE_REASON);
    const { read, written } = new TextEncoder().encodeInto(why.reason, text);
    this.#end({ ...why, reason: why.reason.slice(0, read) });
    const frame = closeFrame(application, code, text.subarray(0, written));
    this.#bytesSent += frame.length;
    const { socket } = this.#options;
    socket.send([{ parts: [frame], size: frame.length }]);
    socket.close(status);
  }

  #end(why: LinkClosed): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#reading.end();
    this.#cancelOpening();
    this.#liveness.stop();
    this.#streams.end();
    this.#outbound.clear();
    const { defer, warn, ended } = this.#options;
    defer(() => {
      try {
        this.#handler?.closed(why);
      } catch (error) {
        warn("a handler of a qmux link failed", error);
      }
      ended?.(why);
    });
  }
}
