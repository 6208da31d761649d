import type { CacheShare } from "./cache.ts";
import { FRAME_OVERHEAD, type FrameLog } from "./frame-log.ts";

/** Bytes that one group holds for readers of whole groups once it is not kept: some key frames of large layers. */
const HELD_BYTES = 4 * 2 ** 20;

/** An object that readers of whole groups do not have yet. */
export interface HeldObject {
  readonly id: number;
  readonly size: number;
  readonly timestamp: number;
  /** Its payload so far. */
  readonly pieces: Uint8Array[];
  /** Its last byte has come. */
  whole: boolean;
  /** Bytes that are charged for it. */
  charged: number;
}

/** The objects of one subgroup of a group that is not kept, until readers of whole groups have those before: ascending. */
export type HeldQueue = HeldObject[];

/** Charges to the cache what a group holds that is not kept. */
export class HeldBytes {
  readonly #cache: CacheShare;
  #bytes = 0;

  constructor(cache: CacheShare) {
    this.#cache = cache;
  }

  /** `object` waits, `bytes` of it since the last call. False where neither the group nor the cache has room for them. */
  hold(object: HeldObject, bytes: number): boolean {
    const more = object.charged === 0 ? bytes + FRAME_OVERHEAD : bytes;
    if (this.#bytes + more > HELD_BYTES || !this.#cache.charge(more, false)) return false;
    this.#count(object, more);
    return true;
  }

  /** Holds all of an object that the cache has kept until now, and that is about to be released there. False beyond the bound of a group. */
  take(object: HeldObject): boolean {
    const more = object.pieces.reduce((sum, { length }) => sum + length, FRAME_OVERHEAD);
    if (this.#bytes + more > HELD_BYTES) return false;
    this.#cache.overdraw(more);
    this.#count(object, more);
    return true;
  }

  /** `object` waits no longer. */
  release(object: HeldObject): void {
    this.#cache.release(object.charged);
    this.#bytes -= object.charged;
    object.charged = 0;
  }

  #count(object: HeldObject, bytes: number): void {
    object.charged += bytes;
    this.#bytes += bytes;
  }
}

/** The last object of `log`, which is arriving, without its payload. */
export function arriving({ id, size, timestamp }: Pick<FrameLog, "id" | "size" | "timestamp">): HeldObject {
  return { id, size, timestamp, pieces: [], whole: false, charged: 0 };
}

/** A copy of the object at `index`. `whole`: its last byte has come. Nothing where it has a status. */
export function copied(log: FrameLog, index: number, whole: boolean): HeldObject | undefined {
  const { id, size, timestamp, status } = log.describe(index);
  if (status !== undefined) return undefined;
  const pieces: Uint8Array[] = [];
  const payload = (bytes: Uint8Array) => void pieces.push(bytes.slice());
  log.read({ object: () => {}, payload, end: () => {}, status: () => {} }, index, index + 1);
  return { id, size, timestamp, pieces, whole, charged: 0 };
}
