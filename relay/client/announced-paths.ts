import type { Publication } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import type { AnnounceTable } from "../../moq/session/index.ts";

/** A broadcast started or ended. */
export interface AnnouncedChange {
  readonly path: string;
  readonly active: boolean;
}

/** The paths that one relay announces to a client. The end of the session, or of an incomplete list, ends no broadcast. */
export class AnnouncedPaths implements AnnounceTable {
  readonly #live = new Set<string>();
  readonly #watchers = new Set<(change: AnnouncedChange) => void>();
  readonly #cut = Promise.withResolvers<Reason>();
  #over = false;

  /** Resolves with a reason when the relay stops announcing although the session goes on. */
  get ended(): Promise<Reason> {
    return this.#cut.promise;
  }

  has(path: string): boolean {
    return this.#live.has(path);
  }

  /** Calls `onChange` for each path that is live now and then for every change, until the returned function is called. */
  follow(onChange: (change: AnnouncedChange) => void): () => void {
    for (const path of this.#live) onChange({ path, active: true });
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  publish(path: string): Publication {
    this.#set(path, true);
    return {
      update: () => {},
      end: (lost) => {
        if (!lost) this.#set(path, false);
      },
    };
  }

  cut(reason: Reason): void {
    this.#over = true;
    this.#cut.resolve(reason);
  }

  /** This client announces nothing to the relay. */
  list(): [] {
    return [];
  }

  watch(): () => void {
    return () => {};
  }

  #set(path: string, active: boolean): void {
    if (this.#over || active === this.#live.has(path)) return;
    if (active) this.#live.add(path);
    else this.#live.delete(path);
    for (const tell of [...this.#watchers]) tell({ path, active });
  }
}
