import type { Clock } from "../../moq/clock.ts";
import type { Advertisement } from "../../moq/model/index.ts";
import type { Session } from "../../moq/session/index.ts";
import { type Holding, RELAY_COST, SESSION_COST } from "../contract.ts";
import { LeasedAnswer } from "../leased-answer.ts";

/** What an ask reports to its owner. A broadcast is identified by its path and the relay that holds it. */
export interface AskEvents {
  /** A relay holds it, or something of it changed. */
  holding(holding: Holding, ask: RootlessAsk): void;
  /** This ask knows it no more; others may. */
  forgotten(holding: Holding, ask: RootlessAsk): void;
  /** The relay that was asked withdrew it. */
  withdrawn(holding: Holding, ask: RootlessAsk): void;
  /** The relay that was asked has announced all that it knows. */
  answered(): void;
  /** The relay has had a full lease to answer; anything that it has not announced does not exist. */
  leaseOver(ask: RootlessAsk): void;
}

export interface AskDeps {
  readonly clock: Clock;
  /** Name of the relay that is asked. */
  readonly node: string;
  /** Name of the relay with that id in the hops, where it is known. */
  readonly named: (hop: bigint) => string | undefined;
  /** Milliseconds that an announcement stays known after the link is gone. */
  readonly leaseMs: number;
  readonly events: AskEvents;
}

/** What one relay announces of the broadcasts under one prefix, over one link after the other. */
export class RootlessAsk {
  readonly prefix: string;
  readonly node: string;
  readonly #deps: AskDeps;
  readonly #answer: LeasedAnswer<Holding>;

  constructor(prefix: string, deps: AskDeps) {
    this.prefix = prefix;
    this.node = deps.node;
    this.#deps = deps;
    const { clock, leaseMs, events } = deps;
    this.#answer = new LeasedAnswer({
      clock,
      leaseMs,
      prefix,
      read: (path, advertisement) => this.#read(path, advertisement),
      events: {
        announced: (_path, holding, before) => {
          events.holding(holding, this);
          if (before !== undefined && before.node !== holding.node) events.forgotten(before, this);
        },
        withdrawn: (_path, holding) => events.withdrawn(holding, this),
        expired: (_path, holding) => events.forgotten(holding, this),
        complete: () => events.answered(),
        leaseOver: () => {
          if (this.following) events.leaseOver(this);
        },
      },
    });
  }

  /** The scope of its holdings in the table of routes; no other ask has the same. */
  get scope(): string {
    return `tiers/${this.node}/${this.prefix}`;
  }

  /** The relay is asked over a link that is up. */
  get following(): boolean {
    return this.#answer.following;
  }

  /** The relay that is asked now has announced all that it knows. */
  get answered(): boolean {
    return this.#answer.complete;
  }

  get holdings(): Iterable<Holding> {
    return this.#answer.values();
  }

  get(path: string): Holding | undefined {
    return this.#answer.get(path);
  }

  follow(session: Pick<Session, "follow">): void {
    this.#answer.follow(session);
  }

  /** Stale holdings expire after a lease, because the relay may itself ask others that have not answered yet. */
  review(): void {
    this.#answer.expireLater();
  }

  /** The link is gone: what came over it stays known for a lease. */
  lost(): void {
    if (!this.following) return;
    this.#answer.detach();
    this.#answer.expireLater();
  }

  stop(): void {
    const holdings = [...this.#answer.values()];
    this.#answer.stop();
    for (const holding of holdings) this.#deps.events.forgotten(holding, this);
  }

  #read(path: string, { epoch, hops, cost, ended }: Advertisement): Holding {
    // The last hop is the relay that was asked. Where it takes the broadcast from another relay, that relay is the hop before.
    const holder = this.#deps.named(hops.at(-2) ?? 0n);
    const common = { path, epoch, ended };
    return holder === undefined
      ? { ...common, node: this.node, hops, cost: Math.max(0, cost - SESSION_COST) }
      : { ...common, node: holder, hops: hops.slice(0, -1), cost: Math.max(0, cost - SESSION_COST - RELAY_COST) };
  }
}
