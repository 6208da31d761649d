import type { Route } from "../../model/broadcast.ts";
import type { BidiStream } from "../../transport/contract.ts";
import { type AnnounceRequest, encodeAnnouncement, encodeAnnounceOk } from "../../wire/lite/announce.ts";
import { joinPath, stripPrefix } from "../../wire/path.ts";
import type { Announced, AnnounceTable } from "../contract.ts";
import { codeOf } from "./codes.ts";
import type { LiteContext } from "./context.ts";

/** Broadcasts that all announce streams of a session have told of, together. */
export interface AnnounceBudget {
  used: number;
}

/**
 * Longest that ANNOUNCE_OK is held back while other relays of the mesh are asked what there is, in milliseconds: long beside a few
 * round trips, short for a viewer who waits.
 */
export const ANNOUNCE_HOLD_MS = 500;

interface Told {
  readonly id: number;
  route: Route;
}

/** Serves one Announce Stream: what the peer may watch under a prefix, and every change to it (moq-lite Announce). */
export class Announcer {
  readonly #context: LiteContext;
  readonly #stream: BidiStream;
  readonly #request: AnnounceRequest;
  readonly #budget: AnnounceBudget;
  /** By absolute path. */
  readonly #told = new Map<string, Told>();
  readonly #prefix: string;
  readonly #table: AnnounceTable;
  /** Nothing while the table is being asked. */
  #unwatch: (() => void) | undefined;
  #nextId = 0;
  #over = false;
  /** The first announcements have been sent; until then changes need not be. */
  #open = false;
  #cancelHold = () => {};

  constructor(context: LiteContext, stream: BidiStream, request: AnnounceRequest, budget: AnnounceBudget) {
    this.#context = context;
    this.#stream = stream;
    this.#request = request;
    this.#budget = budget;
    this.#prefix = joinPath(context.deps.access.root, request.prefix);
    const { clock, access } = context.deps;
    const table = context.deps.table ?? context.deps.origin;
    this.#table = table;
    const watcher = {
      changed: (broadcast: Announced) => void context.guard(() => this.#changed(broadcast)),
      complete: () => void context.guard(() => this.#first()),
    };
    this.#unwatch = table.watch(this.#prefix, watcher, access.watchable(this.#prefix));
    if (this.#over) this.#unwatch();
    else if (!context.caps.announceOk) this.#first();
    else if (!this.#open) {
      this.#cancelHold = clock.timer(ANNOUNCE_HOLD_MS, () => void context.guard(() => this.#first()));
    }
  }

  /** Sends ANNOUNCE_OK, and everything that is known by now. */
  #first(): void {
    if (this.#open || this.#over) return;
    this.#open = true;
    this.#cancelHold();
    const { deps, caps } = this.#context;
    const first: [Announced, Route][] = [];
    for (const broadcast of this.#table.broadcasts(this.#prefix)) {
      const route = this.#route(broadcast);
      if (route !== undefined && route.leaving !== true) first.push([broadcast, route]);
    }
    if (caps.announceOk) {
      const active = Math.min(first.length, this.#room());
      this.#stream.write(encodeAnnounceOk({ hop: deps.hop, active }, caps));
    }
    for (const [broadcast, route] of first) this.#start(broadcast, route);
  }

  /** The peer's identity became known: routes through it are taken back. */
  refresh(): void {
    for (const broadcast of this.#table.broadcasts(this.#prefix)) this.#changed(broadcast);
  }

  /** The peer closed the stream, or the session ended. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelHold();
    this.#unwatch?.();
    this.#budget.used -= this.#told.size;
    this.#told.clear();
    this.#stream.finish();
  }

  #room(): number {
    return this.#context.deps.limits.announcements - this.#budget.used;
  }

  /** The best route that does not lead back to the peer (moq-lite Routing), if the peer may have it. */
  #route(broadcast: Announced): Route | undefined {
    const { access } = this.#context.deps;
    if (!access.maySubscribe(broadcast.path)) return undefined;
    const exclude = this.#request.excludeHop === 0n ? this.#context.peerHop : this.#request.excludeHop;
    const route = broadcast.route(exclude, this.#context.source);
    return route?.advertisement.ended === true && !this.#request.ended ? undefined : route;
  }

  #changed(broadcast: Announced): void {
    if (this.#over || !this.#open) return;
    const told = this.#told.get(broadcast.path);
    const route = this.#route(broadcast);
    if (route === undefined) {
      if (told !== undefined) this.#end(broadcast.path, told);
    } else if (told === undefined) {
      // What its publisher asked us to leave is not for those who come now.
      if (route.leaving !== true) this.#start(broadcast, route);
    } else if (!alike(told.route, route)) this.#update(broadcast.path, told, route);
  }

  #start(broadcast: Announced, route: Route): void {
    if (this.#over) return;
    if (this.#room() <= 0) {
      this.#context.deps.origin.counters.boundsHit.announcements_per_session++;
      this.#stream.reset(codeOf("limit"));
      this.close();
      return;
    }
    this.#budget.used++;
    this.#told.set(broadcast.path, { id: this.#nextId++, route });
    const { caps } = this.#context;
    this.#stream.write(
      encodeAnnouncement({ kind: "start", suffix: this.#suffix(broadcast.path), ...this.#fields(route) }, caps),
    );
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
    this.#budget.used--;
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
  if (a === b) return true;
  const [x, y] = [a.advertisement, b.advertisement];
  return (
    a.source === b.source &&
    x.epoch === y.epoch &&
    x.cost === y.cost &&
    x.ended === y.ended &&
    x.hops.length === y.hops.length &&
    x.hops.every((hop, i) => hop === y.hops[i])
  );
}
