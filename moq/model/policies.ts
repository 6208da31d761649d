import type { Counters } from "../counters.ts";
import { counter, gauge, metricGroup, type Readings, type Sample } from "../metrics.ts";
import { OTHER } from "../series.ts";
import type { GroupCache } from "./cache.ts";
import type { Asker } from "./contract.ts";
import {
  type Claim,
  type Claimed,
  COUNTED,
  DEFAULT_PRIORITY,
  type Policy,
  PolicyLedger,
  type PolicyRefusal,
  PolicyTable,
} from "./policy/index.ts";
import type { Terms } from "./terms.ts";

const LABELS = {
  prefix: `The prefix of the policy. Beyond \`[http] metric_series\` policies, all further ones are \`${OTHER}\`.`,
  bound: [...COUNTED, "cache_bytes"],
};

export const POLICY_METRICS = metricGroup("Policies by prefix", {
  limits: gauge("policy_limit", "Each bound that a policy gives, by prefix and bound; 0 is no bound.", LABELS),
  used: gauge("policy_used", "What is in use of a bound, by prefix and bound.", LABELS),
  refused: counter(
    "policy_refused_total",
    "Times that the bound of a policy refused something, by prefix and bound.",
    LABELS,
  ),
});

/** A track that a policy refused. */
export interface RefusedTrack {
  readonly refusal: PolicyRefusal;
  readonly path: string;
  readonly track: string;
  /** The peer that asked. */
  readonly asker: Asker | undefined;
}

/** The policies of a relay, and what is in use under them. */
export class Policies {
  readonly #cache: GroupCache;
  readonly #counters: Counters;
  readonly #ledger: PolicyLedger;
  readonly #refused: (track: RefusedTrack) => void;
  #table: PolicyTable;

  /** `series`: policies with metrics of their own. */
  constructor(deps: {
    cache: GroupCache;
    counters: Counters;
    policies: readonly Policy[];
    series: number;
    refused: (track: RefusedTrack) => void;
  }) {
    this.#cache = deps.cache;
    this.#counters = deps.counters;
    this.#refused = deps.refused;
    this.#table = new PolicyTable(deps.policies);
    this.#ledger = new PolicyLedger(this.#table);
    this.#cache.divide(budgetsOf(this.#table));
    this.#counters.attach(POLICY_METRICS, () => this.#readings(deps.series));
  }

  get table(): PolicyTable {
    return this.#table;
  }

  /** Bytes that the cache keeps under the budget of `prefix`; nothing where no policy gives that prefix a budget. */
  cachedBytes(prefix: string): number | undefined {
    return this.#cache.shares.get(prefix)?.bytes;
  }

  /** What is in use and was refused under each policy that counts something. */
  get uses(): ReturnType<PolicyLedger["uses"]> {
    return this.#ledger.uses();
  }

  /** What holds for the broadcast `path` now. */
  termsOf(path: string): Terms {
    const { cacheBytes, cacheMaxAgeMs, priority } = this.#table.find(path);
    const share = cacheBytes === undefined ? undefined : this.#cache.shares.get(cacheBytes.prefix);
    return {
      cache: share ?? this.#cache,
      maxAgeMs: cacheMaxAgeMs?.value ?? this.#cache.maxAgeMs,
      priority: priority?.value ?? DEFAULT_PRIORITY,
    };
  }

  /** As {@link PolicyLedger.take}. */
  take(what: Claimed, claim: Claim): (() => void) | PolicyRefusal {
    return this.#ledger.take(what, claim);
  }

  /** Counts a track; a refusal is reported. */
  takeTrack(claim: Claim, track: string, asker: Asker | undefined): (() => void) | undefined {
    const taken = this.take("tracks", claim);
    if (typeof taken === "function") return taken;
    this.#counters.boundsHit.policy_tracks++;
    this.#refused({ refusal: taken, path: claim.path, track, asker });
    return undefined;
  }

  /** As {@link PolicyLedger.whenRoom}. */
  whenRoom(refusal: PolicyRefusal, callback: () => void): () => void {
    return this.#ledger.whenRoom(refusal, callback);
  }

  /** Uses other policies from now on. `revise` gives every broadcast its new terms; then the cache evicts what no longer fits. */
  reconfigure(policies: readonly Policy[], revise: () => void): void {
    this.#table = new PolicyTable(policies);
    this.#cache.divide(budgetsOf(this.#table));
    revise();
    this.#cache.settle();
    this.#ledger.reconfigure(this.#table);
  }

  #readings(series: number): Readings<keyof typeof POLICY_METRICS.metrics> {
    const limits: Sample[] = [];
    const used = new Map<string, Sample>();
    const refused = new Map<string, Sample>();
    const add = (samples: Map<string, Sample>, prefix: string, bound: string, value: number) => {
      const key = `${bound} ${prefix}`;
      const [, before = 0] = samples.get(key) ?? [];
      samples.set(key, [{ prefix, bound }, typeof before === "number" ? before + value : value]);
    };
    const uses = new Map([...this.#ledger.uses()].map((use) => [use.prefix, use]));
    for (const [index, policy] of this.#table.policies.entries()) {
      const prefix = index < series ? `/${policy.prefix}` : OTHER;
      const use = uses.get(policy.prefix);
      for (const bound of COUNTED) {
        const most = policy[bound];
        if (most === undefined) continue;
        if (prefix !== OTHER) limits.push([{ prefix, bound }, most]);
        add(used, prefix, bound, use?.used[bound] ?? 0);
        add(refused, prefix, bound, use?.refused[bound] ?? 0);
      }
      if (policy.cacheBytes === undefined) continue;
      const bound = "cache_bytes";
      if (prefix !== OTHER) limits.push([{ prefix, bound }, policy.cacheBytes]);
      add(used, prefix, bound, this.cachedBytes(policy.prefix) ?? 0);
    }
    return { limits, used: [...used.values()], refused: [...refused.values()] };
  }
}

function budgetsOf({ policies }: PolicyTable): Map<string, number> {
  return new Map(
    policies.flatMap(({ prefix, cacheBytes }) => (cacheBytes === undefined ? [] : [[prefix, cacheBytes]])),
  );
}
