import type { Form } from "./forms.ts";
import { type FrameVisitor, maxDataFrame, maxStreamDataFrame, maxStreamsFrame, pongFrame } from "./frames.ts";
import { CONNECTION_WINDOW, MAX_CODE } from "./limits.ts";
import type { Outbound } from "./outbound.ts";
import { type Params, readParams } from "./params.ts";
import { type RecvHalf, RecvWindow } from "./recv-half.ts";
import type { Streams } from "./streams.ts";
import { Violation } from "./violation.ts";

/** The link, as the frames that concern the whole link use it. */
export interface DispatchOwner {
  readonly ended: boolean;
  /** The peer's transport parameters arrived. */
  opened(params: Params): void;
  /** The peer allows more streams, after an open was refused. */
  capacity(): void;
  closedByPeer(application: boolean, code: number, reason: Uint8Array): void;
}

/** Applies the frames of a peer. Methods throw a {@link Violation} that names the broken rule. */
export class Dispatch implements FrameVisitor {
  readonly #form: Form;
  readonly #streams: Streams;
  readonly #outbound: Outbound;
  readonly #owner: DispatchOwner;
  readonly #window = new RecvWindow(CONNECTION_WINDOW);
  #gotParams = false;
  /** Frames received so far. */
  frames = 0;
  /** The highest sequence numbers of QX_PING received and sent. */
  #pingedBy = -1n;
  #pinged = -1n;

  constructor(form: Form, streams: Streams, outbound: Outbound, owner: DispatchOwner) {
    this.#form = form;
    this.#streams = streams;
    this.#outbound = outbound;
    this.#owner = owner;
  }

  get ended(): boolean {
    return this.#owner.ended;
  }

  /** The sequence number of the next QX_PING to send. */
  nextPing(): bigint {
    this.#pinged += 1n;
    return this.#pinged;
  }

