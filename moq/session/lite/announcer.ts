import type { BidiStream } from "../../link.ts";
import { type Route, sameAdvertisement } from "../../model/index.ts";
import { joinPath, stripPrefix } from "../../path.ts";
import { type AnnounceRequest, encodeAnnouncement, encodeAnnounceOk } from "../../wire/lite/index.ts";
import type { Count } from "../context.ts";
import type { Announced, AnnounceTable } from "../contract.ts";
import { codeOf } from "./codes.ts";
import type { OldContext } from "./old-context.ts";

/**
 * Longest that ANNOUNCE_OK is held back while other relays of the mesh are asked what there is, in milliseconds: long beside a few
 * round trips, short for a viewer who waits.
 */
export const ANNOUNCE_HOLD_MS = 500;

/** Bytes queued on a link below which every announce stream goes on: enough to fill the path. */
const LINK_QUEUE = 256 * 1024;
/** Bytes queued on an announce stream from which on it waits for the peer to read, where the link has more than that queued. */
const STREAM_QUEUE = 16 * 1024;

/** Milliseconds between two looks whether the peer has read. */
const READ_INTERVAL_MS = 10;

/** Units of work (see `Scheduler`): of a broadcast that is looked at, and of an announcement that is written. */
const LOOK_UNITS = 1;
const WRITE_UNITS = 4;

interface Told {
  readonly id: number;
  readonly broadcast: Announced;
  route: Route;
}

/** A broadcast of which the peer may not know the newest. */
interface Changed {
  readonly broadcast: Announced;
  /** ANNOUNCE_OK counted it: a start has to come, also when the broadcast has gone meanwhile. */
  readonly promised: Route | undefined;
}

/**
 * Serves one Announce Stream: what the peer may watch under a prefix, and every change to it (moq-lite Announce).
 *
 * It notes which broadcasts changed, and writes what the peer does not know yet as far as the session's share of the turn reaches and
 * the peer reads. So a broadcast that changes more quickly than that costs one announcement, and a peer that reads nothing costs a
 * bounded queue.
 */
export class Announcer {
  readonly #context: OldContext;
  readonly #stream: BidiStream;
  readonly #request: AnnounceRequest;
  readonly #budget: Count;
  readonly #closed: () => void;
  /** By absolute path. */
  readonly #told = new Map<string, Told>();
  readonly #changes = new Map<string, Changed>();
  readonly #prefix: string;
  readonly #table: AnnounceTable;
  /** Nothing while the table is being asked. */
  #unwatch: (() => void) | undefined;
  #nextId = 0;
  #over = false;
  /** Before the first announcements are known changes need not be noted; while they are, they are not counted yet. */
  #state: "held" | "listing" | "open" = "held";
  #listing: Iterator<Announced> | undefined;
  /** The peer wants no more than what there was. */
  #finishing = false;
  #cancelTimer = () => {};

  /** `closed`: the stream is over. */
  constructor(context: OldContext, stream: BidiStream, request: AnnounceRequest, budget: Count, closed: () => void) {
    this.#context = context;
    this.#stream = stream;
    this.#request = request;
    this.#budget = budget;
    this.#closed = closed;
    this.#prefix = joinPath(context.deps.access.root, request.prefix);
    this.#table = context.deps.table ?? context.deps.broadcasts;
  }

