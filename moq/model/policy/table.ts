import type { Policy, PolicyValues } from "./contract.ts";

/** A value, and the prefix of the policy that gives it. */
export interface Given<T> {
  readonly value: T;
  readonly prefix: string;
}

/** What holds for one path. An absent key is given by no policy: the values of the whole relay hold. */
export type Effective = { readonly [K in keyof PolicyValues]?: Given<NonNullable<PolicyValues[K]>> };

const NOTHING: Effective = {};

/**
 * The policies of a relay, by prefix. For each key of a path counts the longest prefix, by whole segments, that has the path under it and
 * gives that key. Immutable.
 */
export class PolicyTable {
  readonly policies: readonly Policy[];
  readonly #byPrefix = new Map<string, Effective>();

  /** Of two policies with the same prefix the later one counts. */
  constructor(policies: readonly Policy[]) {
    this.policies = policies;
    // Shorter prefixes come first, so that each finds what it inherits.
    for (const { prefix, ...values } of policies.toSorted((a, b) => a.prefix.length - b.prefix.length)) {
      const own: Effective = Object.fromEntries(
        Object.entries(values).map(([key, value]) => [key, { value, prefix }] as const),
      );
      this.#byPrefix.set(prefix, { ...this.#inherited(prefix), ...own });
    }
  }

  /** What holds for `path`, which is normalised. The cost grows with its segments: ask once for a broadcast, a session or a request. */
  find(path: string): Effective {
    if (this.#byPrefix.size === 0) return NOTHING;
    let at = path;
    for (;;) {
      const found = this.#byPrefix.get(at);
      if (found !== undefined || at === "") return found ?? NOTHING;
      at = at.slice(0, Math.max(0, at.lastIndexOf("/")));
    }
  }

  #inherited(prefix: string): Effective {
    return prefix === "" ? NOTHING : this.find(prefix.slice(0, Math.max(0, prefix.lastIndexOf("/"))));
  }
}
