import { type BidiHandler, type LinkHandler, PRIORITY_CONTROL, type SendHandler } from "../../moq/link.ts";
import { Bidi } from "../shared/index.ts";
import { STREAM_WINDOW } from "./limits.ts";
import type { Params } from "./params.ts";
import { RecvHalf, type RecvOwner } from "./recv-half.ts";
import { SendHalf, type SendOwner } from "./send-half.ts";
import { OwnStreams, PeerStreams } from "./stream-counts.ts";
import { Violation } from "./violation.ts";

const SERVER_BIT = 1;
const UNI_BIT = 2;
/** Distance between two ids of one kind (RFC 9000 section 2.1). */
const KINDS = 4;

/** A stream with an id on the wire of which a half has not ended. */
export interface StreamEntry {
  readonly send?: SendHalf;
  readonly recv?: RecvHalf;
}

export interface StreamsOptions {
  /** This end accepted the connection. */
  readonly server: boolean;
  readonly owner: SendOwner & RecvOwner;
  readonly uniStreams: number;
  readonly bidiStreams: number;
}

/** The streams of a link: which end opened them, and which have ended. */
export class Streams {
  readonly own = { uni: new OwnStreams(), bidi: new OwnStreams() };
  readonly #peer: { readonly uni: PeerStreams; readonly bidi: PeerStreams };
  readonly #owner: SendOwner & RecvOwner;
  readonly #ownBit: number;
  readonly #live = new Map<number, StreamEntry>();
  /** Opened by this end and not on the wire yet. */
  readonly #unannounced = new Map<SendHalf, RecvHalf | undefined>();
  /** Streams that the program opened; gives them their ids. */
  #opened = 0;
  #peerParams: Params | undefined;
  #handler: LinkHandler | undefined;

  constructor(options: StreamsOptions) {
    this.#owner = options.owner;
    this.#ownBit = options.server ? SERVER_BIT : 0;
    this.#peer = { uni: new PeerStreams(options.uniStreams), bidi: new PeerStreams(options.bidiStreams) };
  }

  /** Sets the peer's limits; from now on this end may open streams. */
  setPeer(params: Params): void {
    this.#peerParams = params;
    this.own.uni.raise(params.maxStreamsUni);
    this.own.bidi.raise(params.maxStreamsBidi);
  }

  /** Sets the handler that gets the peer's streams. */
  setHandler(handler: LinkHandler): void {
    this.#handler = handler;
  }

