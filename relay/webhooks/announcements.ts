import type { AnnounceTable } from "../../moq/session/index.ts";
import type { WebhookEvent } from "./events.ts";

/** Calls `changed` when a session publishes a broadcast in `table`, and when it no longer does. Everything else is that of `table`. */
export function watchPublications(
  table: AnnounceTable,
  changed: (type: WebhookEvent & ("publish" | "unpublish"), path: string) => void,
): AnnounceTable {
  return {
    list: (prefix) => table.list(prefix),
    watch: (prefix, watcher, interests) => table.watch(prefix, watcher, interests),
    cut: (reason) => table.cut?.(reason),
    // Without it a publication that is refused with `limit` is given up at once.
    ...(table.whenRoom !== undefined && { whenRoom: (callback) => table.whenRoom?.(callback) ?? (() => {}) }),
    publish(path, advertisement, source) {
      const publication = table.publish(path, advertisement, source);
      if (typeof publication === "string") return publication;
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
    },
  };
}
