import type { Advertisement, Publication } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import type { Holders } from "./table.ts";

/** Hop ids of relays of the mesh that are remembered, those of earlier starts included: several for each relay of the largest mesh. */
const MAX_HOPS = 65_536;

/** Hops from which on another relay was in between: a publisher's own announcement has its own id at most. */
const RELAYED = 2;

export interface ExternalAnnouncementsDeps {
  /** Publishes it as first-hand, with an epoch. */
  readonly publish: (advertisement: Advertisement) => Publication | Reason;
  /** Others of the mesh that have it. */
  readonly holders: () => Holders | undefined;
}

/**
 * What relays outside the mesh announce. It may have come from the mesh itself, by another of its relays: then it is not first-hand
 * here, or the two would take it from each other. And several relays may hear of it from the same one outside: then
 * they have the same content, and give it the same epoch.
 */
export class ExternalAnnouncements {
  readonly #hops = new Set<bigint>();
  readonly #byPath = new Map<string, Set<Entrance>>();

  /** A relay of the mesh has, or had, this id. 0 is no id. */
  learn(hop: bigint): void {
    if (hop === 0n || this.#hops.has(hop)) return;
    this.#hops.add(hop);
    const [oldest] = this.#hops;
    if (this.#hops.size > MAX_HOPS && oldest !== undefined) this.#hops.delete(oldest);
    for (const all of this.#byPath.values()) for (const entrance of all) entrance.look();
  }

  /** What is known of the other holders of `path` changed. */
  changed(path: string): void {
    for (const entrance of this.#byPath.get(path) ?? []) entrance.look();
  }

  publish(path: string, advertisement: Advertisement, deps: ExternalAnnouncementsDeps): Publication | Reason {
    if (advertisement.hops.length < RELAYED) return deps.publish(advertisement);
    const entrance = new Entrance(advertisement, deps, (hops) => hops.some((hop) => this.#hops.has(hop)));
    const refused = entrance.look();
    if (refused !== undefined) return refused;
    const all = this.#byPath.get(path) ?? new Set();
    this.#byPath.set(path, all.add(entrance));
    return {
      update: (next) => entrance.update(next),
      leave: () => entrance.leave(),
      end: (lost) => {
        all.delete(entrance);
        if (all.size === 0 && this.#byPath.get(path) === all) this.#byPath.delete(path);
        entrance.end(lost);
      },
    };
  }
}

/** One announcement of a relay outside. */
class Entrance {
  readonly #deps: ExternalAnnouncementsDeps;
  readonly #passed: (hops: readonly bigint[]) => boolean;
  #advertisement: Advertisement;
  /** Nothing while it leads back into the mesh. */
  #publication: Publication | undefined;
  /** That it was given here, or took over from others; 0 while it has none but the publisher's. */
  #epoch = 0n;
  #over = false;
  /** It asked us to leave. */
  #leaving = false;

  constructor(
    advertisement: Advertisement,
    deps: ExternalAnnouncementsDeps,
    passed: (hops: readonly bigint[]) => boolean,
  ) {
    this.#advertisement = advertisement;
    this.#deps = deps;
    this.#passed = passed;
  }

  update(next: Advertisement): void {
    if (next.hops[0] !== this.#advertisement.hops[0]) this.#epoch = 0n;
    this.#advertisement = next;
    if (this.#publication === undefined || this.#passed(next.hops)) this.look();
    else this.#publication.update(this.#told());
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

  /** Publishes, or takes back, by what is known now. Returns why it cannot be published. */
  look(): Reason | undefined {
    if (this.#over) return undefined;
    if (this.#passed(this.#advertisement.hops)) {
      const before = this.#publication;
      this.#publication = undefined;
      before?.end(false);
      return undefined;
    }
    const shared = this.#shared();
    if (this.#publication !== undefined) {
      if (shared > this.#epoch) {
        this.#epoch = shared;
        this.#publication.update(this.#told());
      }
      return undefined;
    }
    this.#epoch = shared;
    const published = this.#deps.publish(this.#told());
    if (typeof published === "string") return published;
    this.#publication = published;
    if (this.#leaving) published.leave?.();
    return undefined;
  }

  #told(): Advertisement {
    const { epoch } = this.#advertisement;
    return { ...this.#advertisement, epoch: epoch === 0n ? this.#epoch : epoch };
  }

  /** The epoch that another relay of the mesh gave to what the same publisher sends; 0 for none. */
  #shared(): bigint {
    const { epoch, hops } = this.#advertisement;
    const [first = 0n] = hops;
    const holders = epoch === 0n && first !== 0n ? this.#deps.holders() : undefined;
    return holders?.holdings.some((holding) => holding.hops[0] === first) ? holders.epoch : 0n;
  }
}
