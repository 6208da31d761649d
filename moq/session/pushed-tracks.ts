import { LazyMap } from "../lazy.ts";
import type { Location, Publication, SubscribeOptions, TrackInfo, Upstream, UpstreamSink } from "../model/index.ts";
import type { Reason } from "../reason.ts";
import type { SessionContext } from "./context.ts";
import { type Access, permits } from "./contract.ts";
import type { AskedTrack } from "./source-protocol.ts";

/** What a route through this peer costs when the peer declares nothing. */
const DEFAULT_COST = 1;

/** A track that the peer pushes (moq-transport PUBLISH). */
export interface PushOffer {
  /** Absolute. */
  readonly path: string;
  readonly track: string;
  readonly info: TrackInfo;
  /** The newest object that the peer named. */
  readonly largest?: Location | undefined;
  /**
   * What the viewers want has changed. Undefined: no viewer wants the track, so the peer is asked to pause. Not called for what `offer`
   * finds at once: see {@link PushedTrack.wanted}.
   */
  changed(wanted: SubscribeOptions | undefined): void;
  /** Viewers wish for a new group, as `Upstream` has it. */
  requestGroup?(above: number): void;
}

/** One track that the peer pushes. */
export class PushedTrack {
  readonly path: string;
  readonly track: string;
  readonly info: TrackInfo;
  /** What viewers want of it now. Undefined: nothing, so the peer is to send nothing (FORWARD 0). */
  wanted: SubscribeOptions | undefined;
  /** Where its objects go; undefined while it has no viewer: what arrives is refused as `cancelled`. */
  sink: UpstreamSink | undefined;
  #largest: Location | undefined;
  readonly #offer: PushOffer;
  readonly #gone: (lost: boolean) => void;
  #offered = false;
  #over = false;

  constructor(offer: PushOffer, gone: (lost: boolean) => void) {
    this.path = offer.path;
    this.track = offer.track;
    this.info = offer.info;
    this.#largest = offer.largest;
    this.#offer = offer;
    this.#gone = gone;
  }

  /**
   * The peer ends it (PUBLISH_DONE): cleanly without a reason. Its last groups may follow, so the sink stays. `lost`: the session has
   * ended.
   */
  end(reason?: Reason, lost = false): void {
    if (this.#over) return;
    this.#over = true;
    this.sink?.closed(reason);
    this.#gone(lost);
  }

  /** The newest object that the peer named. */
  get largest(): Location | undefined {
    return this.#largest;
  }

  /** The peer names its newest object again. */
  names(largest: Location): void {
    this.#largest = largest;
    this.sink?.named?.(largest);
  }

  /** The peer has been answered: it is sent what changes from now on. */
  offered(): void {
    this.#offered = true;
  }

  /** The model subscribes to it. */
  join(options: SubscribeOptions, sink: UpstreamSink): Upstream {
    this.sink = sink;
    this.#want(options);
    if (options.newGroup !== undefined) this.#offer.requestGroup?.(options.newGroup);
    return {
      update: (next) => {
        if (this.sink === sink) this.#want(next);
      },
      requestGroup: (above) => {
        if (this.sink === sink && !this.#over) this.#offer.requestGroup?.(above);
      },
      cancel: () => {
        if (this.sink !== sink) return;
        this.sink = undefined;
        this.#want(undefined);
      },
    };
  }

  #want(options: SubscribeOptions | undefined): void {
    this.wanted = options;
    if (this.#offered && !this.#over) this.#offer.changed(options);
  }
}

/** The tracks of one broadcast that the peer pushes. */
interface Pushes {
  readonly tracks: Map<string, PushedTrack>;
  publication: Publication | undefined;
  /** Gives back its place among the broadcasts of its tenant. */
  readonly giveBack: () => void;
}

/**
 * The tracks that the peer pushes. The broadcast of a pushed track has a route to the peer, also where the peer has not announced it. A
 * subscription of such a track at the peer sends no request: the peer is told to send, or to pause.
 */
export class PushedTracks {
  readonly #session: SessionContext;
  readonly #byPath = new LazyMap<string, Pushes>();

  constructor(session: SessionContext) {
    this.#session = session;
  }

  /**
   * The peer offers a track. Viewers that wait for it have it at once: see {@link PushedTrack.wanted}. Refused with `unauthorized`,
   * `duplicate`, or `limit`. `access`: of a request that brings tokens of its own.
   */
  offer(offer: PushOffer, access: Access = this.#session.deps.access): PushedTrack | Reason {
    const { admission, deps, announcedByPeer } = this.#session;
    const { path, track } = offer;
    if (!permits(access, "publish", path, track)) return "unauthorized";
    const known = this.#byPath.get(path);
    if (known?.tracks.has(track)) return "duplicate";
    if (announcedByPeer.count >= deps.limits.announcementsPerSession)
      return admission.full("announcements_per_session");
    const pushes = known ?? this.#begin(path);
    if (typeof pushes === "string") return pushes;
    announcedByPeer.count++;
    const pushed = new PushedTrack(offer, (lost) => {
      pushes.tracks.delete(track);
      announcedByPeer.count--;
      this.#withdraw(path, pushes, lost);
    });
    pushes.tracks.set(track, pushed);
    const refused = this.#publish(path, pushes);
    if (refused !== undefined) {
      pushed.end(refused);
      return refused;
    }
    pushed.offered();
    return pushed;
  }

  /** Subscribes to a track that the peer pushes. Undefined where it does not, or where the track is subscribed to already. */
  join({ path, track }: AskedTrack, options: SubscribeOptions, sink: UpstreamSink): Upstream | undefined {
    const pushed = this.#byPath.get(path)?.tracks.get(track);
    if (pushed === undefined || pushed.sink !== undefined) return undefined;
    const upstream = pushed.join(options, sink);
    // The model must have the subscription before it is called.
    this.#session.share.later(() => {
      if (pushed.sink === sink) sink.info(pushed.info, pushed.largest);
      return true;
    });
    return upstream;
  }

