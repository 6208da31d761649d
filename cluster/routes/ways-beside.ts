import type { Role } from "../contract.ts";

/** A relay that a broadcast may be taken from. */
export interface Way {
  readonly node: string;
  readonly role: Role | undefined;
  /** Up, as far as is known, and not draining. */
  readonly usable: boolean;
}

/**
 * The ways to take a broadcast from beside the relay `first`, best first. A regional takes it from the best of several holders, so beside a
 * regional the next holder comes before the best one.
 */
export function waysBeside(ways: readonly Way[], first: string): string[] {
  const through = ways.find(({ node }) => node === first);
  const others = ways.filter(({ node }) => node !== first);
  const [best, next] = others;
  const shared = through?.role === "regional" && best?.role !== "regional";
  if (shared && best !== undefined && next?.usable === true && next.role === best.role)
    return namesOf([next, best, ...others.slice(2)]);
  return namesOf(others);
}

function namesOf(ways: readonly Way[]): string[] {
  return ways.map(({ node }) => node);
}
