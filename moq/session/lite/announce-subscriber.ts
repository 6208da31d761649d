import type { BidiStream } from "../../link.ts";
import type { Advertisement, Publication } from "../../model/index.ts";
import { joinPath, pathParts } from "../../path.ts";
import type { Reason } from "../../reason.ts";
import { READ } from "../../wire/codec/index.ts";
import { type AnnounceResponse, announceResponses, encodeRequest } from "../../wire/lite/index.ts";
import { ANNOUNCE_HOLD_MS } from "../announce-responder.ts";
import type { AnnounceTable } from "../contract.ts";
import type { Taker } from "../intake.ts";
import type { Place } from "../opener.ts";
import { codeOf, reasonOf } from "./codes.ts";
import type { OldContext } from "./old-context.ts";
import type { PeerSource } from "./source.ts";

/** What accepting from this peer costs when it declares nothing (moq-lite Cost parameter). */
const DEFAULT_COST = 1;

interface Heard {
  readonly path: string;
  /** Nothing when the peer may not publish it, or it leads back to us. */
  publication: Publication | undefined;
  /** Waits for a place among all broadcasts no longer. */
  leaveLine: () => void;
  /** What it counts for among the broadcasts of several sessions is given back. */
  giveBack: () => void;
}

/** Asks the peer for its announcements and puts them into the table of broadcasts. */
export class AnnounceSubscriber implements Taker {
  readonly #context: OldContext;
  readonly #source: PeerSource;
  readonly #prefix: string;
  readonly #table: AnnounceTable;
  readonly #reader;
  readonly #done: (complete: boolean) => void;
  /** By suffix; where announcements have ids they are looked up there first. */
  readonly #heard = new Map<string, Heard>();
  /** Nothing for an announcement that was refused by itself. */
  readonly #byId = new Map<number, string | undefined>();
  /** Of those, the ones that were refused by themselves. */
  #nameless = 0;
  #nextId = 0;
  /** Some announcements were not taken in for the bound on them, so an id that is not known may be one of theirs. */
  #beyond = false;
  /** Nothing that comes is of interest. */
  #over = false;
  #reported = false;
  #askedAt = 0;
  /** The answer came sooner than from a peer that gave up waiting for others. */
  #soon = false;
  #peerHop: bigint | undefined;
  #awaited: number | undefined;
  #stream: BidiStream | undefined;
  #place: Place | undefined;

  /**
   * `prefix` is relative to the root. `done` is called once the first announcements are in; `complete`: the peer answered before it
   * gives up waiting for other relays, so they are all that there is.
   */
  constructor(
    context: OldContext,
    source: PeerSource,
    prefix: string,
    table: AnnounceTable,
    done: (complete: boolean) => void,
  ) {
    this.#context = context;
    this.#source = source;
    this.#prefix = prefix;
    this.#table = table;
    this.#done = done;
    this.#reader = announceResponses(context.caps, context.wire);
  }

