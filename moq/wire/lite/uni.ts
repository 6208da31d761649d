import {
  type Allowance,
  type Cursor,
  type Inbox,
  MESSAGE_UNITS,
  ProtocolViolation,
  READ,
  UNBOUNDED,
  type WireLimits,
} from "../codec/index.ts";
import { newCursor, newInbox } from "./codec.ts";
import { type AnyFrameReader, newFrameReader } from "./frame-codec.ts";
import { type GroupHeader, readGroup } from "./group.ts";
import { UNI_STREAM } from "./message.ts";
import { ObjectReader, type ObjectSink } from "./object.ts";
import { readSetup, type Setup } from "./setup.ts";
import type { Capabilities } from "./versions.ts";

/** Is called with what a unidirectional stream brings. */
export interface UniSink {
  /** A group, or a subgroup of one. Its frames or objects go to the returned sink. */
  group(header: GroupHeader): ObjectSink;
  setup(setup: Setup): void;
  /** The stream type is unknown: the stream must be stopped, and the session goes on. */
  unknown(type: number): void;
}

/** Reads a unidirectional stream, starting with its type (moq-lite Unidirectional Streams). */
export class UniReader {
  readonly #caps: Capabilities;
  readonly #limits: WireLimits;
  readonly #sink: UniSink;
  readonly #inbox: Inbox;
  #state: "type" | "length" | "body" | "frames" | "setup" | "ignored" = "type";
  #type = 0;
  #length = 0;
  #frames: AnyFrameReader | ObjectReader | undefined;

  constructor(caps: Capabilities, limits: WireLimits, sink: UniSink) {
    this.#caps = caps;
    this.#inbox = newInbox(caps);
    this.#limits = limits;
    this.#sink = sink;
  }

  /** Returns the bytes that the allowance leaves unread, valid until the next call. */
  push(bytes: Uint8Array, allowance: Allowance = UNBOUNDED): Uint8Array {
    if (this.#frames !== undefined) return this.#frames.push(bytes, allowance);
    if (this.#state === "ignored") return READ;
    this.#inbox.push(bytes);
    try {
      return this.#header(allowance);
    } finally {
      this.#inbox.keep();
    }
  }

  /** As `FrameReader.left`; nothing before the frames. */
  get left(): number | undefined {
    return this.#frames?.left;
  }

  /** The stream has ended. That is a violation inside a message, and none on an empty stream. */
  finish(): void {
    if (this.#frames !== undefined) this.#frames.finish();
    else if (this.#state === "type" && this.#inbox.left === 0) this.#state = "ignored";
    else if (this.#state !== "setup" && this.#state !== "ignored") {
      throw new ProtocolViolation("Unidirectional Streams", "stream ends before its first message");
    }
  }

  #header(allowance: Allowance): Uint8Array {
    if (this.#state === "type") {
      const type = this.#inbox.varint();
      if (type === undefined) return READ;
      this.#type = type;
      if (type !== UNI_STREAM.group && !(type === UNI_STREAM.setup && this.#caps.setupStream)) {
        this.#state = "ignored";
        this.#sink.unknown(type);
        return READ;
      }
      this.#state = "length";
    }
    const clause = this.#type === UNI_STREAM.group ? "GROUP" : "SETUP";
    if (this.#state === "length") {
      const length = this.#inbox.varint();
      if (length === undefined) return READ;
      if (length > this.#limits.messageBytes) throw new ProtocolViolation(clause, "message too long");
      this.#length = length;
      this.#state = "body";
    }
    if (this.#state === "body") {
      const body = this.#inbox.take(this.#length);
      if (body === undefined) return READ;
      allowance.left -= MESSAGE_UNITS;
      this.#message(newCursor(this.#caps, body, clause));
    }
    if (this.#state === "setup" && this.#inbox.left > 0) throw new ProtocolViolation("SETUP", "unexpected message");
    const rest = this.#inbox.take(this.#inbox.left);
    if (rest === undefined || rest.length === 0) return READ;
    return this.#frames?.push(rest, allowance) ?? READ;
  }

  #message(cursor: Cursor): void {
    if (this.#type === UNI_STREAM.setup) {
      const setup = readSetup(cursor, this.#caps, this.#limits);
      cursor.end();
      this.#state = "setup";
      this.#sink.setup(setup);
      return;
    }
    const header = readGroup(cursor, this.#caps);
    cursor.end();
    this.#state = "frames";
    const sink = this.#sink.group(header);
    this.#frames = this.#caps.objects
      ? new ObjectReader(this.#limits, sink)
      : newFrameReader(this.#caps, this.#limits, sink);
  }
}
