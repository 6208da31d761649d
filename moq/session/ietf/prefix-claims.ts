import { isUnder } from "../../path.ts";

type Kind = "subscribeNamespace" | "subscribeTracks";

/** A prefix that the peer follows. */
export interface PrefixClaim {
  /** Another prefix takes its place. False, and nothing changed, when that overlaps with another claim. */
  move(prefix: string): boolean;
  release(): void;
}

/**
 * The prefixes that the peer follows. Of one kind of request no two may overlap, so that it gets each namespace and each track once
 * (SUBSCRIBE_NAMESPACE, SUBSCRIBE_TRACKS).
 */
export class PrefixClaims {
  readonly #claims: Record<Kind, Set<{ prefix: string }>> = {
    subscribeNamespace: new Set(),
    subscribeTracks: new Set(),
  };

  /** Claims `prefix` until it is released. Nothing when it overlaps with another one. */
  take(kind: Kind, prefix: string): PrefixClaim | undefined {
    const claims = this.#claims[kind];
    const claim = { prefix };
    const isFree = (next: string) => {
      for (const one of claims) {
        if (one !== claim && (isUnder(next, one.prefix) || isUnder(one.prefix, next))) return false;
      }
      return true;
    };
    if (!isFree(prefix)) return undefined;
    claims.add(claim);
    return {
      move: (next) => {
        if (!isFree(next)) return false;
        claim.prefix = next;
        return true;
      },
      release: () => void claims.delete(claim),
    };
  }
}
