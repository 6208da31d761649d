import type { Clock } from "../../moq/clock.ts";
import type { Advertisement, Publication } from "../../moq/model/index.ts";
import type { Following, Session } from "../../moq/session/index.ts";
import { type Holding, RELAY_COST, SESSION_COST } from "../contract.ts";

/** What an ask tells its owner. A broadcast is known by its path and the relay that has it. */
export interface AskEvents {
  /** It is to be had; told again when something of it changes. */
  holding(holding: Holding, ask: RootlessAsk): void;
  /** This ask knows no more of it. */
  forgotten(holding: Holding, ask: RootlessAsk): void;
  /** Whoever was asked took it back. */
  over(holding: Holding, ask: RootlessAsk): void;
  /** The relay that was asked has announced all that it knows. */
  answered(): void;
  /** It has been answered for so long that what was not told is not there. */
  settled(ask: RootlessAsk): void;
}

export interface AskDeps {
  readonly clock: Clock;
  /** Name of the relay that is asked. */
  readonly node: string;
  /** Name of the relay with that id in the hops, where it is known. */
  readonly named: (hop: bigint) => string | undefined;
  /** Milliseconds that what was told stays known after the link has gone. */
  readonly leaseMs: number;
  readonly events: AskEvents;
}

/** What one relay tells of the broadcasts under one prefix, from one link to the next. */
export class RootlessAsk {
  readonly prefix: string;
  readonly node: string;
  readonly #deps: AskDeps;
  /** By path. */
  readonly #told = new Map<string, Holding>();
  /** Told over a link that is gone, and not again since. */
  readonly #stale = new Set<string>();
  #following: Following | undefined;
  #answered = false;
  #cancelReview = () => {};

  constructor(prefix: string, deps: AskDeps) {
    this.prefix = prefix;
    this.node = deps.node;
    this.#deps = deps;
  }

  /** The scope under which the table of routes has it: no other ask's. */
  get scope(): string {
    return `tiers/${this.node}/${this.prefix}`;
  }

  /** It is asked over a link that is up. */
  get following(): boolean {
    return this.#following !== undefined;
  }

  /** The relay that is asked now has announced all that it knows. */
  get answered(): boolean {
    return this.#answered;
  }

  get told(): Iterable<Holding> {
    return this.#told.values();
  }

  get(path: string): Holding | undefined {
    return this.#told.get(path);
  }

  follow(session: Pick<Session, "follow">): void {
    const answer = { cut: false };
    const current = () => this.#following === following && !answer.cut;
    const following: Following = session.follow(this.prefix, {
      list: () => [],
      watch: () => () => {},
      publish: (path, advertisement) => this.#heard(path, advertisement, current),
      cut: () => {
        if (current()) this.#cut(session);
        answer.cut = true;
      },
    });
    this.#following = following;
    this.#answered = false;
    void following.complete.then(() => {
      if (!current()) return;
      this.review();
      this.#answered = true;
      this.#deps.events.answered();
    });
  }

  /** The relay ended its answer before the link. What it announced stays known, and it is asked again after a lease. */
  #cut(session: Pick<Session, "follow">): void {
    for (const path of this.#told.keys()) this.#stale.add(path);
    this.#cancelReview();
    this.#cancelReview = this.#deps.clock.timer(this.#deps.leaseMs, () => {
      this.#following?.stop();
      this.follow(session);
    });
  }

  /** What is not told again is forgotten after a while: whoever is asked may ask others, who have not answered yet. */
  review(): void {
    this.#cancelReview();
    this.#cancelReview = this.#deps.clock.timer(this.#deps.leaseMs, () => {
      for (const path of [...this.#stale]) this.#forget(path);
      if (this.#following !== undefined) this.#deps.events.settled(this);
    });
  }

  /** The link is gone: what came over it is believed for a while. */
  lost(): void {
    if (this.#following === undefined) return;
    this.#following = undefined;
    this.#answered = false;
    for (const path of this.#told.keys()) this.#stale.add(path);
    this.review();
  }

  stop(): void {
    const following = this.#following;
    this.#following = undefined;
    this.#answered = false;
    this.#cancelReview();
    following?.stop();
    for (const path of [...this.#told.keys()]) this.#forget(path);
  }

  #heard(path: string, advertisement: Advertisement, current: () => boolean): Publication {
    this.#tell(path, advertisement);
    return {
      update: (next) => this.#tell(path, next),
      end: (lost) => {
        // What goes with the link is stale, not over.
        const holding = this.#told.get(path);
        if (lost || !current() || holding === undefined) return;
        this.#told.delete(path);
        this.#stale.delete(path);
        this.#deps.events.over(holding, this);
      },
    };
  }

  #tell(path: string, { epoch, hops, cost, ended }: Advertisement): void {
    const { events } = this.#deps;
    // The last hop is the relay that was asked; where it has the broadcast from another one, that one is before it.
    const holder = this.#deps.named(hops.at(-2) ?? 0n);
    const told = { path, epoch, ended };
    const holding: Holding =
      holder === undefined
        ? { ...told, node: this.node, hops, cost: Math.max(0, cost - SESSION_COST) }
        : { ...told, node: holder, hops: hops.slice(0, -1), cost: Math.max(0, cost - SESSION_COST - RELAY_COST) };
    const before = this.#told.get(path);
    this.#told.set(path, holding);
    this.#stale.delete(path);
    events.holding(holding, this);
    if (before !== undefined && before.node !== holding.node) events.forgotten(before, this);
  }

  #forget(path: string): void {
    const holding = this.#told.get(path);
    this.#stale.delete(path);
    if (holding === undefined) return;
    this.#told.delete(path);
    this.#deps.events.forgotten(holding, this);
  }
}
