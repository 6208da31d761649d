import { normalisePath, pathParts } from "../../path.ts";
import {
  type Allowance,
  BoundExceeded,
  type Cursor,
  type Inbox,
  MESSAGE_UNITS,
  ProtocolViolation,
  READ,
  UNBOUNDED,
  type WireBound,
  type WireLimits,
} from "../codec/index.ts";
import { newCursor, newInbox } from "./codec.ts";
import type { Capabilities } from "./versions.ts";

/** One message: whether a type comes before its length, and how its body is read. */
export interface Expected<T> {
  readonly clause: string;
  readonly typed: boolean;
  /** The clause of a typed message; nothing for an unknown type. */
  name?(type: number): string | undefined;
  read(cursor: Cursor, type: number): T;
  /** Replaces a message whose path or name is over its bound; absent: the reader throws. */
  oversized?(type: number, bound: WireBound): T;
}

/** Splits a stream into messages, each `[Type] Length Body` (moq-lite Message Length). */
export class MessageReader<T> {
  readonly #expect: (index: number) => Expected<T> | undefined;
  readonly #limits: WireLimits;
  readonly #caps: Capabilities;
  readonly #inbox: Inbox;
  #index = 0;
  /** Type and length of a message whose body is incomplete. */
  #type: number | undefined;
  #length: number | undefined;

  /** `expect` says what the message of that index is; nothing when no such message is allowed. */
  constructor(expect: (index: number) => Expected<T> | undefined, limits: WireLimits, caps: Capabilities) {
    this.#expect = expect;
    this.#limits = limits;
    this.#caps = caps;
    this.#inbox = newInbox(caps);
  }

  /** Messages read so far. */
  get count(): number {
    return this.#index;
  }

  /** Calls `sink` with each message that `bytes` complete. Returns the bytes that the allowance leaves unread, valid until the next call. */
  push(bytes: Uint8Array, sink: (message: T) => void, allowance: Allowance = UNBOUNDED): Uint8Array {
    this.#inbox.push(bytes);
    try {
      while (allowance.left > 0 || allowance.more()) {
        const message = this.#next();
        if (message === undefined) return READ;
        allowance.left -= MESSAGE_UNITS;
        sink(message);
      }
      return this.#inbox.take(this.#inbox.left) ?? READ;
    } finally {
      this.#inbox.keep();
    }
  }

  /** The stream has ended. A message that is cut off is a violation. */
  finish(): void {
    if (this.#inbox.left > 0 || this.#type !== undefined || this.#length !== undefined) {
      throw new ProtocolViolation(
        this.#expect(this.#index)?.clause ?? "Message Length",
        "stream ends inside a message",
      );
    }
  }

  #next(): T | undefined {
    const expected = this.#expect(this.#index);
    if (expected === undefined) {
      if (this.#inbox.left > 0) throw new ProtocolViolation("Streams", "unexpected message");
      return undefined;
    }
    if (expected.typed && this.#type === undefined) {
      this.#type = this.#inbox.varint();
      if (this.#type === undefined) return undefined;
      if (expected.name?.(this.#type) === undefined)
        throw new ProtocolViolation(expected.clause, "unknown message type");
    }
    const type = this.#type ?? 0;
    const clause = expected.name?.(type) ?? expected.clause;
    this.#length ??= this.#inbox.varint();
    if (this.#length === undefined) return undefined;
    if (this.#length > this.#limits.messageBytes) throw new ProtocolViolation(clause, "message too long");
    const body = this.#inbox.take(this.#length);
    if (body === undefined) return undefined;
    this.#index++;
    this.#type = undefined;
    this.#length = undefined;
    const cursor = newCursor(this.#caps, body, clause);
    try {
      const message = expected.read(cursor, type);
      cursor.end();
      return message;
    } catch (error) {
      if (!(error instanceof BoundExceeded) || expected.oversized === undefined) throw error;
      return expected.oversized(type, error.bound);
    }
  }
}

/** A broadcast path or a prefix of one. Superfluous slashes are removed. */
export function readPath(cursor: Cursor, limits: WireLimits): string {
  const path = normalisePath(cursor.string(limits.pathBytes, "path_bytes"));
  if (pathParts(path) > limits.pathParts) {
    throw new BoundExceeded("path_bytes", `path of more than ${limits.pathParts} parts`);
  }
  return path;
}

/** A track's name. */
export function readTrackName(cursor: Cursor, limits: WireLimits): string {
  return cursor.string(limits.trackNameBytes, "track_name_bytes");
}

/** A sequence, which is sent plus one so that 0 means none (moq-lite SUBSCRIBE, Group Start). */
export function readOptional(cursor: Cursor): number | undefined {
  const value = cursor.varint();
  return value === 0 ? undefined : value - 1;
}

/** Stream types (moq-lite Streams). `pushed` is ours, far from the numbers that a later draft may take. */
export const STREAM = { announce: 1, subscribe: 2, fetch: 3, probe: 4, goaway: 5, track: 6, pushed: 32 } as const;
export const UNI_STREAM = { group: 0, setup: 1 } as const;
