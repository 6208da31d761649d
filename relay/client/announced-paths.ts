import type { Advertisement, Broadcasts, Publication } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import type { Announced, AnnounceTable, AnnounceWatcher } from "../../moq/session/index.ts";

/** A broadcast started or ended. */
export interface AnnouncedChange {
  readonly path: string;
  readonly active: boolean;
  /** Ids of the publisher and of the relays on the way, as far as the version names them; 0 is unknown. */
  readonly hops: readonly bigint[];
}

/**
 * The paths that one relay announces to a client; what the client announces to the relay is a table of its own. The end of the session, or
 * of an incomplete list, ends no broadcast.
 */
export class AnnouncedPaths implements AnnounceTable {
  readonly #own: Broadcasts;
  /** Hops by path. */
  readonly #live = new Map<string, readonly bigint[]>();
  readonly #watchers = new Set<(change: AnnouncedChange) => void>();
  readonly #cut = Promise.withResolvers<Reason>();
  #over = false;

  /** `own`: the broadcasts of the client. */
  constructor(own: Broadcasts) {
    this.#own = own;
  }

  /** Resolves with a reason when the relay stops announcing although the session goes on. */
  get ended(): Promise<Reason> {
    return this.#cut.promise;
  }

  has(path: string): boolean {
    return this.#live.has(path);
  }

  /** Calls `onChange` for each path that is live now and then for every change, until the returned function is called. */
  follow(onChange: (change: AnnouncedChange) => void): () => void {
    for (const [path, hops] of this.#live) onChange({ path, active: true, hops });
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  publish(path: string, { hops }: Advertisement): Publication {
    this.#set(path, hops);
    return {
      update: (next) => {
        if (this.#live.has(path)) this.#live.set(path, next.hops);
      },
      end: (lost) => {
        if (!lost) this.#set(path, undefined);
      },
    };
  }

  cut(reason: Reason): void {
    this.#over = true;
    this.#cut.resolve(reason);
  }

  list(prefix: string): Iterable<Announced> {
    return this.#own.list(prefix);
  }

  watch(prefix: string, watcher: AnnounceWatcher, interests?: readonly string[]): () => void {
    return this.#own.watch(prefix, watcher, interests);
  }

  /** `hops` are those of a live broadcast. */
  #set(path: string, hops: readonly bigint[] | undefined): void {
    const active = hops !== undefined;
    if (this.#over || active === this.#live.has(path)) return;
    if (hops !== undefined) this.#live.set(path, hops);
    else this.#live.delete(path);
    for (const tell of [...this.#watchers]) tell({ path, active, hops: hops ?? [] });
  }
}