  /** The properties of a track that the peer pushes. */
  info({ path, track }: AskedTrack): TrackInfo | undefined {
    return this.#byPath.get(path)?.tracks.get(track)?.info;
  }

  /** The peer asked us to leave: its tracks keep their viewers and get no new ones. */
  leave(): void {
    for (const { publication } of this.#byPath.values()) publication?.leave?.();
  }

  /** The session is over. */
  close(): void {
    for (const { tracks } of [...this.#byPath.values()]) {
      for (const pushed of [...tracks.values()]) pushed.end("upstream", true);
    }
  }

  #begin(path: string): Pushes | Reason {
    const { deps, admission } = this.#session;
    const giveBack = deps.quota?.take("broadcasts", path) ?? (() => {});
    if (typeof giveBack !== "function") return admission.full(giveBack.bound);
    const pushes: Pushes = { tracks: new Map(), publication: undefined, giveBack };
    this.#byPath.set(path, pushes);
    return pushes;
  }

  #publish(path: string, pushes: Pushes): Reason | undefined {
    const { deps, source, peer, totals } = this.#session;
    const pushed: ReadonlySet<string> = new Set(pushes.tracks.keys());
    const advertisement = { epoch: 0n, hops: [peer.hop], cost: peer.cost ?? DEFAULT_COST, ended: false, pushed };
    if (pushes.publication !== undefined) {
      pushes.publication.update(advertisement);
      return undefined;
    }
    const publication = (deps.table ?? deps.broadcasts).publish(path, advertisement, source);
    if (typeof publication === "string") return publication;
    pushes.publication = publication;
    totals.broadcasts++;
    if (peer.leaving) publication.leave?.();
    return undefined;
  }

  /** One of its tracks is over. */
  #withdraw(path: string, pushes: Pushes, lost: boolean): void {
    if (pushes.tracks.size > 0) {
      // The session withdraws all of them.
      if (!lost) this.#publish(path, pushes);
      return;
    }
    this.#byPath.delete(path);
    pushes.publication?.end(lost);
    pushes.giveBack();
  }
}
