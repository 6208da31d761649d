import type { Clock } from "../../moq/clock.ts";
import type { Source } from "../../moq/model/index.ts";
import { isUnder } from "../../moq/path.ts";
import type { Session } from "../../moq/session/index.ts";
import type { PeerUser } from "../contract.ts";
import type { Health } from "../routes/index.ts";
import { type AskDeps, RootlessAsk } from "./ask.ts";
import { coalescePrefixes } from "./coalesce-prefixes.ts";

/** Milliseconds that an ask goes on when another one takes its place, and again while that one does not tell the same. */
const OVERLAP_MS = 5_000;

/** Milliseconds for a link to a relay that nobody knows anything of; then another one is asked as well. */
const PATIENCE_MS = 500;

/** Links to relays, as asks use them. */
export interface AskLinks {
  use(node: string, user: PeerUser): () => void;
  /** Nothing while it is not up. */
  session(node: string): Pick<Session, "follow"> | undefined;
  health(node: string): Health;
}

export interface AskedDeps extends AskDeps {
  readonly clock: Clock;
  readonly links: AskLinks;
  /** Whether it can be asked changed. */
  readonly changed: () => void;
  /** It is asked for more than is wanted, because that is less to ask. */
  readonly tooMany: () => void;
  /** Nobody else tells what this ask does. */
  readonly needed: (ask: RootlessAsk) => boolean;
}

interface Entry {
  readonly ask: RootlessAsk;
  /** Set while it is not wanted any more. */
  cancel: (() => void) | undefined;
}

/** One relay that is asked, for as long as there is something to ask it for; its link is kept, and dialled again, that long. */
export class AskedRelay implements PeerUser {
  readonly node: string;
  readonly #deps: AskedDeps;
  readonly #asks = new Map<string, Entry>();
  readonly #release: () => void;
  readonly #cancelPatience: () => void;
  #up = false;
  #late = false;
  #leaving = false;
  #wide = false;

  constructor(deps: AskedDeps) {
    this.node = deps.node;
    this.#deps = deps;
    this.#cancelPatience = deps.clock.timer(PATIENCE_MS, () => {
      this.#late = true;
      deps.changed();
    });
    this.#release = deps.links.use(deps.node, this);
  }

  /** It answers, or may be about to. */
  get hopeful(): boolean {
    const health = this.#deps.links.health(this.node);
    return !this.#leaving && (health === "up" || (health === "unknown" && !this.#late));
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

  /** From now on it is asked for what is under these prefixes; what it told of others is forgotten when others have told it. */
  want(wanted: ReadonlySet<string>): void {
    const { prefixes, wide } = coalescePrefixes(wanted);
    if (wide && !this.#wide) this.#deps.tooMany();
    this.#wide = wide;
    for (const prefix of prefixes) {
      const entry = this.#asks.get(prefix);
      if (entry === undefined) this.#ask(prefix);
      else if (entry.cancel !== undefined) this.#again(entry);
    }
    for (const [prefix, entry] of this.#asks) {
      if (prefixes.has(prefix)) continue;
      entry.cancel ??= this.#retire(entry);
    }
  }

  up(_source: Source): void {
    this.#up = true;
    this.#leaving = false;
    for (const { ask, cancel } of this.#asks.values()) if (cancel === undefined) this.#follow(ask);
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
    this.#cancelPatience();
    for (const { ask, cancel } of this.#asks.values()) {
      cancel?.();
      ask.stop();
    }
    this.#asks.clear();
    this.#release();
  }

  #retire(entry: Entry): () => void {
    return this.#deps.clock.timer(OVERLAP_MS, () => {
      if (this.#deps.needed(entry.ask)) {
        entry.cancel = this.#retire(entry);
        return;
      }
      this.#asks.delete(entry.ask.prefix);
      entry.ask.stop();
      this.#deps.changed();
    });
  }

  #again(entry: Entry): void {
    entry.cancel?.();
    entry.cancel = undefined;
    if (this.#up && !entry.ask.following) this.#follow(entry.ask);
  }

  #ask(prefix: string): void {
    const ask = new RootlessAsk(prefix, this.#deps);
    this.#asks.set(prefix, { ask, cancel: undefined });
    if (this.#up) this.#follow(ask);
  }

  #follow(ask: RootlessAsk): void {
    const session = this.#deps.links.session(this.node);
    if (session !== undefined) ask.follow(session);
  }
}
