import type { Clock } from "../../moq/clock.ts";
import type { Source } from "../../moq/model/index.ts";
import { isUnder } from "../../moq/path.ts";
import type { Session } from "../../moq/session/index.ts";
import { coalescePrefixes } from "../coalesce-prefixes.ts";
import type { PeerUser } from "../contract.ts";
import type { Health } from "../routes/index.ts";
import { type AskDeps, RootlessAsk } from "./ask.ts";

/** Milliseconds that a replaced ask keeps running; again that long while its replacement does not report the same holdings. */
const OVERLAP_MS = 5_000;

/** Milliseconds for the first link to a relay of unknown health; then another relay is asked as well. */
const FIRST_LINK_MS = 500;

/** What asks need of the links to relays. */
export interface AskLinks {
  use(node: string, user: PeerUser): () => void;
  /** Nothing while the link is not up. */
  session(node: string): Pick<Session, "follow"> | undefined;
  health(node: string): Health;
}

export interface AskedDeps extends AskDeps {
  readonly clock: Clock;
  readonly links: AskLinks;
  /** The relay became able or unable to answer. */
  readonly changed: () => void;
  /** There are too many prefixes, so fewer and wider ones are asked for. */
  readonly tooMany: () => void;
  /** No other ask reports all that this one does. */
  readonly needed: (ask: RootlessAsk) => boolean;
}

interface Entry {
  readonly ask: RootlessAsk;
  /** Set while no want needs it: the timer that ends it. */
  cancelRetirement: (() => void) | undefined;
}

/** One relay that is asked. While there is something to ask, its link is kept open and dialled again. */
export class AskedRelay implements PeerUser {
  readonly node: string;
  readonly #deps: AskedDeps;
  readonly #asks = new Map<string, Entry>();
  readonly #release: () => void;
  readonly #cancelFirstLink: () => void;
  #up = false;
  #firstLinkOver = false;
  #leaving = false;
  #wide = false;

  constructor(deps: AskedDeps) {
    this.node = deps.node;
    this.#deps = deps;
    this.#cancelFirstLink = deps.clock.timer(FIRST_LINK_MS, () => {
      this.#firstLinkOver = true;
      deps.changed();
    });
    this.#release = deps.links.use(deps.node, this);
  }

  /** The relay answers, or is likely to. */
  get hopeful(): boolean {
    const health = this.#deps.links.health(this.node);
    return !this.#leaving && (health === "up" || (health === "unknown" && !this.#firstLinkOver));
  }

  /** The relay has announced all that it knows at or under `path`. */
  answered(path: string): boolean {
    return [...this.#asks.values()].some(({ ask }) => ask.answered && isUnder(path, ask.prefix));
  }

  get size(): number {
    return this.#asks.size;
  }

  get asks(): RootlessAsk[] {
    return [...this.#asks.values()].map(({ ask }) => ask);
  }

  /** Asks for what is under these prefixes, and retires other asks: each ends once other asks report its holdings. */
  want(wanted: ReadonlySet<string>): void {
    const { prefixes, wide } = coalescePrefixes(wanted);
    if (wide && !this.#wide) this.#deps.tooMany();
    this.#wide = wide;
    for (const prefix of prefixes) {
      const entry = this.#asks.get(prefix);
      if (entry === undefined) this.#start(prefix);
      else if (entry.cancelRetirement !== undefined) this.#resume(entry);
    }
    for (const [prefix, entry] of this.#asks) {
      if (prefixes.has(prefix)) continue;
      entry.cancelRetirement ??= this.#retire(entry);
    }
  }

  up(_source: Source): void {
    this.#up = true;
    this.#leaving = false;
    for (const { ask, cancelRetirement } of this.#asks.values()) if (cancelRetirement === undefined) this.#follow(ask);
    this.#deps.changed();
  }

  down(): void {
    this.#up = false;
    this.#leaving = false;
    for (const { ask } of this.#asks.values()) ask.lost();
    this.#deps.changed();
  }

  leaving(): void {
    this.#leaving = true;
    this.#deps.changed();
  }

  close(): void {
    this.#cancelFirstLink();
    for (const { ask, cancelRetirement } of this.#asks.values()) {
      cancelRetirement?.();
      ask.stop();
    }
    this.#asks.clear();
    this.#release();
  }

  #retire(entry: Entry): () => void {
    return this.#deps.clock.timer(OVERLAP_MS, () => {
      if (this.#deps.needed(entry.ask)) {
        entry.cancelRetirement = this.#retire(entry);
        return;
      }
      this.#asks.delete(entry.ask.prefix);
      entry.ask.stop();
      this.#deps.changed();
    });
  }

  #resume(entry: Entry): void {
    entry.cancelRetirement?.();
    entry.cancelRetirement = undefined;
    if (this.#up && !entry.ask.following) this.#follow(entry.ask);
  }

  #start(prefix: string): void {
    const ask = new RootlessAsk(prefix, this.#deps);
    this.#asks.set(prefix, { ask, cancelRetirement: undefined });
    if (this.#up) this.#follow(ask);
  }

  #follow(ask: RootlessAsk): void {
    const session = this.#deps.links.session(this.node);
    if (session !== undefined) ask.follow(session);
  }
}
