import { COUNTED, type Counted } from "./contract.ts";
import type { PolicyTable } from "./table.ts";

/** Something that is counted until it is released. */
export interface Claim {
  /** Normalised. */
  readonly path: string;
  /** The session of a broadcast: `publishers` counts each once. */
  readonly owner?: object;
  /** Ends what is claimed if nothing needs it. True when it has released the claim. */
  readonly giveUp?: () => boolean;
}

/** What can be claimed. A broadcast also makes its owner a publisher. */
export type Claimed = Exclude<Counted, "publishers">;

/** A bound was reached. */
export interface PolicyRefusal {
  readonly bound: Counted;
  /** The prefix of the policy that gives the bound. */
  readonly prefix: string;
  readonly most: number;
}

/** What one policy counts, for metrics. */
export interface PolicyUse {
  readonly prefix: string;
  readonly used: Readonly<Record<Counted, number>>;
  readonly refused: Readonly<Record<Counted, number>>;
}

/** Claims that are asked to yield at a bound: one refused request must not cost more. */
const MOST_ASKED = 256;

/** Everything that takes a bound from one policy. */
class Account {
  readonly prefix: string;
  readonly claims: Readonly<Record<Counted, Set<Claim>>> = record(() => new Set());
  /** Claims of `publishers` by their owner. */
  readonly owners = new Map<object, number>();
  readonly refused: Record<Counted, number> = record(() => 0);
  /** Wait until a broadcast ends. */
  readonly waiting = new Set<() => void>();

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  count(what: Counted): number {
    return what === "publishers" ? this.owners.size : this.claims[what].size;
  }

  add(what: Counted, claim: Claim): void {
    this.claims[what].add(claim);
    if (what === "publishers" && claim.owner !== undefined)
      this.owners.set(claim.owner, (this.owners.get(claim.owner) ?? 0) + 1);
  }

  delete(what: Counted, claim: Claim): void {
    if (!this.claims[what].delete(claim) || what !== "publishers" || claim.owner === undefined) return;
    const left = (this.owners.get(claim.owner) ?? 0) - 1;
    if (left > 0) this.owners.set(claim.owner, left);
    else this.owners.delete(claim.owner);
  }
}

/**
 * Counts what is in use under each policy that bounds it. What no policy bounds is counted as well, because a policy may come while it is in
 * use. A lower bound ends nothing: it refuses until enough has ended.
 */
export class PolicyLedger {
  #table: PolicyTable;
  /** By prefix. */
  readonly #accounts = new Map<string, Account>();
  /** What no policy bounds. */
  readonly #free = new Account("");

  constructor(table: PolicyTable) {
    this.#table = table;
  }

  /**
   * Counts one more of `what` until the returned function is called, which may be called again. Refused when a policy has reached its bound.
   */
  take(what: Claimed, claim: Claim): (() => void) | PolicyRefusal {
    const parts = partsOf(what, claim);
    for (const part of parts) {
      const refusal = this.#refusal(part, claim);
      if (refusal !== undefined) return refusal;
    }
    for (const part of parts) this.#accountOf(part, claim.path).add(part, claim);
    let over = false;
    return () => {
      if (over) return;
      over = true;
      const accounts = parts.map((part) => [part, this.#accountOf(part, claim.path)] as const);
      for (const [part, account] of accounts) account.delete(part, claim);
      if (what === "broadcasts") for (const account of new Set(accounts.map(([, one]) => one))) this.#makeRoom(account);
    };
  }

  /** Calls `callback` once there may be room for what was refused: first come, first served. Returns a cancel. */
  whenRoom({ prefix }: PolicyRefusal, callback: () => void): () => void {
    this.#account(prefix).waiting.add(callback);
    return () => this.#accounts.get(prefix)?.waiting.delete(callback);
  }

  /** Counts by other policies from now on. What is in use stays. */
  reconfigure(table: PolicyTable): void {
    this.#table = table;
    const before = [...this.#accounts.values(), this.#free];
    const claims = before.flatMap(({ claims }) => COUNTED.map((what) => [what, [...claims[what]]] as const));
    const waiting = before.flatMap((account) => [...account.waiting]);
    for (const account of before) {
      for (const what of COUNTED) account.claims[what].clear();
      account.owners.clear();
      account.waiting.clear();
    }
    const prefixes = new Set(table.policies.map(({ prefix }) => prefix));
    for (const prefix of this.#accounts.keys()) if (!prefixes.has(prefix)) this.#accounts.delete(prefix);
    for (const [what, all] of claims) for (const claim of all) this.#accountOf(what, claim.path).add(what, claim);
    for (const again of waiting) again();
  }

  /** By policy, in the order of the table. */
  *uses(): Generator<PolicyUse> {
    for (const { prefix } of this.#table.policies) {
      const account = this.#account(prefix);
      yield { prefix, used: record((what) => account.count(what)), refused: account.refused };
    }
  }

  #refusal(what: Counted, { path, owner }: Claim): PolicyRefusal | undefined {
    const given = this.#table.find(path)[what];
    if (given === undefined || given.value === 0) return undefined;
    const account = this.#account(given.prefix);
    if (account.count(what) < given.value) return undefined;
    if (what === "publishers" && owner !== undefined && account.owners.has(owner)) return undefined;
    if (madeRoom(account.claims[what])) return undefined;
    account.refused[what]++;
    return { bound: what, prefix: given.prefix, most: given.value };
  }

  /** A callback that is refused again joins the end of the line, and this loop leaves it for the next place. */
  #makeRoom({ prefix, waiting }: Account): void {
    let left = waiting.size;
    for (const callback of waiting) {
      if (left-- === 0 || this.#isFull(prefix)) return;
      waiting.delete(callback);
      callback();
    }
  }

  #isFull(prefix: string): boolean {
    const given = this.#table.find(prefix).broadcasts;
    return given?.prefix === prefix && given.value > 0 && this.#account(prefix).count("broadcasts") >= given.value;
  }

  #accountOf(what: Counted, path: string): Account {
    const given = this.#table.find(path)[what];
    return given === undefined ? this.#free : this.#account(given.prefix);
  }

  #account(prefix: string): Account {
    const known = this.#accounts.get(prefix);
    if (known !== undefined) return known;
    const account = new Account(prefix);
    this.#accounts.set(prefix, account);
    return account;
  }
}

function madeRoom(claims: ReadonlySet<Claim>): boolean {
  let asked = 0;
  for (const claim of claims) {
    if (asked++ >= MOST_ASKED) return false;
    if (claim.giveUp?.() === true) return true;
  }
  return false;
}

function partsOf(what: Claimed, { owner }: Claim): readonly Counted[] {
  return what === "broadcasts" && owner !== undefined ? ["broadcasts", "publishers"] : [what];
}

function record<T>(of: (what: Counted) => T): Record<Counted, T> {
  return Object.fromEntries(COUNTED.map((what) => [what, of(what)])) as Record<Counted, T>;
}
