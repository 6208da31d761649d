import type { RecvHandler, RecvStream } from "../../moq/link.ts";
import type { SendHalf } from "./send-half.ts";

/** The link of a receive half. */
export interface RecvOwner {
  stopping(half: RecvHalf, code: number): void;
}

/** The receive half of a stream. */
export class RecvHalf implements RecvStream {
  readonly id: number;
  readonly bidi: boolean;
  /** This end opened the stream. */
  readonly local: boolean;
  /** Undefined until QUIC has opened the stream. */
  nativeId: number | undefined;
  /** Set before the first event. */
  handler: RecvHandler | undefined;
  /** Set when the program stopped the half before QUIC has opened the stream. */
  stopCode: number | undefined;
  /** FIN or a reset arrived, or the program stopped the half. */
  ended = false;
  /** The other half of a bidirectional stream. */
  send: SendHalf | undefined;
  readonly #owner: RecvOwner;

  constructor(owner: RecvOwner, id: number, bidi: boolean, nativeId: number | undefined) {
    this.#owner = owner;
    this.id = id;
    this.bidi = bidi;
    this.local = nativeId === undefined;
    this.nativeId = nativeId;
  }

  stop(code: number): void {
    if (this.ended) return;
    this.ended = true;
    this.#owner.stopping(this, code);
  }
}
