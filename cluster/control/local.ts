import type { Clock } from "../../moq/clock.ts";
import { type Advertisement, type Publication, sumOfCosts } from "../../moq/model/index.ts";
import type { Announced, AnnounceTable, Following, Session } from "../../moq/session/index.ts";
import { SESSION_COST } from "../contract.ts";
import { NULL_SOURCE } from "./null-source.ts";

/** What a relay needs of its session with a root. */
export type ControlSession = Pick<Session, "follow" | "close">;

/** What a root announces and receives in the control session of one relay. */
export interface ControlTable extends AnnounceTable {
  /** The relay has reported all its holdings. */
  complete(): void;
  /** The session is over; `code` is the relay's close code. */
  close(code: number): void;
}

/**
 * The session of a relay with the root that it is itself. It has no link, but announces the same as a session would, in both directions,
 * with the same hop and cost added.
 */
export class LocalSession implements ControlSession {
  readonly #root: ControlTable;
  readonly #hop: bigint;
  readonly #clock: Clock;
  readonly #defect: (error: unknown) => void;
  readonly #stops = new Set<() => void>();

  /** `own`: what the relay announces to roots, itself first. `hop`: its id. `defect`: something threw that should not have. */
  constructor(root: ControlTable, own: AnnounceTable, hop: bigint, clock: Clock, defect: (error: unknown) => void) {
    this.#root = root;
    this.#hop = hop;
    this.#clock = clock;
    this.#defect = defect;
    const relay = { publish: root.publish.bind(root) };
    this.#stops.add(own.watch("", this.#publishAll(own.list(""), relay)));
    root.complete();
  }

  /** Announces in a later turn, as a session does, so that a caller is not called back from inside its own call. */
  follow(prefix: string, table: AnnounceTable): Following {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const pending: Announced[] = [];
    let publisher: { changed(broadcast: Announced): void } | undefined;
    let stopped = false;
    const flush = () => {
      if (stopped) return;
      for (const broadcast of pending.splice(0)) publisher?.changed(broadcast);
    };
    let stopWatching = () => {};
    this.#clock.soon(() => {
      if (!stopped) {
        stopWatching = this.#root.watch(prefix, {
          changed: (broadcast) => {
            if (pending.push(broadcast) === 1) this.#clock.soon(flush);
          },
        });
        publisher = this.#publishAll(this.#root.list(prefix), table);
      }
      resolve(!stopped);
    });
    const stop = () => {
      stopped = true;
      stopWatching();
      this.#stops.delete(stop);
    };
    this.#stops.add(stop);
    return { stop, complete: promise };
  }

  close(code: number): void {
    for (const stop of this.#stops) stop();
    this.#stops.clear();
    this.#root.close(code);
  }

  /** Publishes what there is, as the other end of a session would see it; the result publishes changes. A defect stops one broadcast alone. */
  #publishAll(first: Iterable<Announced>, to: Pick<AnnounceTable, "publish">): { changed(broadcast: Announced): void } {
    const publications = new Map<string, Publication>();
    const changed = (broadcast: Announced) => {
      try {
        pass(broadcast, publications, to, this.#hop);
      } catch (error) {
        this.#defect(error);
      }
    };
    for (const broadcast of first) changed(broadcast);
    return { changed };
  }
}

function pass(
  broadcast: Announced,
  publications: Map<string, Publication>,
  to: Pick<AnnounceTable, "publish">,
  hop: bigint,
): void {
  const { path } = broadcast;
  const known = publications.get(path);
  const advertisement = broadcast.route()?.advertisement;
  if (advertisement === undefined) {
    publications.delete(path);
    known?.end(false);
    return;
  }
  const seen = overSession(advertisement, hop);
  if (known !== undefined) {
    known.update(seen);
    return;
  }
  const publication = to.publish(path, seen, NULL_SOURCE);
  if (typeof publication !== "string") publications.set(path, publication);
}

function overSession({ epoch, hops, cost, ended }: Advertisement, hop: bigint): Advertisement {
  return { epoch, hops: [...hops, hop], cost: sumOfCosts(cost, SESSION_COST), ended };
}
