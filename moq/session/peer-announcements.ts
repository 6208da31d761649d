import { LazyMap } from "../lazy.ts";
import { type Advertisement, type Publication, sumOfCosts } from "../model/index.ts";
import { joinPath, pathParts } from "../path.ts";
import type { Reason } from "../reason.ts";
import type { WireLimits } from "../wire/codec/index.ts";
import type { SessionContext } from "./context.ts";
import type { AnnounceTable } from "./contract.ts";

/** What a route through this peer costs when the peer declares nothing (moq-lite Cost parameter). */
const DEFAULT_COST = 1;

interface Announcement {
  readonly path: string;
  /** Absent while the announcement loops back to us, has a path that is too long, was refused by the table, or waits for a place. */
  publication: Publication | undefined;
  /** Ends its wait for a place among all broadcasts. */
  stopWaiting: () => void;
  /** Gives back its place among the broadcasts of its tenant. */
  giveBack: () => void;
}

/** The peer's answer to one ANNOUNCE_REQUEST. Checks and counts each announcement, then publishes it in `table`. */
export class PeerAnnouncements {
  readonly #session: SessionContext;
  readonly #prefix: string;
  readonly #table: AnnounceTable;
  readonly #bounds: Pick<WireLimits, "hops" | "pathParts" | "pathBytes">;
  readonly #bySuffix = new LazyMap<string, Announcement>();
  /** Announcements whose path was too long. They count towards the bound and are not stored. */
  #oversized = 0;
  #beyond = false;
  #reported = false;

  /** `prefix` is relative to the root. */
  constructor(
    session: SessionContext,
    prefix: string,
    table: AnnounceTable,
    bounds: Pick<WireLimits, "hops" | "pathParts" | "pathBytes">,
  ) {
    this.#session = session;
    this.#prefix = prefix;
    this.#table = table;
    this.#bounds = bounds;
  }

  /** Some announcements were refused because there were too many, so this object does not know all that the peer announces. */
  get beyond(): boolean {
    return this.#beyond;
  }

  has(suffix: string): boolean {
    return this.#bySuffix.has(suffix);
  }

  /** The peer announces a broadcast, or announces it again with other properties. `hops` lists every relay before this one. */
  announce(suffix: string, message: Advertisement): void {
    const advertisement = this.#withCost(message);
    const known = this.#bySuffix.get(suffix);
    if (known !== undefined) {
      this.#reannounce(known, advertisement);
      return;
    }
    const path = this.#session.absolute(joinPath(this.#prefix, suffix));
    if (!this.#count()) {
      this.#refused(path, "limit");
      return;
    }
    const entry: Announcement = { path, publication: undefined, stopWaiting: () => {}, giveBack: () => {} };
    this.#bySuffix.set(suffix, entry);
    this.#publish(entry, advertisement);
  }

