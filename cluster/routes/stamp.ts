import type { Advertisement } from "../../moq/model/index.ts";
import { isUnder } from "../../moq/path.ts";

/** The epoch of what several publishers send alike and none of them numbers. */
const SHARED_EPOCH = 1n;

export interface StampDeps {
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** The highest epoch of the path that is known, here and elsewhere; 0 for none. */
  readonly latest: (path: string) => bigint;
  /** Prefixes whose publishers send the same content to several relays. */
  readonly redundant: readonly string[];
  /** Added to the cost of what is published here. */
  readonly cost: number;
}

/**
 * Gives broadcasts of publishers that number no generations an epoch, so that the whole mesh agrees which of two is newer: the
 * time of its publication, and always above what is known of the path, so that a clock that is behind does not matter
 * where the older one is known.
 */
export class Stamper {
  readonly #deps: StampDeps;

  constructor(deps: StampDeps) {
    this.#deps = deps;
  }

  /** Of a new publication. */
  stamp(path: string, advertisement: Advertisement): Advertisement {
    return this.again(advertisement, advertisement.epoch === 0n ? this.#epoch(path) : advertisement.epoch);
  }

  /** Of a later word of the same publisher: without an epoch of its own it keeps the one that it was given. */
  again(advertisement: Advertisement, given: bigint): Advertisement {
    const { epoch, cost } = advertisement;
    return { ...advertisement, epoch: epoch === 0n ? given : epoch, cost: cost + this.#deps.cost };
  }

  #epoch(path: string): bigint {
    const { redundant, wallNow, latest } = this.#deps;
    if (redundant.some((prefix) => isUnder(path, prefix))) return SHARED_EPOCH;
    const now = BigInt(Math.max(1, Math.round(wallNow())));
    const before = latest(path);
    return now > before ? now : before + 1n;
  }
}
