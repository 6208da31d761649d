import type { Holding } from "../contract.ts";

/**
 * How a holding says that it serves what is under its path, and what it costs cold: by a number before the holder's own hop id, in a place
 * where roots and relays of earlier versions see one more hop. No relay has such an id, because those have 53 bits.
 */
const MARK = 0x2d5a9c31n << 32n;
const LOW_BITS = 2n ** 32n - 1n;

/** What the low 32 bits of a mark say: a cold cost up to {@link LARGEST}; that it is not known; or that the path alone is served. */
const LARGEST = 0xffff_fffd;
const UNKNOWN = 0xffff_fffe;
const PATH_ALONE = 0xffff_ffff;

/** Hops from which on a list has no room for a mark: peers refuse lists of more than 32, and the relays after this one add theirs. */
const FULL = 28;

/** A route to what is under the path as well. Whether the publisher may publish a path there, the holder knows. */
export const COVERS_ALL = (): boolean => true;

type Marked = Pick<Holding, "hops" | "covers" | "coldCost">;

/** The hops of a holding with its mark; the last one is the holder's. */
export function withMark({ hops, covers, coldCost = UNKNOWN }: Marked): readonly bigint[] {
  const before = hops.at(-2);
  const isLikeMark = before !== undefined && isMark(before);
  // Without room, a publisher's hop that is like a mark becomes the unknown one.
  if (hops.length >= FULL) return isLikeMark ? [...hops.slice(0, -2), 0n, ...hops.slice(-1)] : hops;
  if (covers === undefined && !isLikeMark) return hops;
  const low = covers === undefined ? PATH_ALONE : coldCost > LARGEST ? UNKNOWN : coldCost;
  return [...hops.slice(0, -1), MARK | BigInt(low), ...hops.slice(-1)];
}

/** What {@link withMark} has made of a holding. */
export function readMark(hops: readonly bigint[]): Marked {
  const mark = hops.at(-2);
  if (mark === undefined || !isMark(mark)) return { hops };
  const clean = [...hops.slice(0, -2), ...hops.slice(-1)];
  const low = Number(mark & LOW_BITS);
  if (low === PATH_ALONE) return { hops: clean };
  return { hops: clean, covers: COVERS_ALL, ...(low === UNKNOWN ? {} : { coldCost: low }) };
}

function isMark(hop: bigint): boolean {
  return (hop & ~LOW_BITS) === MARK;
}
