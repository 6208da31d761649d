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
import { Bidi, cutReason, QueueMarks } from "../shared/index.ts";
import type { W3cBidi, W3cSession } from "./package.ts";
import { RecvHalf } from "./recv-half.ts";
import { SendHalf, type SendOwner } from "./send-half.ts";

/** Most streams of a kind that wait for the peer's limit, which the package does not report. */
const MAX_WAITING = 64;

/** Longest close reason in bytes of UTF-8. */
const MAX_REASON = MAX_CLOSE_REASON - 1;

/** Most datagrams that the package has and has not sent; more are refused. */
const MAX_DATAGRAMS = 256;

export interface LinkParts {
  readonly session: W3cSession;
  readonly info: LinkInfo;
  readonly engine: FanOutFactory;
  readonly limits: LinkLimits;
  readonly warn: (message: string, error?: unknown) => void;
}

/** A W3C WebTransport session as a link. */
export class W3cLink implements Link {
  readonly info: LinkInfo;
  readonly engine: FanOutFactory;
  readonly #session: W3cSession;
  readonly #marks: QueueMarks;
  readonly #warn: LinkParts["warn"];
  readonly #sends = new Set<SendHalf>();
  readonly #recvs = new Set<RecvHalf>();
  readonly #waiting = { uni: 0, bidi: 0 };
  readonly #datagrams: WritableStreamDefaultWriter<Uint8Array>;
  #handler: LinkHandler | undefined;
  #nextId = 0;
  #queued = 0;
  #datagramsQueued = 0;
  #wantsCapacity = false;
  #checking = false;
  #ended = false;
  #endReported = false;
  #why: LinkClosed | undefined;
  #sent = 0;
  #received = 0;

  constructor({ session, info, engine, limits, warn }: LinkParts) {
    this.#session = session;
    this.info = info;
    this.engine = engine;
    this.#marks = new QueueMarks(limits.queueMark);
    this.#warn = warn;
    this.#datagrams = session.datagrams.createWritable().getWriter();
    this.#datagrams.closed.catch(() => {});
    session.closed.then(
      ({ closeCode = 0, reason = "" }) => this.#end({ by: "remote", code: closeCode, reason }),
      (error: unknown) => this.#end({ by: "error", code: 0, reason: error instanceof Error ? error.message : "" }),
    );
  }

  get queued(): number {
    return this.#queued;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get maxDatagramSize(): number {
    return this.#ended ? 0 : this.#session.datagrams.maxDatagramSize;
  }