  next(isParameters: boolean): void {
    this.frames += 1;
    if (isParameters !== this.#gotParams) return;
    const clause = "draft-ietf-quic-qmux section 4.2";
    if (isParameters) throw new Violation("PROTOCOL_VIOLATION", "transport parameters sent twice", clause);
    throw new Violation(this.#form.firstFrameCode, "the first frame is not the transport parameters", clause);
  }

  transportParameters(payload: Uint8Array): void {
    const params = readParams(payload);
    this.#gotParams = true;
    this.#streams.setPeer(params);
    this.#outbound.open(params.maxData, params.maxRecordSize);
    this.#owner.opened(params);
  }

  stream(id: number, offset: number | undefined, data: Uint8Array, fin: boolean): void {
    const half = this.#streams.receiving(id, "STREAM");
    if (half === undefined || this.ended) return;
    const received = half.window.received;
    if (half.done) throw new Violation("FINAL_SIZE_ERROR", "data after the end of a stream", "RFC 9000 section 4.5");
    if ((offset ?? (this.#form.impliedOffset ? received : 0)) !== received) {
      throw new Violation("PROTOCOL_VIOLATION", "STREAM frames out of order", "draft-ietf-quic-qmux section 4.1");
    }
    this.#account(half, data.length);
    if (data.length > 0 && !half.ended) half.handler?.data(data);
    if (this.ended) return;
    this.#renewConnection();
    if (fin) this.#endReceiving(id, half, () => half.handler?.fin());
    else this.#renewStream(id, half);
  }

  /**
   * Accepts a final size below the received bytes, as RFC 9000 section 4.5 allows. Published implementations send 0, or
   * leave out the data that was in flight when they were asked to stop; otherwise every viewer who leaves would end
   * their session. Data is delivered in order, so the reliable size of RESET_STREAM_AT was delivered too.
   */
  resetStream(id: number, code: number, finalSize: number, reliableSize: number | undefined): void {
    if (reliableSize !== undefined) this.#checkReliable(finalSize, reliableSize);
    const half = this.#streams.receiving(id, "RESET_STREAM");
    if (half === undefined || half.done || this.ended) return;
    const received = half.window.received;
    if (reliableSize !== undefined && reliableSize > received) {
      const clause = "draft-ietf-quic-qmux-02 section 9.2";
      throw new Violation("PROTOCOL_VIOLATION", "RESET_STREAM_AT before the data it promises", clause);
    }
    this.#account(half, Math.max(0, finalSize - received));
    this.#renewConnection();
    this.#endReceiving(id, half, () => half.handler?.reset(Math.min(code, MAX_CODE)));
  }

  stopSending(id: number, code: number): void {
    const half = this.#streams.sending(id, "STOP_SENDING");
    if (half === undefined || half.done || this.ended) return;
    const { handler, ended } = half;
    const shown = Math.min(code, MAX_CODE);
    this.#outbound.wasReset(half, shown, half.end());
    this.retire(id);
    if (!ended) handler?.stop(shown);
  }

  maxData(max: number): void {
    this.#outbound.raiseCredit(max);
  }

  maxStreamData(id: number, max: number): void {
    const half = this.#streams.sending(id, "MAX_STREAM_DATA");
    if (half !== undefined && !half.done) this.#outbound.raiseStreamCredit(half, max);
  }

  maxStreams(bidi: boolean, max: number): void {
    const own = bidi ? this.#streams.own.bidi : this.#streams.own.uni;
    own.raise(max);
    if (own.takeWanted()) this.#owner.capacity();
  }

  blocked(): void {
    // This end gives credit as data arrives, so nothing is to be done.
  }

  streamBlocked(id: number): void {
    this.#streams.receiving(id, "STREAM_DATA_BLOCKED");
  }

  ping(sequence: bigint): void {
    if (this.#form.strictPings && sequence <= this.#pingedBy)
      throw pingError("the sequence number of a ping does not increase");
    this.#pingedBy = sequence;
    this.#outbound.control(pongFrame(sequence));
  }

  pong(sequence: bigint): void {
    if (this.#form.strictPings && sequence > this.#pinged) throw pingError("an answer to a ping that was not sent");
  }

  datagram(): never {
    throw new Violation("PROTOCOL_VIOLATION", "datagrams were not negotiated", "RFC 9221 section 3");
  }

  connectionClose(code: number, reason: Uint8Array): void {
    this.#owner.closedByPeer(false, code, reason);
  }

  applicationClose(code: number, reason: Uint8Array): void {
    this.#owner.closedByPeer(true, code, reason);
  }

  allowBidi(streams: number): void {
    const max = this.#streams.allowBidi(streams);
    if (max !== undefined) this.#outbound.control(maxStreamsFrame(true, max));
  }

  /** A half of stream `id` ended. When both have, the peer may open another stream. */
  retire(id: number): void {
    const more = this.#streams.retire(id);
    if (more !== undefined) this.#outbound.control(maxStreamsFrame(more.bidi, more.max));
  }

  #checkReliable(finalSize: number, reliableSize: number): void {
    if (!this.#form.resetStreamAt) {
      const clause = "draft-ietf-quic-qmux section 4";
      throw new Violation("FRAME_ENCODING_ERROR", "RESET_STREAM_AT was not negotiated", clause);
    }
    if (reliableSize <= finalSize) return;
    const clause = "draft-ietf-quic-reliable-stream-reset section 4";
    throw new Violation("FRAME_ENCODING_ERROR", "a reliable size is over the final size", clause);
  }

  #account(half: RecvHalf, bytes: number): void {
    if (half.window.receive(bytes) && this.#window.receive(bytes)) return;
    throw new Violation("FLOW_CONTROL_ERROR", "more data than this end allowed", "RFC 9000 section 4.1");
  }

  #renewConnection(): void {
    const max = this.#window.renew();
    if (max !== undefined) this.#outbound.control(maxDataFrame(max));
  }

  #renewStream(id: number, half: RecvHalf): void {
    const max = half.window.renew();
    if (max !== undefined) this.#outbound.control(maxStreamDataFrame(id, max));
  }

  #endReceiving(id: number, half: RecvHalf, tell: () => void): void {
    half.done = true;
    this.retire(id);
    if (half.ended) return;
    half.ended = true;
    tell();
  }
}

function pingError(what: string): Violation {
  return new Violation("PROTOCOL_VIOLATION", what, "draft-ietf-quic-qmux section 4.3");
}
