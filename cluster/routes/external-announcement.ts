import type { Advertisement, Publication } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import type { Holders } from "./table.ts";

/** Hop ids of relays of the mesh that are remembered, earlier starts included: several for each relay of the largest mesh. */
const MAX_HOPS = 65_536;

/** Hops of an announcement that came through another relay: a publisher's own announcement has one at most. */
const RELAYED_HOPS = 2;

export interface ExternalAnnouncementsDeps {
  /** Publishes it as held first-hand. */
  readonly publish: (advertisement: Advertisement) => Publication | Reason;
  /** Other relays of the mesh that hold it. */
  readonly holders: () => Holders | undefined;
}

/**
 * Announcements of relays outside the mesh.
 * - One that has passed through a relay of the mesh is not published: the two relays would take the broadcast from each other.
 * - Where several relays hear the same publisher from outside, they hold the same content and give it the same epoch.
 */
export class ExternalAnnouncements {
  readonly #hops = new Set<bigint>();
  readonly #byPath = new Map<string, Set<ExternalAnnouncement>>();

  /** A relay of the mesh has or had this id. 0 is no id. */
  learn(hop: bigint): void {
    if (hop === 0n || this.#hops.has(hop)) return;
    this.#hops.add(hop);
    const [oldest] = this.#hops;
    if (this.#hops.size > MAX_HOPS && oldest !== undefined) this.#hops.delete(oldest);
    for (const all of this.#byPath.values()) for (const announcement of all) announcement.review();
  }

  /** The known holders of `path` changed. */
  changed(path: string): void {
    for (const announcement of this.#byPath.get(path) ?? []) announcement.review();
  }

  publish(path: string, advertisement: Advertisement, deps: ExternalAnnouncementsDeps): Publication | Reason {
    if (advertisement.hops.length < RELAYED_HOPS) return deps.publish(advertisement);
    const announcement = new ExternalAnnouncement(advertisement, deps, (hops) =>
      hops.some((hop) => this.#hops.has(hop)),
    );
    const refused = announcement.review();
    if (refused !== undefined) return refused;
    const all = this.#byPath.get(path) ?? new Set();
    this.#byPath.set(path, all.add(announcement));
    return {
      update: (next) => announcement.update(next),
      leave: () => announcement.leave(),
      end: (lost) => {
        all.delete(announcement);
        if (all.size === 0 && this.#byPath.get(path) === all) this.#byPath.delete(path);
        announcement.end(lost);
      },
    };
  }
}

/** One announcement of a relay outside the mesh. */
class ExternalAnnouncement {
  readonly #deps: ExternalAnnouncementsDeps;
  readonly #wasInMesh: (hops: readonly bigint[]) => boolean;
  #advertisement: Advertisement;
  /** Nothing while the announcement leads back into the mesh. */
  #publication: Publication | undefined;
  /** The epoch of other holders of the same content; 0 for none. Counts where the publisher assigns none. */
  #epoch = 0n;
  #over = false;
  /** The relay outside asked us to leave. */
  #leaving = false;

  constructor(
    advertisement: Advertisement,
    deps: ExternalAnnouncementsDeps,
    wasInMesh: (hops: readonly bigint[]) => boolean,
  ) {
    this.#advertisement = advertisement;
    this.#deps = deps;
    this.#wasInMesh = wasInMesh;
  }

  update(next: Advertisement): void {
    if (next.hops[0] !== this.#advertisement.hops[0]) this.#epoch = 0n;
    this.#advertisement = next;
    if (this.#publication === undefined || this.#wasInMesh(next.hops)) this.review();
    else this.#publication.update(this.#withEpoch());
  }

  leave(): void {
    this.#leaving = true;
    this.#publication?.leave?.();
  }

  end(lost: boolean): void {
    this.#over = true;
    this.#publication?.end(lost);
    this.#publication = undefined;
  }

  /** Publishes or withdraws, by what is known now. Returns why it cannot be published. */
  review(): Reason | undefined {
    if (this.#over) return undefined;
    if (this.#wasInMesh(this.#advertisement.hops)) {
      const before = this.#publication;
      this.#publication = undefined;
      before?.end(false);
      return undefined;
    }
    const shared = this.#sharedEpoch();
    if (this.#publication !== undefined) {
      if (shared > this.#epoch) {
        this.#epoch = shared;
        this.#publication.update(this.#withEpoch());
      }
      return undefined;
    }
    this.#epoch = shared;
    const published = this.#deps.publish(this.#withEpoch());
    if (typeof published === "string") return published;
    this.#publication = published;
    if (this.#leaving) published.leave?.();
    return undefined;
  }

  #withEpoch(): Advertisement {
    const { epoch } = this.#advertisement;
    return { ...this.#advertisement, epoch: epoch === 0n ? this.#epoch : epoch };
  }

  /** The epoch at other relays that hear the same publisher; 0 for none. */
  #sharedEpoch(): bigint {
    const { epoch, hops } = this.#advertisement;
    const [first = 0n] = hops;
    const holders = epoch === 0n && first !== 0n ? this.#deps.holders() : undefined;
    return holders?.holdings.some((holding) => holding.hops[0] === first) ? holders.epoch : 0n;
  }
}
