import type { Broadcast } from "../../model/index.ts";
import { isUnder, stripPrefix } from "../../path.ts";
import { type FullTrackName, namespaceOf, type Parameters, trackNameOf } from "../../wire/ietf/index.ts";
import type { Access } from "../contract.ts";
import type { IetfContext } from "./context.ts";
import { keyOf, type NamedTrack } from "./named-track.ts";
import { OwnPublish, type PublishEnd } from "./own-publish.ts";

/** Units of work (see `Scheduler`) of a track that is considered. */
const CONSIDER_UNITS = 4;

/** Which tracks the peer is offered, and how. */
interface Wanted {
  /** Absolute. */
  readonly prefix: string;
  /** Those that its subscriptions begin with (Parameters on SUBSCRIBE_TRACKS). */
  readonly parameters: Parameters;
  /** Says that the peer allows no PUBLISH of this track. `track` is without the prefix. Absent: the draft has no message for it. */
  readonly skipped?: (track: FullTrackName) => void;
}

/** Sends the peer a PUBLISH for each track under a prefix that a publisher pushes, to this relay or to another one. */
export class TrackOffers {
  readonly #context: IetfContext;
  readonly #skipped: Wanted["skipped"];
  #prefix: string;
  #parameters: Parameters;
  /** By path, the pushed tracks for which we have sent the peer a PUBLISH or PUBLISH_SKIPPED. */
  readonly #offered = new Map<string, Set<string>>();
  /** Keys of the tracks whose PUBLISH runs. Such a track is not offered again, also when relays name it no more for a moment. */
  readonly #running = new Set<string>();
  /** Those of them that were withdrawn since. */
  readonly #withdrawn = new Set<string>();
  /** Those of them that were withdrawn for a moment at least: the publisher may have pushed the track again when its PUBLISH ends. */
  readonly #interrupted = new Set<string>();
  /** Those that were offered but do not pass the filters. */
  readonly #filteredOut = new Set<string>();
  #unwatch = () => {};
  #over = false;

  constructor(context: IetfContext, wanted: Wanted) {
    this.#context = context;
    this.#skipped = wanted.skipped;
    this.#prefix = wanted.prefix;
    this.#parameters = wanted.parameters;
  }

  get parameters(): Parameters {
    return this.#parameters;
  }

  start(): void {
    const { session } = this.#context;
    const { broadcasts } = session.deps;
    const changed = (broadcast: Broadcast) => void session.guard(() => this.#consider(broadcast));
    const interests = this.#access.watchable(this.#prefix);
    this.#unwatch = broadcasts.watch(this.#prefix, { changed, pushed: true }, interests);
    for (const broadcast of broadcasts.list(this.#prefix)) this.#consider(broadcast);
  }

  /**
   * Tracks that are offered from now on begin with `parameters`, and are under `prefix`, if one is given. With other filters, tracks may pass that
   * did not.
   */
  change(parameters: Parameters, prefix?: string): void {
    const refiltered = parameters.rangeFilters !== this.#parameters.rangeFilters;
    this.#parameters = parameters;
    if (refiltered) {
      for (const [path, tracks] of this.#offered) {
        for (const track of tracks) if (this.#filteredOut.delete(keyOf({ path, track }))) tracks.delete(track);
      }
    }
    if (prefix !== undefined) {
      this.#unwatch();
      this.#prefix = prefix;
      // Nothing says when the tracks outside of it are withdrawn.
      for (const path of [...this.#offered.keys()]) if (!isUnder(path, prefix)) this.#forget(path, NONE);
      this.start();
    } else if (refiltered) {
      for (const broadcast of this.#context.session.deps.broadcasts.list(this.#prefix)) this.#consider(broadcast);
    }
  }

  /** What the request may do. */
  get #access(): Access {
    return this.#context.access ?? this.#context.session.deps.access;
  }

  /** Subscriptions that exist by now stay. */
  stop(): void {
    this.#over = true;
    this.#unwatch();
  }

  /** Offers the tracks of the broadcast that are new, but for those that the peer itself pushes. */
  #consider(broadcast: Broadcast): void {
    const { session } = this.#context;
    if (this.#over || !this.#access.maySubscribe(broadcast.path)) return;
    const pushed = new Set<string>();
    for (const { source, advertisement } of broadcast.routes) {
      if (source === session.source) continue;
      for (const track of advertisement.pushed ?? advertisement.offered ?? []) pushed.add(track);
    }
    session.share.left -= CONSIDER_UNITS * pushed.size;
    this.#forget(broadcast.path, pushed);
    for (const track of pushed) this.#offer({ path: broadcast.path, track });
  }

  /** Tracks that are no longer pushed are offered again when they come back. */
  #forget(path: string, pushed: ReadonlySet<string>): void {
    const offered = this.#offered.get(path);
    if (offered === undefined) return;
    for (const track of offered) {
      const key = keyOf({ path, track });
      if (pushed.has(track)) this.#withdrawn.delete(key);
      else if (this.#running.has(key)) {
        this.#withdrawn.add(key);
        this.#interrupted.add(key);
      } else this.#drop({ path, track });
    }
  }

  /** The track may be offered again. */
  #drop(named: NamedTrack): void {
    const { path, track } = named;
    const offered = this.#offered.get(path);
    this.#filteredOut.delete(keyOf(named));
    if (offered?.delete(track) && offered.size === 0) this.#offered.delete(path);
  }

  #offer(named: NamedTrack): void {
    const { path, track } = named;
    const { served, session, caps } = this.#context;
    const offered = this.#offered.get(path) ?? new Set<string>();
    if (offered.has(track) || (!caps.severalSubscriptions && served.has(named))) return;
    const name = this.#nameOf(named, session.deps.access.root);
    if (name === undefined) return;
    const key = keyOf(named);
    this.#offered.set(path, offered.add(track));
    this.#running.add(key);
    const publish = new OwnPublish(this.#context, { ...named, name, parameters: this.#parameters }, (why) =>
      this.#left(named, why),
    );
    if (!publish.start()) this.#running.delete(key);
  }

  /** A PUBLISH is over. */
  #left(named: NamedTrack, why: PublishEnd): void {
    const skipped = this.#skipped;
    const key = keyOf(named);
    this.#running.delete(key);
    if (why === "blocked" && skipped !== undefined) this.#skip(named, skipped);
    else if (why === "filtered") this.#filteredOut.add(key);
    else if (why !== "refused") this.#drop(named);
    if (this.#withdrawn.delete(key)) this.#drop(named);
    if (this.#interrupted.delete(key) && why === "over") this.#considerLater(named.path);
  }

  #considerLater(path: string): void {
    const { session } = this.#context;
    session.share.later(() => {
      const broadcast = session.deps.broadcasts.broadcast(path);
      const isWanted = !session.over && isUnder(path, this.#prefix);
      if (broadcast !== undefined && isWanted) this.#consider(broadcast);
      return true;
    });
  }

  /** The peer allows no stream for a PUBLISH. It may subscribe instead. */
  #skip(named: NamedTrack, skipped: (track: FullTrackName) => void): void {
    const suffix = this.#nameOf(named, this.#prefix);
    if (suffix !== undefined && !this.#over) skipped(suffix);
  }

  /** The full name of a track, without the part of its namespace that `prefix` stands for. */
  #nameOf({ path, track }: NamedTrack, prefix: string): FullTrackName | undefined {
    const namespace = namespaceOf(stripPrefix(prefix, path) ?? "");
    const name = trackNameOf(track);
    return namespace === undefined || name === undefined ? undefined : { namespace, name };
  }
}

const NONE: ReadonlySet<string> = new Set();
