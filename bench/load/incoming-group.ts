import type { RecvHandler } from "../../moq/link.ts";
import { DEFAULT_WIRE_LIMITS } from "../../moq/wire/codec/index.ts";
import { type ObjectSink, UniReader, type UniSink } from "../../moq/wire/lite/index.ts";
import type { LoadSession } from "./session.ts";
import { STAMP_BYTES } from "./stamp.ts";

/** Receives the events of an incoming group. */
export interface GroupEvents {
  /** A whole frame; `stamp` is valid during the call. */
  frame(stamp: Uint8Array, bytes: number): void;
  /** The stream turned out to be a group of the subscription with this id. */
  began?(subscription: number): void;
  /** The stream has ended, whether or not the group is complete. */
  over?(): void;
}

/** Reads one Group Stream whose frames begin with a stamp. */
export class IncomingGroup implements RecvHandler, UniSink, ObjectSink {
  readonly #session: LoadSession;
  readonly #events: GroupEvents;
  readonly #reader: UniReader;
  /** The beginning of the current frame. */
  readonly #stamp = new Uint8Array(STAMP_BYTES);
  #stamped = 0;
  #size = 0;

  constructor(session: LoadSession, events: GroupEvents) {
    this.#session = session;
    this.#events = events;
    this.#reader = new UniReader(session.caps, DEFAULT_WIRE_LIMITS, this);
  }

  data(bytes: Uint8Array): void {
    this.#session.guard(() => this.#reader.push(bytes));
  }

  fin(): void {
    this.#events.over?.();
  }

  reset(): void {
    this.#events.over?.();
  }

  status(): void {}
  setup(): void {}
  unknown(): void {}

  group({ subscribe }: { readonly subscribe: number }): ObjectSink {
    this.#events.began?.(subscribe);
    return this;
  }

  object(size: number): void {
    this.#size = size;
    this.#stamped = 0;
  }

  payload(bytes: Uint8Array): void {
    for (let at = 0; this.#stamped < STAMP_BYTES && at < bytes.length; at++) {
      this.#stamp[this.#stamped++] = bytes[at] ?? 0;
    }
  }

  end(): void {
    if (this.#stamped === STAMP_BYTES) this.#events.frame(this.#stamp, this.#size);
  }
}
