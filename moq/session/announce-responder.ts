import type { Advertisement, Route } from "../model/index.ts";
import { stripPrefix } from "../path.ts";
import type { Reason } from "../reason.ts";
import type { SessionContext } from "./context.ts";
import type { Announced, AnnounceTable } from "./contract.ts";
import { type AnnounceInterest, newRouteFor, routeFor, sameRoute } from "./route-choice.ts";

/**
 * Milliseconds that the first announcements wait at most while other relays of the mesh are asked: long compared to a few round trips,
 * short for a viewer who waits.
 */
export const ANNOUNCE_HOLD_MS = 500;

/** Bytes queued on a link below which no announce stream waits: enough to fill the network path. */
const LINK_QUEUE = 256 * 1024;
/** Bytes queued on an announce stream at which it waits for the peer to read, where the link has more than {@link LINK_QUEUE} queued. */
const STREAM_QUEUE = 16 * 1024;

/** Milliseconds between two checks whether the peer has read. */
const READ_INTERVAL_MS = 10;

/** Units of work (see `Scheduler`): of a broadcast that is considered, and of an announcement that is written. */
const CONSIDER_UNITS = 1;
const WRITE_UNITS = 4;

/** A peer's request for announcements. */
export interface AnnounceAsk extends AnnounceInterest {
  /** Absolute. */
  readonly prefix: string;
}

/** Writes what is announced on one request, as a protocol version has it. */
export interface AnnounceWriter {
  /** Bytes queued on the stream of the request. */
  readonly queued: number;
  /** The version says how many broadcasts there are at first. So nothing is announced before other relays were asked. */
  readonly counts: boolean;
  /** An announcement stands for what is under its path as well: the peer learns the route that covers the prefix for which it asks. Absent: false. */
  readonly prefixes?: boolean;
  /** Every broadcast that there is at first is known: `active` of them follow. */
  listed(active: number): void;
  /** Returns how the announcement is referred to later. */
  start(suffix: string, advertisement: Advertisement): number;
  update(id: number, suffix: string, advertisement: Advertisement): void;
  end(id: number, suffix: string): void;
  /** Nothing more is announced. */
  finish(): void;
  /** Nothing more is announced, for a reason. Comes before `finish`. */
  refuse(reason: Reason): void;
}

interface AnnouncedToPeer {
  readonly id: number;
  readonly broadcast: Announced;
  route: Route;
}

/** A broadcast whose newest state the peer may not know. */
interface Changed {
  readonly broadcast: Announced;
  /** `listed` counted it: its start must follow, even when the broadcast is gone by then. */
  readonly promised: Route | undefined;
}

/**
 * Serves one request for announcements: what the peer may watch under a prefix, and every change to it.
 *
 * It notes which broadcasts changed, and writes them while the session's share of the turn lasts and the peer reads. So a broadcast
 * that changes several times before it is written costs one announcement, and a peer that reads nothing costs a bounded queue.
 */
export class AnnounceResponder {
  readonly #session: SessionContext;
  readonly #ask: AnnounceAsk;
  readonly #writer: AnnounceWriter;
  readonly #closed: () => void;
  /** What the peer knows, by absolute path. */
  readonly #announced = new Map<string, AnnouncedToPeer>();
  readonly #changes = new Map<string, Changed>();
  readonly #table: AnnounceTable;
  /** The route to the prefix itself, which may be that of a shorter prefix (moq-lite Announce: it appears as the prefix). */
  readonly #atPrefix: Announced | undefined;
  /** Absent while `watch` of the table has not returned. */
  #unwatch: (() => void) | undefined;
  #over = false;
  /** `held`: other relays are being asked, and changes need not be noted. `listing`: the first broadcasts are being counted. */
  #state: "held" | "listing" | "open" = "held";
  #listing: Iterator<Announced> | undefined;
  /** The peer wants no changes, only what there is at first. */
  #finishing = false;
  #cancelTimer = () => {};

  /** `closed`: the request is over. */
  constructor(session: SessionContext, ask: AnnounceAsk, writer: AnnounceWriter, closed: () => void) {
    this.#session = session;
    this.#ask = ask;
    this.#writer = writer;
    this.#closed = closed;
    this.#table = session.deps.table ?? session.deps.broadcasts;
    const { prefix } = ask;
    if (writer.prefixes === true && this.#table.resolve !== undefined) {
      this.#atPrefix = { path: prefix, route: (exclude, source) => this.#table.resolve?.(prefix, exclude, source) };
    }
  }

