import { ByteRate, type RateState } from "../../auth/index.ts";
import type { PolicyTable } from "../../moq/model/index.ts";

type Way = "ingress" | "egress";

/** A rate that the sessions under a prefix share. */
export interface SharedRate {
  readonly prefix: string;
  spend(bytes: number): void;
  state(): RateState;
}

/** The bounds of policies on bytes a second. */
export class PolicyRates {
  readonly #now: () => number;
  #table: PolicyTable;
  readonly #rates: Readonly<Record<Way, Map<string, ByteRate>>> = { ingress: new Map(), egress: new Map() };

  /** `now` is in milliseconds of a clock that does not go back. */
  constructor(table: PolicyTable, now: () => number) {
    this.#table = table;
    this.#now = now;
  }

  /** The rate of a session that is under `scope` as a whole; nothing where no policy bounds it. */
  of(scope: string, way: Way): SharedRate | undefined {
    const given = this.#table.find(scope)[way];
    if (given === undefined || given.value === 0) return undefined;
    const { prefix, value } = given;
    const rate = this.#rates[way].get(prefix) ?? new ByteRate(value, this.#now());
    this.#rates[way].set(prefix, rate);
    return { prefix, spend: (bytes) => rate.spend(bytes, this.#now()), state: () => rate.state(this.#now()) };
  }

  /** Rates that are there have their new values for the sessions that run as well; a new rate holds for new sessions. */
  reconfigure(table: PolicyTable): void {
    this.#table = table;
    const policies = new Map(table.policies.map((policy) => [policy.prefix, policy]));
    for (const way of ["ingress", "egress"] as const) {
      for (const [prefix, rate] of this.#rates[way]) {
        const most = policies.get(prefix)?.[way] ?? 0;
        rate.set(most, this.#now());
        if (most === 0) this.#rates[way].delete(prefix);
      }
    }
  }
}
