import { isUnder } from "../../path.ts";

type Kind = "subscribeNamespace" | "subscribeTracks";

/**
 * The prefixes that the peer follows. Of one kind of request no two may overlap, so that it gets each namespace and each track once
 * (SUBSCRIBE_NAMESPACE, SUBSCRIBE_TRACKS).
 */
export class PrefixClaims {
  readonly #claims: Record<Kind, Set<{ readonly prefix: string }>> = {
    subscribeNamespace: new Set(),
    subscribeTracks: new Set(),
  };

  /** Claims `prefix` until the returned function is called. Nothing when it overlaps with another one. */
  take(kind: Kind, prefix: string): (() => void) | undefined {
    const claims = this.#claims[kind];
    for (const { prefix: other } of claims) if (isUnder(prefix, other) || isUnder(other, prefix)) return undefined;
    const claim = { prefix };
    claims.add(claim);
    return () => claims.delete(claim);
  }
}