  start(): void {
    const request = {
      kind: "announce" as const,
      prefix: this.#prefix,
      excludeHop: this.#context.deps.hop,
      ended: true,
    };
    this.#place = this.#context.opener.open({
      handler: this,
      opened: (stream) => {
        this.#stream = stream;
        const { caps, deps } = this.#context;
        this.#askedAt = deps.clock.now();
        stream.write(encodeRequest(request, caps));
        // Before ANNOUNCE_OK nothing tells when the first ones are in.
        if (!caps.announceOk) deps.clock.timer(FIRST_ANNOUNCEMENTS_MS, () => this.#done(false));
      },
      refused: (reason) => this.#cut(reason),
    });
  }

  data(bytes: Uint8Array): Uint8Array {
    // What had come before it was cut off may still be handed over.
    if (this.#over) return READ;
    const { share } = this.#context;
    return (
      this.#context.guard(() => this.#reader.push(bytes, (message) => this.#charge(() => this.#on(message)), share)) ??
      READ
    );
  }

  fin(): void {
    this.#context.guard(() => {
      this.#reader.finish();
      this.#cut("closed");
    });
  }

  reset(code: number): void {
    this.#context.guard(() => this.#cut(reasonOf(code)));
  }

  stop(): void {
    this.#done(false);
  }

  /** What it announces is of no more interest. */
  cancel(): void {
    this.#over = true;
    this.#place?.leave();
    this.#stream?.finish();
    this.#stream?.stop(codeOf("cancelled"));
    this.#withdraw(false);
    this.#done(false);
  }

  /** The peer asked us to leave: what it announced is for nobody new. */
  leave(): void {
    this.#charge(() => {
      for (const { publication } of this.#heard.values()) publication?.leave?.();
    });
  }

  /** Where many watch, a change is work for each of them. */
  #charge(change: () => void): void {
    const { deps, share } = this.#context;
    const before = deps.broadcasts.watcherCalls;
    change();
    share.left -= deps.broadcasts.watcherCalls - before;
  }

  /** The session is over, and its subscriptions with it. */
  close(): void {
    this.#withdraw(true);
    this.#done(false);
  }

  /** The peer announces no more here: what it announced before is withdrawn. */
  #cut(reason: Reason): void {
    this.#place?.leave();
    this.#table.cut?.(reason);
    this.#withdraw(false);
    this.#stream?.finish();
    this.#done(false);
  }

  #on(message: AnnounceResponse): void {
    // More may come with the one that ended it.
    if (this.#over) return;
    switch (message.kind) {
      case "ok":
        this.#peerHop = message.hop;
        this.#soon = this.#context.deps.clock.now() - this.#askedAt < ANNOUNCE_HOLD_MS;
        this.#awaited = message.active;
        break;
      case "start":
        this.#first(message.suffix, this.#advertisement(message));
        if (this.#awaited !== undefined) this.#awaited--;
        break;
      case "oversized":
        // The others that this publisher announces are not lost with it.
        this.#context.deps.broadcasts.counters.boundsHit[message.bound]++;
        if (this.#context.caps.announceIds) {
          const id = this.#nextId++;
          if (this.#count()) {
            this.#byId.set(id, undefined);
            this.#nameless++;
          }
        }
        if (this.#awaited !== undefined) this.#awaited--;
        break;
      case "update": {
        const suffix = this.#suffix(message.id, message.suffix);
        if (suffix !== undefined) this.#start(suffix, this.#advertisement(message), true);
        break;
      }
      case "end": {
        const suffix = this.#suffix(message.id, message.suffix);
        if (message.id !== undefined && this.#byId.delete(message.id) && suffix === undefined) {
          this.#context.heard.count--;
          this.#nameless--;
        }
        if (suffix !== undefined) this.#end(suffix);
        break;
      }
    }
    if (this.#awaited === 0) this.#done(this.#soon);
  }

  /** Resolves an announcement id; one that is unknown or retired ends the stream (moq-lite Announce). */
  #suffix(id: number | undefined, suffix: string | undefined): string | undefined {
    if (id === undefined) return suffix;
    if (!this.#byId.has(id) && !(this.#beyond && id < this.#nextId)) this.#refuse();
    return this.#byId.get(id);
  }

  /** An announcement that is no update, where the version can tell. */
  #first(suffix: string, advertisement: Advertisement): void {
    const id = this.#nextId++;
    this.#start(suffix, advertisement);
    if (this.#context.caps.announceIds && this.#heard.has(suffix)) this.#byId.set(id, suffix);
  }

  #refuse(): void {
    this.#over = true;
    this.#context.deps.broadcasts.counters.protocolViolations++;
    this.#place?.leave();
    this.#stream?.reset(codeOf("protocol"));
    this.#stream?.stop(codeOf("protocol"));
    this.#withdraw(false);
    this.#done(false);
  }

  #start(suffix: string, advertisement: Advertisement, update = false): void {
    const heard = this.#heard.get(suffix);
    if (heard !== undefined) {
      // With ids a second start for a live path is an error; before, it is how an update is told.
      if (this.#context.caps.announceIds && !update) {
        this.#refuse();
        return;
      }
      this.#again(heard, advertisement);
      return;
    }
    const path = joinPath(this.#context.deps.access.root, joinPath(this.#prefix, suffix));
    if (!this.#count()) {
      this.#refused(path, "limit");
      return;
    }
    const entry: Heard = { path, publication: undefined, leaveLine: () => {}, giveBack: () => {} };
    this.#heard.set(suffix, entry);
    this.#publish(entry, advertisement);
  }

  /** Counts one more announcement. Beyond the bound it is not taken in, and those that were are not lost for it. */
  #count(): boolean {
    const { limits, broadcasts } = this.#context.deps;
    if (this.#context.heard.count < limits.announcementsPerSession) {
      this.#context.heard.count++;
      return true;
    }
    this.#beyond = true;
    broadcasts.counters.boundsHit.announcements_per_session++;
    return false;
  }

  #again(heard: Heard, advertisement: Advertisement): void {
    if (this.#loops(advertisement)) {
      over(heard, false);
    } else if (heard.publication === undefined) {
      over(heard, false);
      this.#publish(heard, advertisement);
    } else heard.publication.update(advertisement);
  }

  #publish(heard: Heard, advertisement: Advertisement): void {
    const { access, broadcasts, quota } = this.#context.deps;
    if (this.#loops(advertisement)) return;
    if (!access.mayPublish(heard.path)) {
      // Told at once, by the only means that every version has: a publisher that is ignored waits for nothing.
      this.#context.end("unauthorized", `not allowed to publish "${heard.path}"`);
      return;
    }
    if (!this.#fits(heard.path)) {
      this.#refused(heard.path, "limit");
      return;
    }
    const giveBack = quota === undefined ? () => {} : quota.take("broadcasts");
    if (giveBack === undefined) {
      broadcasts.counters.boundsHit.tenant_broadcasts++;
      this.#context.end("limit", "too many broadcasts under this root");
      return;
    }
    heard.giveBack = giveBack;
    this.#take(heard, advertisement);
  }

  #take(heard: Heard, advertisement: Advertisement): void {
    const publication = this.#table.publish(heard.path, advertisement, this.#source);
    if (typeof publication !== "string") {
      heard.publication = publication;
      this.#context.totals.broadcasts++;
      if (this.#context.leaving) publication.leave?.();
      return;
    }
    this.#refused(heard.path, publication);
    if (publication !== "limit" || this.#table.whenRoom === undefined) {
      heard.giveBack();
      heard.giveBack = () => {};
      return;
    }
    // No version can refuse one announcement, so its publisher never makes it again: it is taken in once there is a place.
    const again = () => void this.#context.guard(() => this.#take(heard, advertisement));
    heard.leaveLine = this.#table.whenRoom(again);
  }

  /** Reports the first broadcast of the stream that is not taken in, and no others, however many there are. */
  #refused(path: string, reason: Reason): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#context.deps.refused?.(path, reason);
  }

  /** It has been here before (moq-lite Routing: the only loop defence that is needed), or as far as hops can be told. */
  #loops(advertisement: Advertisement): boolean {
    const { hops } = advertisement;
    // What we pass on has our own hop as well, and peers refuse longer lists.
    return hops.includes(this.#context.deps.hop) || hops.length >= this.#context.wire.hops;
  }

  /** With the root before it, the path is still one that can be told to others. */
  #fits(path: string): boolean {
    const { wire, deps } = this.#context;
    if (pathParts(path) <= wire.pathParts && new TextEncoder().encode(path).length <= wire.pathBytes) return true;
    deps.broadcasts.counters.boundsHit.path_bytes++;
    return false;
  }

  #end(suffix: string): void {
    const heard = this.#heard.get(suffix);
    if (heard === undefined) return;
    this.#heard.delete(suffix);
    this.#context.heard.count--;
    over(heard, false);
  }

  #withdraw(lost: boolean): void {
    const all = [...this.#heard.values()];
    this.#heard.clear();
    this.#context.heard.count -= all.length + this.#nameless;
    this.#nameless = 0;
    this.#byId.clear();
    for (const heard of all) over(heard, lost);
  }

  #advertisement(message: Advertisement): Advertisement {
    const { hops, epoch, ended, cost } = message;
    const path = this.#peerHop === undefined ? hops : [...hops, this.#peerHop];
    const more = this.#context.peerCost ?? DEFAULT_COST;
    return { hops: path, epoch, ended, cost: Math.min(cost + more, Number.MAX_SAFE_INTEGER) };
  }
}

function over(heard: Heard, lost: boolean): void {
  heard.leaveLine();
  heard.leaveLine = () => {};
  heard.publication?.end(lost);
  heard.publication = undefined;
  heard.giveBack();
  heard.giveBack = () => {};
}

/**
 * Milliseconds after which the first announcements of versions without ANNOUNCE_OK are taken to be in: as long as other versions hold
 * it back, and a round trip.
 */
const FIRST_ANNOUNCEMENTS_MS = ANNOUNCE_HOLD_MS + 250;
