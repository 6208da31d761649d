import type {
  Attach,
  BidiHandler,
  BidiStream,
  FanOutFactory,
  Link,
  LinkHandler,
  LinkInfo,
  LinkStats,
  SendHandler,
  SendStream,
} from "../../moq/link.ts";
import { cutReason } from "../shared/index.ts";
import type { Port } from "./port.ts";
import { type EndRecord, FIGURES, LINK_SLOT } from "./records.ts";
import { NativeStream } from "./stream.ts";

/** The close of a link whose handler has thrown. */
const HANDLER_FAILED = { code: 0, reason: "internal error" } as const;

/** The engine of a link. */
export interface LinkOwner extends FanOutFactory {
  readonly port: Port;
  /** Adds the stream to the table, so that its events find it. */
  keep(stream: NativeStream): void;
  warn(message: string, error: unknown): void;
}

/** One link. The engine calls the methods named after events, and none after `closed`. */
export class NativeLink implements Link {
  readonly id: number;
  readonly info: LinkInfo;
  readonly engine: FanOutFactory;
  readonly #owner: LinkOwner;
  readonly #port: Port;
  #handler: LinkHandler | undefined;
  #ended = false;
  #paused = false;
  #stats: LinkStats = { bytesSent: 0, bytesReceived: 0 };

  constructor(owner: LinkOwner, id: number, info: LinkInfo) {
    this.#owner = owner;
    this.#port = owner.port;
    this.engine = owner;
    this.id = id;
    this.info = info;
  }

  /** Sets the handler; an error in `attach` closes the link. */
  attach(attach: Attach): void {
    try {
      this.#handler = attach(this);
    } catch (error) {
      this.fault(error);
    }
  }

  get queued(): number {
    return this.#ended ? 0 : (this.#port.native.queuedOfLinks[this.id & LINK_SLOT] ?? 0);
  }

  get ended(): boolean {
    return this.#ended;
  }

  get maxDatagramSize(): number {
    return this.#ended ? 0 : this.#port.native.maxDatagram(this.id);
  }

  openUni(priority: number, handler: SendHandler): SendStream | undefined {
    const stream = this.#open(priority, false);
    if (stream !== undefined) stream.send = handler;
    return stream;
  }

  openBidi(priority: number, handler: BidiHandler): BidiStream | undefined {
    const stream = this.#open(priority, true);
    if (stream !== undefined) {
      stream.send = handler;
      stream.recv = handler;
    }
    return stream;
  }

  allowBidi(streams: number): void {
    if (!this.#ended) this.#port.native.allowBidi(this.id, streams);
  }

  pauseReading(paused: boolean): void {
    if (this.#ended || paused === this.#paused) return;
    this.#paused = paused;
    this.#port.native.pauseReading(this.id, paused ? 1 : 0);
  }

  sendDatagram(bytes: Uint8Array): boolean {
    return !this.#ended && this.#port.native.sendDatagram(this.id, bytes) === 1;
  }

  close(code: number, reason: string): void {
    if (this.#ended) return;
    this.stats();
    this.#end();
    this.#port.native.closeLink(this.id, code, cutReason(reason));
    this.#port.touch();
  }

  stats(): LinkStats {
    if (this.#ended) return this.#stats;
    this.#port.native.stats(this.id, figures);
    this.#stats = statsOf(figures);
    return this.#stats;
  }

  // ---- events

  uni(id: number): void {
    const stream = this.#incoming(id);
    if (stream !== undefined) this.#call((handler) => this.#accepted(stream, handler.uni(stream), undefined));
  }

  bidi(id: number): void {
    const stream = this.#incoming(id);
    if (stream === undefined) return;
    this.#call((handler) => {
      const its = handler.bidi(stream);
      this.#accepted(stream, its, its);
    });
  }

  data(stream: NativeStream, bytes: Uint8Array): void {
    if (this.#ended) return;
    try {
      stream.recv?.data(bytes);
    } catch (error) {
      this.fault(error);
    }
  }

  fin(stream: NativeStream): void {
    const { recv } = stream;
    stream.recv = undefined;
    this.#call(() => recv?.fin());
  }

  reset(stream: NativeStream, code: number): void {
    const { recv } = stream;
    stream.recv = undefined;
    this.#call(() => recv?.reset(code));
  }

  marked(stream: NativeStream): void {
    this.#call(() => stream.recv?.marked?.());
  }

  unpassed(stream: NativeStream): void {
    this.#call(() => stream.recv?.unpassed?.());
  }

  stop(stream: NativeStream, code: number): void {
    const { send } = stream;
    stream.dropped();
    this.#call(() => send?.stop(code));
  }

  datagram(bytes: Uint8Array): void {
    this.#call((handler) => handler.datagram(bytes));
  }

  capacity(): void {
    this.#call((handler) => handler.capacity());
  }

  backlog(queued: number): void {
    this.#call((handler) => handler.backlog(queued));
  }

  drained(): void {
    this.#call((handler) => handler.drained());
  }

  dark(): void {
    this.#call((handler) => handler.dark?.());
  }

  /** The link has ended. Returns what tells the handler. */
  closed({ figures, ...why }: EndRecord): () => void {
    if (!this.#ended) this.#end();
    this.#stats = statsOf(figures);
    const handler = this.#handler;
    this.#handler = undefined;
    return () => {
      try {
        handler?.closed(why);
      } catch (error) {
        this.#owner.warn("native: a handler failed at the end of its link", error);
      }
    };
  }

  fault(error: unknown): void {
    this.#owner.warn("native: a handler failed; its link is closed", error);
    this.close(HANDLER_FAILED.code, HANDLER_FAILED.reason);
  }

  #open(priority: number, bidi: boolean): NativeStream | undefined {
    if (this.#ended) return undefined;
    const { native } = this.#port;
    const id = bidi ? native.openBidi(this.id, priority) : native.openUni(this.id, priority);
    if (id === 0) return undefined;
    this.#port.touch();
    const stream = new NativeStream(this.#port, this, id);
    this.#owner.keep(stream);
    return stream;
  }

  #incoming(id: number): NativeStream | undefined {
    if (this.#ended) return undefined;
    const stream = new NativeStream(this.#port, this, id);
    this.#owner.keep(stream);
    // A placeholder until the handler is known, so that the program can call `stop` from inside `uni` or `bidi`.
    stream.recv = ignoring;
    return stream;
  }

  #accepted(stream: NativeStream, recv: BidiHandler | NativeStream["recv"], send: SendHandler | undefined): void {
    if (stream.recv !== undefined) stream.recv = recv;
    if (!stream.ended) stream.send = send;
  }

  #call(event: (handler: LinkHandler) => void): void {
    if (this.#ended || this.#handler === undefined) return;
    try {
      event(this.#handler);
    } catch (error) {
      this.fault(error);
    }
  }

  #end(): void {
    this.#ended = true;
    this.#port.endings += 1;
  }
}

const figures = new Float64Array(FIGURES);

function statsOf([
  bytesSent = 0,
  bytesReceived = 0,
  rttMs = 0,
  window = 0,
  packetsLost = 0,
  packetsSent = 0,
]: Iterable<number>): LinkStats {
  const sendRate = rttMs > 0 ? (window * 8 * 1000) / rttMs : 0;
  return { bytesSent, bytesReceived, rttMs, sendRate, packetsSent, packetsLost, heard: bytesReceived };
}

const ignoring: BidiHandler = { data() {}, fin() {}, reset() {}, stop() {} };