  openUni(priority: number, handler: SendHandler): SendHalf | undefined {
    const credit = this.#peerParams?.maxStreamDataUni ?? 0;
    if (!this.own.uni.reserve()) return undefined;
    const half = new SendHalf(this.#owner, { id: this.#nextId(UNI_BIT), bidi: false, priority, credit, handler });
    this.#unannounced.set(half, undefined);
    return half;
  }

  openBidi(priority: number, handler: BidiHandler): Bidi | undefined {
    const credit = this.#peerParams?.maxStreamDataBidiRemote ?? 0;
    if (!this.own.bidi.reserve()) return undefined;
    const id = this.#nextId(0);
    const send = new SendHalf(this.#owner, { id, bidi: true, priority, credit, handler });
    const recv = new RecvHalf(this.#owner, id, STREAM_WINDOW, send);
    recv.handler = handler;
    this.#unannounced.set(send, recv);
    return new Bidi(send, recv);
  }

  /** Gives a stream its id on the wire. */
  announce(send: SendHalf): number {
    const recv = this.#unannounced.get(send);
    this.#unannounced.delete(send);
    const index = (send.bidi ? this.own.bidi : this.own.uni).announce();
    const wireId = index * KINDS + (send.bidi ? 0 : UNI_BIT) + this.#ownBit;
    send.wireId = wireId;
    this.#live.set(wireId, recv === undefined ? { send } : { send, recv });
    return wireId;
  }

  /** A unidirectional stream ended before its first frame. */
  forget(send: SendHalf): void {
    if (this.#unannounced.delete(send)) this.own.uni.release();
  }

  /**
   * The receive half for a frame of the peer, opened if it is new; undefined when the half has ended.
   * Throws a {@link Violation} for a stream that cannot have one (RFC 9000 section 19.8).
   */
  receiving(id: number, frame: string): RecvHalf | undefined {
    if (this.#isOwn(id) && isUni(id)) throw stateError(frame, "for a stream that only this end sends on");
    return this.#find(id, frame)?.recv;
  }

  /** The send half for a frame of the peer, likewise (RFC 9000 sections 19.5 and 19.10). */
  sending(id: number, frame: string): SendHalf | undefined {
    if (!this.#isOwn(id) && isUni(id)) throw stateError(frame, "for a stream that only the peer sends on");
    return this.#find(id, frame)?.send;
  }

  /** A half has ended. Returns the peer's new limit of a kind of streams, when it should be sent. */
  retire(id: number): { readonly bidi: boolean; readonly max: number } | undefined {
    const entry = this.#live.get(id);
    if (entry === undefined || entry.send?.done === false || entry.recv?.done === false) return undefined;
    this.#live.delete(id);
    if (this.#isOwn(id)) return undefined;
    const max = this.#peerStreams(id).ended();
    return max === undefined ? undefined : { bidi: !isUni(id), max };
  }

  /** Allows the peer more bidirectional streams. Returns the peer's new limit, if it changed. */
  allowBidi(streams: number): number | undefined {
    return this.#peer.bidi.raise(streams);
  }

  /** Ends every half without an event. */
  end(): void {
    for (const { send, recv } of this.#live.values()) endHalves(send, recv);
    for (const [send, recv] of this.#unannounced) endHalves(send, recv);
    this.#live.clear();
    this.#unannounced.clear();
  }

  #nextId(kind: number): number {
    return this.#opened++ * KINDS + kind + this.#ownBit;
  }

  #isOwn(id: number): boolean {
    return id % 2 === this.#ownBit;
  }

  #peerStreams(id: number): PeerStreams {
    return isUni(id) ? this.#peer.uni : this.#peer.bidi;
  }

  #find(id: number, frame: string): StreamEntry | undefined {
    const entry = this.#live.get(id);
    if (entry !== undefined) return entry;
    const index = Math.floor(id / KINDS);
    if (!this.#isOwn(id)) return this.#peerStreams(id).open(index) ? this.#accept(id) : undefined;
    const known = isUni(id) ? this.own.uni.knows(index) : this.own.bidi.knows(index);
    if (!known) throw stateError(frame, "for a stream that is not open");
    return undefined;
  }

  #accept(id: number): StreamEntry {
    if (isUni(id)) {
      const recv = new RecvHalf(this.#owner, id, STREAM_WINDOW);
      this.#live.set(id, { recv });
      recv.handler = this.#handler?.uni(recv);
      return { recv };
    }
    // Answers have the priority of control messages until the program sets another one.
    const priority = PRIORITY_CONTROL;
    const credit = this.#peerParams?.maxStreamDataBidiLocal ?? 0;
    const send = new SendHalf(this.#owner, { id, wireId: id, bidi: true, priority, credit });
    const recv = new RecvHalf(this.#owner, id, STREAM_WINDOW, send);
    this.#live.set(id, { send, recv });
    const handler = this.#handler?.bidi(new Bidi(send, recv));
    send.handler = handler;
    recv.handler = handler;
    return { send, recv };
  }
}

function isUni(id: number): boolean {
  return (id & UNI_BIT) !== 0;
}

function endHalves(send: SendHalf | undefined, recv: RecvHalf | undefined): void {
  send?.end();
  if (recv !== undefined) {
    recv.ended = true;
    recv.done = true;
  }
}

function stateError(frame: string, what: string): Violation {
  return new Violation("STREAM_STATE_ERROR", `${frame} ${what}`, "RFC 9000 sections 3 and 19");
}