  /** Once; the stream may be over when it returns. */
  start(): void {
    const context = this.#context;
    const { clock, access } = context.deps;
    const watcher = {
      changed: (broadcast: Announced) => void context.guard(() => this.#changed(broadcast)),
      complete: () => void context.guard(() => this.#first()),
    };
    this.#unwatch = this.#table.watch(this.#prefix, watcher, access.watchable(this.#prefix));
    if (this.#over) this.#unwatch();
    else if (!context.caps.announceOk) this.#first();
    else if (this.#state === "held") {
      this.#cancelTimer = clock.timer(ANNOUNCE_HOLD_MS, () => void context.guard(() => this.#first()));
    }
  }

  /** Sends ANNOUNCE_OK, and everything that is known by now. */
  #first(): void {
    if (this.#state !== "held" || this.#over) return;
    this.#state = "listing";
    this.#cancelTimer();
    this.#listing = this.#listable();
    if (!this.#write()) this.#context.share.later(this.#write);
  }

  /** What the peer may not watch is not looked through on its behalf. */
  *#listable(): Generator<Announced> {
    const { access } = this.#context.deps;
    for (const part of access.listable?.(this.#prefix) ?? [this.#prefix]) yield* this.#table.list(part);
  }

  /** The peer's identity became known: routes through it are taken back. */
  refresh(): void {
    for (const { broadcast } of this.#told.values()) this.#changed(broadcast);
  }

  /** The peer has finished its half: it gets what there is and no more. */
  finish(): void {
    this.#finishing = true;
    if (this.#state === "held") this.#first();
    else if (this.#state === "open" && this.#changes.size === 0) this.close();
  }

  /** The peer gave the stream up, or the session ended. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelTimer();
    this.#unwatch?.();
    this.#budget.count -= this.#told.size;
    this.#told.clear();
    for (const path of [...this.#changes.keys()]) this.#drop(path);
    this.#listing = undefined;
    this.#stream.finish();
    this.#closed();
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
    // What comes and goes before a peer that reads slowly could be told of it must not add up.
    if (promised === undefined && !this.#told.has(path) && broadcast.route() === undefined) {
      this.#changes.delete(path);
      return;
    }
    this.#changes.set(path, { broadcast, promised });
    this.#context.share.later(this.#write);
  }

  /** True when nothing is left to write now. */
  readonly #write = (): boolean => {
    const { share } = this.#context;
    while (!this.#over && share.open) {
      if (this.#state === "listing") this.#list();
      else if (this.#changes.size === 0) {
        if (this.#finishing) this.close();
        return true;
      } else if (this.#queueIsLong()) {
        this.#await();
        return true;
      } else this.#next();
    }
    return this.#over;
  };

  /** Looks at one broadcast; after the last one the peer is told how many there are. */
  #list(): void {
    const { share, caps, deps } = this.#context;
    const next = this.#listing?.next();
    share.left -= LOOK_UNITS;
    if (next?.done === false) {
      this.#promise(next.value);
      return;
    }
    this.#state = "open";
    this.#listing = undefined;
    if (caps.announceOk) this.#stream.write(encodeAnnounceOk({ hop: deps.hop, active: this.#changes.size }, caps));
  }

  /** ANNOUNCE_OK will count `broadcast`, if the peer may have it. */
  #promise(broadcast: Announced): void {
    this.#drop(broadcast.path);
    const promised = this.#fresh(broadcast);
    if (promised === undefined || !this.#take()) return;
    this.#changes.set(broadcast.path, { broadcast, promised });
  }

  /** Forgets a change, with the place that it holds. */
  #drop(path: string): void {
    if (this.#changes.get(path)?.promised !== undefined) this.#budget.count--;
    this.#changes.delete(path);
  }

  /** Takes a place among what the session is told of; where there is none this stream ends. */
  #take(): boolean {
    if (this.#budget.count < this.#context.deps.limits.announcementsPerSession) {
      this.#budget.count++;
      return true;
    }
    this.#context.deps.broadcasts.counters.boundsHit.announcements_per_session++;
    this.#stream.reset(codeOf("limit"));
    this.close();
    return false;
  }

  /** Tells of one broadcast what the peer does not know. */
  #next(): void {
    const [entry] = this.#changes;
    if (entry === undefined) return;
    const [path, { broadcast, promised }] = entry;
    this.#changes.delete(path);
    this.#context.share.left -= WRITE_UNITS;
    const told = this.#told.get(path);
    if (told !== undefined) {
      const route = this.#route(broadcast);
      if (route === undefined) this.#end(path, told);
      else if (!alike(told.route, route)) this.#update(path, told, route);
      return;
    }
    const route = this.#fresh(broadcast);
    const first = route ?? promised;
    if (first === undefined || (promised === undefined && !this.#take())) return;
    const started = this.#start(broadcast, first);
    if (route === undefined) this.#end(path, started);
  }

  #queueIsLong(): boolean {
    const { link, deps } = this.#context;
    const { sessionQueueMark: queueMark } = deps.limits;
    const own = this.#stream.queued;
    const { queued } = link;
    if (own === 0 || queued < Math.min(LINK_QUEUE, queueMark / 2)) return false;
    return own >= STREAM_QUEUE || queued >= queueMark;
  }

  #await(): void {
    const { deps, share } = this.#context;
    this.#cancelTimer();
    this.#cancelTimer = deps.clock.timer(READ_INTERVAL_MS, () => share.later(this.#write));
  }

  /** The best route that does not lead back to the peer (moq-lite Routing), if the peer may have it. */
  #route(broadcast: Announced): Route | undefined {
    const { access } = this.#context.deps;
    if (!access.maySubscribe(broadcast.path)) return undefined;
    const exclude = this.#request.excludeHop === 0n ? this.#context.peerHop : this.#request.excludeHop;
    const route = broadcast.route(exclude, this.#context.source);
    return route?.advertisement.ended === true && !this.#request.ended ? undefined : route;
  }

  /** Likewise, for a peer that does not know of it: what its publisher asked us to leave is not for those who come now. */
  #fresh(broadcast: Announced): Route | undefined {
    const route = this.#route(broadcast);
    return route?.leaving === true ? undefined : route;
  }

  #start(broadcast: Announced, route: Route): Told {
    const told = { id: this.#nextId++, broadcast, route };
    this.#told.set(broadcast.path, told);
    const { caps } = this.#context;
    this.#stream.write(
      encodeAnnouncement({ kind: "start", suffix: this.#suffix(broadcast.path), ...this.#fields(route) }, caps),
    );
    return told;
  }

  /**
   * Before announcements had ids a change cannot be told apart from a new broadcast, and players would start over
   * although their subscriptions go on; so only versions with ids hear of it.
   */
  #update(path: string, told: Told, route: Route): void {
    told.route = route;
    const { caps } = this.#context;
    if (!caps.announceIds) return;
    const fields = { kind: "update" as const, id: told.id, suffix: this.#suffix(path), ...this.#fields(route) };
    this.#stream.write(encodeAnnouncement(fields, caps));
  }

  #end(path: string, told: Told): void {
    this.#told.delete(path);
    this.#budget.count--;
    const fields = { kind: "end" as const, id: told.id, suffix: this.#suffix(path) };
    this.#stream.write(encodeAnnouncement(fields, this.#context.caps));
  }

  #fields(route: Route) {
    const { hops, epoch, ended, cost } = route.advertisement;
    const { caps, deps } = this.#context;
    // Where ANNOUNCE_OK says who we are, our own hop is left out of the list.
    return { hops: caps.announceOk ? [...hops] : [...hops, deps.hop], epoch, ended, cost };
  }

  #suffix(path: string): string {
    return stripPrefix(this.#prefix, path) ?? "";
  }
}

/** Whether a peer would be told the same of both. */
function alike(a: Route, b: Route): boolean {
  return a === b || (a.source === b.source && sameAdvertisement(a.advertisement, b.advertisement));
}
