import { type Advertisement, sumOfCosts } from "../../moq/model/index.ts";
import { isUnder } from "../../moq/path.ts";

/** The epoch of broadcasts that several publishers send with the same content and without an epoch. */
const SHARED_EPOCH = 1n;

export interface StampDeps {
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** The highest known epoch of the path, here and at other relays; 0 for none. */
  readonly latest: (path: string) => bigint;
  /** Prefixes whose publishers send the same content to several relays. */
  readonly redundant: readonly string[];
  /** Added to the cost of what is published here. */
  readonly cost: number;
}

/**
 * Gives an epoch to broadcasts of publishers that assign none, so that the whole mesh agrees which of two is newer. The epoch is the time
 * of publication, and always above the highest known epoch of the path, so that a clock that is behind does no harm.
 */
export class Stamper {
  readonly #deps: StampDeps;

  constructor(deps: StampDeps) {
    this.#deps = deps;
  }

  /** For a new publication. */
  stamp(path: string, advertisement: Advertisement): Advertisement {
    return this.restamp(advertisement, advertisement.epoch === 0n ? this.#epoch(path) : advertisement.epoch);
  }

  /** For an update of the publication; without an epoch of its own it keeps the epoch `given` to it. */
  restamp(advertisement: Advertisement, given: bigint): Advertisement {
    const { epoch, cost, coldCost } = advertisement;
    const { cost: more } = this.#deps;
    const cold = coldCost === undefined ? {} : { coldCost: sumOfCosts(coldCost, more) };
    return { ...advertisement, epoch: epoch === 0n ? given : epoch, cost: sumOfCosts(cost, more), ...cold };
  }

  #epoch(path: string): bigint {
    const { redundant, wallNow, latest } = this.#deps;
    if (redundant.some((prefix) => isUnder(path, prefix))) return SHARED_EPOCH;
    const now = BigInt(Math.max(1, Math.round(wallNow())));
    const before = latest(path);
    return now > before ? now : before + 1n;
  }
}