  /** Once. The request may be over when it returns. */
  start(): void {
    const session = this.#session;
    const { clock } = session.deps;
    const { prefix, access = session.deps.access } = this.#ask;
    const watcher = {
      changed: (broadcast: Announced) => void session.guard(() => this.#changed(this.#resolved(broadcast))),
      covered: () => void session.guard(() => this.#atPrefix && this.#changed(this.#atPrefix)),
      complete: () => void session.guard(() => this.#first()),
    };
    this.#unwatch = this.#table.watch(prefix, watcher, access.watchable(prefix));
    if (this.#over) this.#unwatch();
    else if (!this.#writer.counts) this.#first();
    else if (this.#state === "held") {
      this.#cancelTimer = clock.timer(ANNOUNCE_HOLD_MS, () => void session.guard(() => this.#first()));
    }
  }

  /** The peer's identity became known: routes through it are withdrawn. */
  refresh(): void {
    for (const { broadcast } of this.#announced.values()) this.#changed(broadcast);
  }

  /** The peer has finished its half: it gets what there is at first and no more. */
  finish(): void {
    this.#finishing = true;
    if (this.#state === "held") this.#first();
    else if (this.#state === "open" && this.#changes.size === 0) this.close();
  }

  /** The peer gave the request up, or the session is over. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelTimer();
    this.#unwatch?.();
    this.#session.announcedToPeer.count -= this.#announced.size;
    this.#announced.clear();
    for (const path of [...this.#changes.keys()]) this.#drop(path);
    this.#listing = undefined;
    this.#writer.finish();
    this.#closed();
  }

  /** The peer follows another prefix instead: all that it knows ends, and then this request does. */
  withdraw(): void {
    for (const [path, known] of [...this.#announced]) this.#end(path, known);
    this.close();
  }

  /** Begins to list what there is by now. */
  #first(): void {
    if (this.#state !== "held" || this.#over) return;
    this.#state = "listing";
    this.#cancelTimer();
    this.#listing = this.#listable();
    if (!this.#write()) this.#session.share.later(this.#write);
  }

  /** Leaves out the parts of the prefix that the peer may not watch. */
  *#listable(): Generator<Announced> {
    const { prefix, access = this.#session.deps.access } = this.#ask;
    if (this.#atPrefix !== undefined) yield this.#atPrefix;
    for (const part of access.listable?.(prefix) ?? [prefix]) {
      for (const broadcast of this.#table.list(part)) yield this.#resolved(broadcast);
    }
  }

  #resolved(broadcast: Announced): Announced {
    return broadcast.path === this.#ask.prefix ? (this.#atPrefix ?? broadcast) : broadcast;
  }

  #changed(broadcast: Announced): void {
    if (this.#over || this.#state === "held") return;
    const { path } = broadcast;
    if (this.#state === "listing") {
      this.#promise(broadcast);
      return;
    }
    if (this.#finishing) return;
    const promised = this.#changes.get(path)?.promised;
    // Broadcasts that begin and end before a slow peer reads must not add up.
    if (promised === undefined && !this.#announced.has(path) && broadcast.route() === undefined) {
      this.#changes.delete(path);
      return;
    }
    this.#changes.set(path, { broadcast, promised });
    this.#session.share.later(this.#write);
  }

  /** True when nothing is left to write now. */
  readonly #write = (): boolean => {
    const { share } = this.#session;
    while (!this.#over && share.open) {
      if (this.#state === "listing") this.#list();
      else if (this.#changes.size === 0) {
        if (this.#finishing) this.close();
        return true;
      } else if (this.#queueIsLong()) {
        this.#awaitReading();
        return true;
      } else this.#next();
    }
    return this.#over;
  };

  /** Considers one broadcast. After the last one the peer learns how many there are. */
  #list(): void {
    const next = this.#listing?.next();
    this.#session.share.left -= CONSIDER_UNITS;
    if (next?.done === false) {
      this.#promise(next.value);
      return;
    }
    this.#state = "open";
    this.#listing = undefined;
    this.#writer.listed(this.#changes.size);
  }

  /** `listed` will count `broadcast`, if the peer may have it. */
  #promise(broadcast: Announced): void {
    this.#drop(broadcast.path);
    const promised = newRouteFor(this.#session, broadcast, this.#ask);
    if (promised === undefined || !this.#count()) return;
    this.#changes.set(broadcast.path, { broadcast, promised });
  }

  /** Forgets a change, and counts it no more. */
  #drop(path: string): void {
    if (this.#changes.get(path)?.promised !== undefined) this.#session.announcedToPeer.count--;
    this.#changes.delete(path);
  }

  /** Counts one more broadcast among those that the session announces; at the bound this request ends. */
  #count(): boolean {
    const { announcedToPeer, admission, deps } = this.#session;
    if (announcedToPeer.count < deps.limits.announcementsPerSession) {
      announcedToPeer.count++;
      return true;
    }
    this.#writer.refuse(admission.full("announcements_per_session"));
    this.close();
    return false;
  }

  /** Writes what the peer does not know of one broadcast. */
  #next(): void {
    const [entry] = this.#changes;
    if (entry === undefined) return;
    const [path, { broadcast, promised }] = entry;
    this.#changes.delete(path);
    const session = this.#session;
    session.share.left -= WRITE_UNITS;
    const known = this.#announced.get(path);
    if (known !== undefined) {
      const route = routeFor(session, broadcast, this.#ask);
      if (route === undefined) this.#end(path, known);
      else if (!sameRoute(known.route, route)) {
        known.route = route;
        this.#writer.update(known.id, this.#suffix(path), route.advertisement);
      }
      return;
    }
    const route = newRouteFor(session, broadcast, this.#ask);
    const first = route ?? promised;
    if (first === undefined || (promised === undefined && !this.#count())) return;
    const started = { id: this.#writer.start(this.#suffix(path), first.advertisement), broadcast, route: first };
    this.#announced.set(path, started);
    if (route === undefined) this.#end(path, started);
  }

  #queueIsLong(): boolean {
    const { link, deps } = this.#session;
    const { sessionQueueMark } = deps.limits;
    const own = this.#writer.queued;
    const { queued } = link;
    if (own === 0 || queued < Math.min(LINK_QUEUE, sessionQueueMark / 2)) return false;
    return own >= STREAM_QUEUE || queued >= sessionQueueMark;
  }

  #awaitReading(): void {
    const { deps, share } = this.#session;
    this.#cancelTimer();
    this.#cancelTimer = deps.clock.timer(READ_INTERVAL_MS, () => share.later(this.#write));
  }

  #end(path: string, known: AnnouncedToPeer): void {
    this.#announced.delete(path);
    this.#session.announcedToPeer.count--;
    this.#writer.end(known.id, this.#suffix(path));
  }

  #suffix(path: string): string {
    return stripPrefix(this.#ask.prefix, path) ?? "";
  }
}
