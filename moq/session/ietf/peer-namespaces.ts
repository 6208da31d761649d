import type { Advertisement, Publication } from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import type { SessionContext } from "../context.ts";
import type { Access, AnnounceTable } from "../contract.ts";

/** What a route through this peer costs: moq-transport has no word for it. */
const COST = 1;

/**
 * The publisher assigns no epoch, and there are no hop ids. A namespace stands for those under it as well: the publisher is asked for the
 * tracks of all of them that it may publish (Publisher Interactions).
 */
const ADVERTISEMENT: Advertisement = { epoch: 0n, hops: [], cost: COST, ended: false };

interface Entry {
  /** Requests and messages of the peer that announce it. */
  count: number;
  readonly publication: Publication;
  /** Gives back its place among the broadcasts of its tenant. */
  readonly giveBack: () => void;
}

/**
 * The namespaces that the peer has, each published once, whether the peer announced it by PUBLISH_NAMESPACE, by NAMESPACE, or by both.
 */
export class PeerNamespaces {
  readonly #session: SessionContext;
  readonly #tables = new Map<AnnounceTable, Map<string, Entry>>();

  constructor(session: SessionContext) {
    this.#session = session;
  }

  /**
   * The peer has the namespace `path`, which is absolute. `access`: what the request may do. Returns a withdrawal, or why it is refused.
   */
  announce(path: string, table: AnnounceTable, access = this.#session.deps.access): (() => void) | Reason {
    // Also where another request has announced it, which may end before this one.
    if (!access.mayPublish(path)) return "unauthorized";
    const entries = this.#tables.get(table) ?? new Map<string, Entry>();
    const known = entries.get(path);
    const entry = known ?? this.#publish(path, table, access);
    if (typeof entry === "string") return entry;
    entry.count++;
    this.#tables.set(table, entries.set(path, entry));
    let over = false;
    return () => {
      if (over) return;
      over = true;
      if (--entry.count > 0 || entries.get(path) !== entry) return;
      entries.delete(path);
      this.#withdraw(entry, false);
    };
  }

  /** The peer asked us to leave: its broadcasts keep their viewers and get no new ones. */
  leave(): void {
    this.#charge(() => {
      for (const entries of this.#tables.values())
        for (const { publication } of entries.values()) publication.leave?.();
    });
  }

  /** The session is over, and its subscriptions with it. */
  close(): void {
    for (const entries of this.#tables.values()) {
      const all = [...entries.values()];
      entries.clear();
      for (const entry of all) this.#withdraw(entry, true);
    }
  }

  #publish(path: string, table: AnnounceTable, access: Access): Entry | Reason {
    const { deps, admission, announcedByPeer, source, totals, peer } = this.#session;
    if (announcedByPeer.count >= deps.limits.announcementsPerSession)
      return admission.full("announcements_per_session");
    const giveBack = deps.quota?.take("broadcasts", path) ?? (() => {});
    if (typeof giveBack !== "function") return admission.full(giveBack.bound);
    const publication = this.#charge(() =>
      table.publish(path, { ...ADVERTISEMENT, covers: (under) => access.mayPublish(under) }, source),
    );
    if (typeof publication === "string") {
      giveBack();
      return publication;
    }
    announcedByPeer.count++;
    totals.broadcasts++;
    if (peer.leaving) publication.leave?.();
    return { count: 0, publication, giveBack };
  }

  #withdraw({ publication, giveBack }: Entry, lost: boolean): void {
    this.#session.announcedByPeer.count--;
    this.#charge(() => publication.end(lost));
    giveBack();
  }

  /** Runs `change` and charges the session for the watchers that it calls. */
  #charge<T>(change: () => T): T {
    const { deps, share } = this.#session;
    const before = deps.broadcasts.watcherCalls;
    const result = change();
    share.left -= deps.broadcasts.watcherCalls - before;
    return result;
  }
}
