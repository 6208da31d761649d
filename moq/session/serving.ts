import type { Counters } from "../counters.ts";
import { LazySet } from "../lazy.ts";

/** A subscription of the peer that its session serves. */
export interface Viewer {
  /** Bytes of payload that were written to the peer. */
  readonly sentPayload: number;
  /** Groups that were held back may be sent now. */
  retry(): void;
  /** The peer reads slowly: gives up old groups. */
  shed(): void;
  /** Nothing has reached the peer for a while: gives up old groups where the newest are wanted. */
  dark(): void;
  /** The peer's identity became known: a route that leads back to it is refused. */
  recheck(): void;
  /** The peer left, or the session is over. */
  cancel(): void;
}

/** A request for announcements that its session serves. */
export interface Watcher {
  /** The peer's identity became known: routes that lead back to it are withdrawn. */
  refresh(): void;
  close(): void;
}

/** What one session serves to its peer now. */
export class Serving {
  readonly #counters: Pick<Counters, "viewersActive">;
  readonly #client: boolean;
  readonly viewers = new Set<Viewer>();
  readonly watchers = new LazySet<Watcher>();
  /** Payload in bytes that subscriptions and fetches have sent which are over. */
  payload = 0;

  /** `client`: the peer is no relay of the mesh, so it counts as a viewer while it has a subscription. */
  constructor(counters: Pick<Counters, "viewersActive">, client: boolean) {
    this.#counters = counters;
    this.#client = client;
  }

  /** Payload of groups in bytes, written to the peer so far. Its cost grows with the groups that are under way. */
  get sentPayload(): number {
    let sum = this.payload;
    for (const viewer of this.viewers) sum += viewer.sentPayload;
    return sum;
  }

  /** A subscription begins. */
  join(viewer: Viewer): void {
    if (this.viewers.size === 0 && this.#client) this.#counters.viewersActive++;
    this.viewers.add(viewer);
  }

  /** The subscription is over. */
  left(viewer: Viewer): void {
    if (!this.viewers.delete(viewer)) return;
    this.payload += viewer.sentPayload;
    if (this.viewers.size === 0 && this.#client) this.#counters.viewersActive--;
  }

  retry(): void {
    for (const viewer of [...this.viewers]) viewer.retry();
  }

  shed(): void {
    for (const viewer of [...this.viewers]) viewer.shed();
  }

  dark(): void {
    for (const viewer of [...this.viewers]) viewer.dark();
  }

  /** The peer's hop id is known now: nothing is served to it that leads back to it. */
  identified(): void {
    for (const watcher of [...this.watchers]) watcher.refresh();
    for (const viewer of [...this.viewers]) viewer.recheck();
  }

  /** What ends each of them when the session is over. */
  closers(): (() => void)[] {
    return [
      ...[...this.viewers].map((viewer) => () => viewer.cancel()),
      ...[...this.watchers].map((watcher) => () => watcher.close()),
    ];
  }
}
