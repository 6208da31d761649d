import type { Advertisement, Publication, Source } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import type { Announced, AnnounceTable, AnnounceWatcher } from "../../moq/session/index.ts";
import type { WebhookEvent } from "./events.ts";

type Changed = (type: WebhookEvent & ("publish" | "unpublish"), path: string) => void;

/** Calls `changed` when a session publishes a broadcast in `table`, and when it no longer does. Everything else is that of `table`. */
export function watchPublications(table: AnnounceTable, changed: Changed): AnnounceTable {
  return table.whenRoom === undefined ? new WatchedTable(table, changed) : new WatchedTableWithRoom(table, changed);
}

/** A class, because each session has one: an object of functions would take ten times the memory. */
class WatchedTable implements AnnounceTable {
  protected readonly table: AnnounceTable;
  readonly #changed: Changed;

  constructor(table: AnnounceTable, changed: Changed) {
    this.table = table;
    this.#changed = changed;
  }

  list(prefix: string): Iterable<Announced> {
    return this.table.list(prefix);
  }

  watch(prefix: string, watcher: AnnounceWatcher, interests?: readonly string[]): () => void {
    return this.table.watch(prefix, watcher, interests);
  }

  cut(reason: Reason): void {
    this.table.cut?.(reason);
  }

  publish(path: string, advertisement: Advertisement, source: Source): Publication | Reason {
    const publication = this.table.publish(path, advertisement, source);
    if (typeof publication === "string") return publication;
    const changed = this.#changed;
    changed("publish", path);
    let over = false;
    return {
      update: (next) => publication.update(next),
      ...(publication.leave !== undefined && { leave: () => publication.leave?.() }),
      end: (lost) => {
        publication.end(lost);
        if (!over) changed("unpublish", path);
        over = true;
      },
    };
  }
}

/** Without `whenRoom` a publication that is refused with `limit` is given up at once. */
class WatchedTableWithRoom extends WatchedTable {
  whenRoom(callback: () => void): () => void {
    return this.table.whenRoom?.(callback) ?? (() => {});
  }
}
