import type { Framing, PassOn } from "../../moq/link.ts";
import { LEADING_ONES_VARINTS, QUIC_VARINTS, type VarintCodec } from "../../moq/wire/codec/index.ts";

/** The timestamp delta is as on the wire: signed numbers interleave with unsigned ones. */
interface Header {
  readonly delta: number;
  readonly size: number;
}

/** Headers, and bytes of the payloads behind them. */
export type Piece = Header | Uint8Array;

/** Reads the objects of one stream, by the same rules as the native engine (`engine/src/frames.rs`). */
export class FrameWalker {
  readonly #framing: Framing;
  /** Largest payload of an object. */
  readonly #largest: number;
  /** Bytes of the current payload that are missing. */
  #left: number;
  /** Read, and not written because no byte of its payload has come. */
  #unwritten: Header | undefined;
  /** The start of a header that is not complete. */
  readonly #head: number[] = [];

  constructor({ framing, largest, left }: Pick<PassOn, "framing" | "largest" | "left">) {
    this.#framing = framing;
    this.#largest = largest;
    this.#left = left;
  }

  /**
   * Adds the objects of `bytes` to `pieces`, a header together with the first byte of its payload. Returns how many bytes were taken: fewer
   * than all before a header that the program must read, which may have begun in earlier bytes. The walker must not be used after that.
   */
  walk(bytes: Uint8Array, pieces: Piece[]): number {
    for (let at = 0; at < bytes.length; ) {
      if (this.#left > 0) {
        at += this.#payload(bytes.subarray(at, at + this.#left), pieces);
        continue;
      }
      const start = at;
      let header: Header | undefined;
      while (header === undefined && at < bytes.length) {
        this.#head.push(bytes[at++] ?? 0);
        header = readHeader(Uint8Array.from(this.#head), this.#framing);
      }
      if (header === undefined) break;
      if (!this.#begin(header, pieces)) return start;
    }
    return bytes.length;
  }

  #payload(payload: Uint8Array, pieces: Piece[]): number {
    if (this.#unwritten !== undefined) pieces.push(this.#unwritten);
    this.#unwritten = undefined;
    pieces.push(payload);
    this.#left -= payload.length;
    return payload.length;
  }

  /** False where the program must read the header. */
  #begin(header: Header, pieces: Piece[]): boolean {
    const { delta, size } = header;
    if (delta > Number.MAX_SAFE_INTEGER || !Number.isInteger(size) || size > this.#largest) return false;
    this.#head.length = 0;
    this.#left = size;
    if (size > 0) this.#unwritten = header;
    else pieces.push(header);
    return true;
  }
}

/** The bytes of `pieces` in a framing. */
export function written(pieces: readonly Piece[], framing: Framing): Uint8Array {
  // Not a Buffer: `slice` of a Buffer shares the bytes, and handlers may rely on a copy.
  return new Uint8Array(
    Buffer.concat(pieces.map((piece) => (piece instanceof Uint8Array ? piece : writeHeader(piece, framing)))),
  );
}

/** The header that is all of `head`; nothing where it has more bytes. `flagged`: a header with more than a size has half a byte too many. */
function readHeader(head: Uint8Array, framing: Framing): Header | undefined {
  const varints = varintsOf(framing);
  const numbers: number[] = [];
  for (let at = 0; numbers.length < numbersOf(framing); ) {
    const length = at < head.length ? varints.size(head[at] ?? 0) : 1;
    if (at + length > head.length) return undefined;
    numbers.push(varints.read(head, at));
    at += length;
  }
  const size = numbers.pop() ?? 0;
  return { delta: numbers.pop() ?? 0, size: framing === "flagged" ? size / 2 : size };
}

function writeHeader({ delta, size }: Header, framing: Framing): Uint8Array {
  const varints = varintsOf(framing);
  const bytes = new Uint8Array(2 * varints.longest);
  const at = numbersOf(framing) === 1 ? 0 : varints.write(bytes, 0, delta);
  return bytes.subarray(0, varints.write(bytes, at, framing === "flagged" ? 2 * size : size));
}

function numbersOf(framing: Framing): 1 | 2 {
  return framing === "sized" ? 1 : 2;
}

function varintsOf(framing: Framing): VarintCodec {
  return framing === "timed_ones" ? LEADING_ONES_VARINTS : QUIC_VARINTS;
}
