/** Sizes of memory between a power of two and the next one, as a power of two: at most an eighth of a piece stays empty. */
const STEP_BITS = 3;

/** Smaller pieces have this size. */
const LEAST_BYTES = 256;

/** Free pieces may have this share of the bytes that are in use, and this many in any case. What is given back beyond goes to the heap's collector. */
const FREE_SHARE = 1 / 4;
const FREE_BYTES = 1024 * 1024;

/**
 * Memory of groups that were evicted, for the next groups. A relay whose tracks run on evicts as much as it receives: without this, V8 would
 * collect the whole heap every few seconds only to free payload.
 */
export class SegmentPool {
  /** Free pieces by size. */
  readonly #free = new Map<number, Uint8Array[]>();
  #bytes = 0;
  #used = 0;

  /** Bytes of free pieces. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of pieces that were taken and not given back. */
  get used(): number {
    return this.#used;
  }

  /** At least `bytes` bytes, with any content. */
  take(bytes: number): Uint8Array {
    const size = sizeFor(bytes);
    this.#used += size;
    const piece = this.#free.get(size)?.pop();
    if (piece === undefined) return new Uint8Array(size);
    this.#bytes -= size;
    return piece;
  }

  /** Gives pieces back. `lent`: readers may still refer to them. */
  give(pieces: readonly Uint8Array[], lent: boolean): void {
    for (const piece of pieces) {
      this.#used -= piece.length;
      if (!lent) this.#keep(piece);
    }
  }

  #keep(piece: Uint8Array): void {
    const { length } = piece;
    const most = Math.max(FREE_BYTES, this.#used * FREE_SHARE);
    if (this.#bytes > 2 * most) {
      // Far fewer bytes are in use than before.
      this.#free.clear();
      this.#bytes = 0;
    }
    if (this.#bytes + length > most) return;
    this.#bytes += length;
    const free = this.#free.get(length);
    if (free === undefined) this.#free.set(length, [piece]);
    else free.push(piece);
  }
}

/** The size of the piece that has `bytes` bytes. */
export function sizeFor(bytes: number): number {
  if (bytes <= LEAST_BYTES) return LEAST_BYTES;
  const step = 1 << (31 - Math.clz32(bytes - 1) - STEP_BITS);
  return Math.ceil(bytes / step) * step;
}