  /** Gives the link its handler and begins to read. Does nothing when the link has ended. */
  attach(attach: Attach): void {
    if (this.#ended) return;
    this.#guard(() => {
      this.#handler = attach(this);
    });
    this.#accept(this.#session.incomingUnidirectionalStreams, (readable) => this.#uni(readable));
    this.#accept(this.#session.incomingBidirectionalStreams, (bidi) => this.#bidi(bidi));
    this.#accept(this.#session.datagrams.readable, (bytes) => {
      this.#received += bytes.length;
      this.#guard(() => this.#handler?.datagram(bytes));
    });
  }

  openUni(priority: number, handler: SendHandler): SendStream | undefined {
    const half = this.#opening("uni", priority, handler);
    if (half === undefined) return undefined;
    this.#session.createUnidirectionalStream({ sendOrder: priority, waitUntilAvailable: true }).then(
      (stream) => {
        this.#opened("uni");
        half.open(stream);
      },
      () => this.#opened("uni"),
    );
    return half;
  }

  openBidi(priority: number, handler: BidiHandler): BidiStream | undefined {
    const half = this.#opening("bidi", priority, handler);
    if (half === undefined) return undefined;
    const recv = new RecvHalf(half.id);
    this.#session.createBidirectionalStream({ sendOrder: priority, waitUntilAvailable: true }).then(
      ({ readable, writable }) => {
        this.#opened("bidi");
        half.open(writable);
        this.#read(recv, readable, handler);
      },
      () => this.#opened("bidi"),
    );
    return new Bidi(half, recv);
  }

  pauseReading(): void {}

  allowBidi(): void {
    // The package's limit is fixed.
  }

  sendDatagram(bytes: Uint8Array): boolean {
    if (this.#ended || bytes.length > this.maxDatagramSize || this.#datagramsQueued >= MAX_DATAGRAMS) return false;
    this.#datagramsQueued += 1;
    this.#sent += bytes.length;
    void this.#datagrams
      .write(bytes)
      .catch(() => {})
      .finally(() => {
        this.#datagramsQueued -= 1;
      });
    return true;
  }

  close(code: number, reason: string): void {
    if (this.#ended) return;
    const text = cutReason(reason, MAX_REASON);
    this.#session.close({ closeCode: code, reason: text });
    this.#end({ by: "local", code, reason: text });
  }

  stats(): LinkStats {
    return { bytesSent: this.#sent, bytesReceived: this.#received };
  }

  #opening(kind: "uni" | "bidi", priority: number, handler: SendHandler): SendHalf | undefined {
    if (this.#ended) return undefined;
    if (this.#waiting[kind] >= MAX_WAITING) {
      this.#wantsCapacity = true;
      return undefined;
    }
    this.#waiting[kind] += 1;
    const half = new SendHalf(this.#owner, this.#nextId++, priority);
    half.handler = { stop: (code) => this.#guard(() => handler.stop(code)) };
    this.#sends.add(half);
    return half;
  }

  readonly #owner: SendOwner = {
    queued: (bytes) => {
      this.#queued += bytes;
      this.#checkMarks();
    },
    sent: (bytes) => {
      this.#sent += bytes;
    },
    done: (half) => void this.#sends.delete(half),
  };

  #opened(kind: "uni" | "bidi"): void {
    this.#waiting[kind] -= 1;
    if (!this.#wantsCapacity || this.#waiting[kind] > MAX_WAITING / 2) return;
    this.#wantsCapacity = false;
    this.#guard(() => this.#handler?.capacity());
  }

  #uni(readable: ReadableStream<Uint8Array>): void {
    const recv = new RecvHalf(this.#nextId++);
    this.#guard(() => {
      const handler = this.#handler?.uni(recv);
      if (handler !== undefined) this.#read(recv, readable, handler);
    });
  }

  #bidi({ readable, writable }: W3cBidi): void {
    const half = new SendHalf(this.#owner, this.#nextId++, 0);
    const recv = new RecvHalf(half.id);
    this.#sends.add(half);
    this.#guard(() => {
      const handler = this.#handler?.bidi(new Bidi(half, recv));
      if (handler === undefined) return;
      half.handler = { stop: (code) => this.#guard(() => handler.stop(code)) };
      half.open(writable);
      this.#read(recv, readable, handler);
    });
  }

  #read(recv: RecvHalf, readable: ReadableStream<Uint8Array>, handler: Parameters<RecvHalf["read"]>[1]): void {
    this.#recvs.add(recv);
    recv.read(
      readable,
      {
        data: (bytes) => handler.data(bytes),
        fin: () => {
          this.#recvs.delete(recv);
          handler.fin();
        },
        reset: (code) => {
          this.#recvs.delete(recv);
          handler.reset(code);
        },
      },
      (work) => this.#guard(work),
      (bytes) => {
        this.#received += bytes;
      },
    );
  }

  #accept<T>(incoming: ReadableStream<T>, take: (one: T) => void): void {
    const run = async () => {
      const reader = incoming.getReader();
      for (let next = await reader.read(); !next.done && !this.#ended; next = await reader.read()) take(next.value);
    };
    // A rejection means that the session has ended; `session.closed` reports that.
    run().catch(() => {});
  }

  /** Runs a handler, unless the link has ended. The link ends if the handler throws. */
  #guard(work: () => void): void {
    if (this.#ended) return;
    try {
      work();
    } catch (error) {
      this.#warn("fails-components: a handler failed; its link is closed", error);
      this.close(0, "internal error");
    }
  }

  /** Checks the queue marks in a microtask of its own. */
  #checkMarks(): void {
    if (this.#checking || this.#handler === undefined) return;
    this.#checking = true;
    queueMicrotask(() => {
      this.#checking = false;
      this.#guard(() => {
        const handler = this.#handler;
        if (handler === undefined) return;
        this.#marks.rise(this.#queued, handler);
        if (!this.#ended) this.#marks.fall(this.#queued, handler);
      });
    });
  }

  #end(why: LinkClosed): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#why = why;
    for (const half of this.#sends) half.drop();
    for (const half of this.#recvs) half.end();
    this.#sends.clear();
    this.#recvs.clear();
    queueMicrotask(() => this.#reportEnd());
  }

  #reportEnd(): void {
    if (this.#endReported || this.#why === undefined) return;
    this.#endReported = true;
    try {
      this.#handler?.closed(this.#why);
    } catch (error) {
      this.#warn("fails-components: a handler failed at the end of its link", error);
    }
  }
}
