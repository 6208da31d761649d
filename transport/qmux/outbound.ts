import { PriorityQueue } from "../shared/index.ts";
import type { Form } from "./forms.ts";
import { dataBlockedFrame, MAX_STREAM_HEAD, resetFrame, streamBlockedFrame, streamHeadSize } from "./frames.ts";
import {
  MAX_CONTROL_BYTES,
  MAX_FRAME_SIZE,
  MAX_SENT_RECORD,
  MAX_STREAM_PAYLOAD,
  MIN_SPLIT,
  SOCKET_BUDGET,
} from "./limits.ts";
import { DEFAULT_RECORD_SIZE } from "./params.ts";
import { type OutgoingRecord, RecordWriter } from "./record.ts";
import type { SendHalf } from "./send-half.ts";
import { Violation } from "./violation.ts";

/** The link of an outbound side. */
export interface OutboundOwner {
  /** Gives a stream its id on the wire, before its first frame. */
  announce(half: SendHalf): number;
  /** The FIN of `half` is in a record. */
  finished(half: SendHalf): void;
}

/**
 * Everything that a link sends: first the frames other than STREAM, in order, then the streams by priority, as far as
 * the peer's credit and the socket's budget allow.
 */
export class Outbound {
  readonly #form: Form;
  readonly #owner: OutboundOwner;
  readonly #writer = new RecordWriter();
  readonly #order = new PriorityQueue<SendHalf>();
  #control: Uint8Array[] = [];
  #controlBytes = 0;
  /** Bytes of stream data waiting in all halves. */
  #queued = 0;
  /** Bytes of stream data put into records so far, and the total that the peer allows. */
  #sent = 0;
  #credit = 0;
  #blockedAt = -1;
  /** Bytes that the socket has and the kernel has not accepted. */
  #inFlight = 0;
  #recordLimit: number;

  constructor(form: Form, owner: OutboundOwner) {
    this.#form = form;
    this.#owner = owner;
    this.#recordLimit = form.records ? DEFAULT_RECORD_SIZE : MAX_FRAME_SIZE;
  }

  get queued(): number {
    return this.#queued;
  }

  /** Sets the peer's limits. */
  open(maxData: number, maxRecordSize: number): void {
    this.raiseCredit(maxData);
    if (this.#form.records) this.#recordLimit = Math.min(maxRecordSize, MAX_SENT_RECORD);
  }

  /** MAX_DATA; a smaller value than before is ignored (RFC 9000 section 4.1). */
  raiseCredit(max: number): void {
    this.#credit = Math.max(this.#credit, max);
  }

  /** MAX_STREAM_DATA, likewise. */
  raiseStreamCredit(half: SendHalf, max: number): void {
    half.credit = Math.max(half.credit, max);
    this.#consider(half);
  }

  /** Queues a frame other than STREAM, before all data. When too many wait, {@link collect} throws. */
  control(frame: Uint8Array): void {
    if (this.#controlBytes > MAX_CONTROL_BYTES) return;
    this.#control.push(frame);
    this.#controlBytes += frame.length;
  }

  wrote(half: SendHalf, bytes: number): void {
    this.#queued += bytes;
    this.#consider(half);
  }

  /** `half` ended without FIN, and `dropped` bytes with it. Resets the stream at the peer if the peer knows it. */
  wasReset(half: SendHalf, code: number, dropped: number): void {
    this.#queued -= dropped;
    this.#order.remove(half);
    if (half.wireId !== undefined) this.control(resetFrame(half.wireId, code, half.sent));
  }

  reprioritized(half: SendHalf): void {
    this.#order.moved(half);
  }

  /** The kernel accepted `bytes` of the records of {@link collect}. */
  written(bytes: number): void {
    this.#inFlight -= bytes;
  }

  /** The records to send now. Throws a {@link Violation} when the peer does not read and too many answers wait. */
  collect(): OutgoingRecord[] {
    if (this.#controlBytes > MAX_CONTROL_BYTES) {
      throw new Violation("INTERNAL_ERROR", "answers pile up unread", "RFC 9000 section 21.9");
    }
    const records: OutgoingRecord[] = [];
    while (this.#inFlight < SOCKET_BUDGET) {
      const record = this.#next();
      if (record === undefined) break;
      this.#inFlight += record.size;
      records.push(record);
    }
    return records;
  }

  /** Drops everything that waits. */
  clear(): void {
    this.#order.clear();
    this.#queued = 0;
    this.#control = [];
    this.#controlBytes = 0;
  }

  #consider(half: SendHalf): void {
    if (half.sendable) this.#order.add(half);
    else this.#reportStreamBlocked(half);
  }

  #next(): OutgoingRecord | undefined {
    this.#addControl();
    if (this.#form.records || this.#writer.size === 0) this.#addStreams();
    return this.#writer.end();
  }

  #addControl(): void {
    let taken = 0;
    for (const frame of this.#control) {
      if (this.#writer.size > 0 && !this.#fits(frame.length)) break;
      this.#writer.append(frame);
      this.#controlBytes -= frame.length;
      taken += 1;
    }
    if (taken > 0) this.#control = this.#control.slice(taken);
  }

  #fits(length: number): boolean {
    return this.#form.records && this.#writer.size + length <= this.#recordLimit;
  }

  #addStreams(): void {
    for (let half = this.#order.first; half !== undefined; half = this.#order.first) {
      const room = this.#recordLimit - this.#writer.size - MAX_STREAM_HEAD;
      const credit = this.#credit - this.#sent;
      if (credit <= 0 && half.queued > 0) {
        this.#reportBlocked();
        return;
      }
      const allowed = Math.min(half.queued, half.credit - half.sent, credit);
      if (room < 0 || (this.#writer.size > 0 && room < Math.min(allowed, MIN_SPLIT))) return;
      this.#addStream(half, Math.min(allowed, room, MAX_STREAM_PAYLOAD));
      if (!this.#form.records) return;
    }
  }

  #addStream(half: SendHalf, length: number): void {
    const id = half.wireId ?? this.#owner.announce(half);
    const fin = half.finishing && length === half.queued;
    this.#writer.streamHead(streamHeadSize(id, half.sent, length), id, half.sent, length, fin);
    half.take(length, (piece) => this.#writer.append(piece));
    this.#queued -= length;
    this.#sent += length;
    if (fin) {
      this.#order.remove(half);
      half.done = true;
      this.#owner.finished(half);
    } else if (half.sendable) {
      this.#order.yield(half);
    } else {
      this.#order.remove(half);
      this.#reportStreamBlocked(half);
    }
  }

  /** DATA_BLOCKED, once per limit (RFC 9000 section 4.1). */
  #reportBlocked(): void {
    if (this.#blockedAt === this.#credit) return;
    this.#blockedAt = this.#credit;
    this.control(dataBlockedFrame(this.#credit));
  }

  #reportStreamBlocked(half: SendHalf): void {
    if (half.queued === 0 || half.done || half.wireId === undefined || half.blockedAt === half.credit) return;
    half.blockedAt = half.credit;
    this.control(streamBlockedFrame(half.wireId, half.credit));
  }
}