  /** The peer announces a broadcast whose path is too long. False when it is not even counted. */
  announceOversized(): boolean {
    if (!this.#count()) return false;
    this.#oversized++;
    return true;
  }

  endOversized(): void {
    this.#oversized--;
    this.#session.announcedByPeer.count--;
  }

  /** The peer ends its announcement. */
  end(suffix: string): void {
    const entry = this.#bySuffix.get(suffix);
    if (entry === undefined) return;
    this.#bySuffix.delete(suffix);
    this.#session.announcedByPeer.count--;
    withdrawOne(entry, false);
  }

  /** The peer asked us to leave: its broadcasts keep their viewers and get no new ones. */
  leave(): void {
    for (const { publication } of this.#bySuffix.values()) publication?.leave?.();
  }

  /** Withdraws every announcement. `lost`: the session ended, and its subscriptions with it. */
  withdrawAll(lost: boolean): void {
    const all = [...this.#bySuffix.values()];
    this.#bySuffix.clear();
    this.#session.announcedByPeer.count -= all.length + this.#oversized;
    this.#oversized = 0;
    for (const entry of all) withdrawOne(entry, lost);
  }

  /** Runs `change` and charges the session for the watchers that it calls: where many watch, a change is work for each of them. */
  charge(change: () => void): void {
    const { deps, share } = this.#session;
    const before = deps.broadcasts.watcherCalls;
    change();
    share.left -= deps.broadcasts.watcherCalls - before;
  }

  /** Counts one more announcement. At the bound it is refused, and those before it stay. */
  #count(): boolean {
    const { announcedByPeer, admission, deps } = this.#session;
    if (announcedByPeer.count < deps.limits.announcementsPerSession) {
      announcedByPeer.count++;
      return true;
    }
    this.#beyond = true;
    admission.full("announcements_per_session");
    return false;
  }

  #reannounce(entry: Announcement, advertisement: Advertisement): void {
    if (this.#loops(advertisement)) {
      withdrawOne(entry, false);
    } else if (entry.publication === undefined) {
      withdrawOne(entry, false);
      this.#publish(entry, advertisement);
    } else entry.publication.update(advertisement);
  }

  #publish(entry: Announcement, advertisement: Advertisement): void {
    const { deps, admission } = this.#session;
    if (this.#loops(advertisement)) return;
    if (!deps.access.mayPublish(entry.path)) {
      // No protocol version has a message that refuses a single announcement. A publisher that is merely ignored would wait for ever, so its session ends.
      this.#session.end("unauthorized", `not allowed to publish "${entry.path}"`);
      return;
    }
    if (!this.#fits(entry.path)) {
      this.#refused(entry.path, admission.full("path_bytes"));
      return;
    }
    const giveBack = deps.quota?.take("broadcasts", entry.path) ?? (() => {});
    if (typeof giveBack === "function") {
      entry.giveBack = giveBack;
      this.#place(entry, advertisement);
      return;
    }
    const reason = admission.full(giveBack.bound);
    if (giveBack.whenRoom === undefined) {
      this.#session.end(reason, "too many broadcasts under this root");
      return;
    }
    this.#refused(entry.path, reason);
    // As for the bound on all broadcasts: the publisher does not announce again.
    const again = () => void this.#session.guard(() => this.#publish(entry, advertisement));
    entry.stopWaiting = giveBack.whenRoom(again);
  }

  #place(entry: Announcement, advertisement: Advertisement): void {
    const { source, totals, peer } = this.#session;
    const publication = this.#table.publish(entry.path, advertisement, source);
    if (typeof publication !== "string") {
      entry.publication = publication;
      totals.broadcasts++;
      if (peer.leaving) publication.leave?.();
      return;
    }
    this.#refused(entry.path, publication);
    if (publication !== "limit" || this.#table.whenRoom === undefined) {
      entry.giveBack();
      entry.giveBack = () => {};
      return;
    }
    // The publisher does not know of the refusal and never announces again, so the broadcast is published once there is a place.
    const again = () => void this.#session.guard(() => this.#place(entry, advertisement));
    entry.stopWaiting = this.#table.whenRoom(again);
  }

  /** Reports the first refused broadcast only, so that a flood does not fill the log. */
  #refused(path: string, reason: Reason): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#session.deps.refused?.(path, reason);
  }

  /**
   * True if the hops contain ours: the route is a loop (moq-lite Routing; no other defence is needed). Also true if the list is so long that
   * ours cannot be added.
   */
  #loops({ hops }: Advertisement): boolean {
    // We add our own hop to what we pass on, and peers refuse longer lists.
    return hops.includes(this.#session.deps.hop) || hops.length >= this.#bounds.hops;
  }

  /** The path can be announced to others, with the root before it. */
  #fits(path: string): boolean {
    const { pathParts: parts, pathBytes } = this.#bounds;
    return pathParts(path) <= parts && new TextEncoder().encode(path).length <= pathBytes;
  }

  #withCost(message: Advertisement): Advertisement {
    const more = this.#session.peer.cost ?? DEFAULT_COST;
    const cost = sumOfCosts(message.cost, more);
    if (message.coldCost === undefined) return { ...message, cost };
    return { ...message, cost, coldCost: sumOfCosts(message.coldCost, more) };
  }
}

function withdrawOne(entry: Announcement, lost: boolean): void {
  entry.stopWaiting();
  entry.stopWaiting = () => {};
  entry.publication?.end(lost);
  entry.publication = undefined;
  entry.giveBack();
  entry.giveBack = () => {};
}
