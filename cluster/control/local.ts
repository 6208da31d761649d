import type { Clock } from "../../moq/clock.ts";
import type { Advertisement, Publication } from "../../moq/model/index.ts";
import type { Announced, AnnounceTable, Following, Session } from "../../moq/session/index.ts";
import { SESSION_COST } from "../contract.ts";
import { NULL_SOURCE } from "./null-source.ts";

/** What a relay needs of its session with a root. */
export type ControlSession = Pick<Session, "follow" | "close">;

/** What a root puts into the control session of one relay. */
export interface ControlTable extends AnnounceTable {
  /** The relay has told all that there is for now. */
  complete(): void;
  /** The session is over, with that close code of the relay's. */
  close(code: number): void;
}

/**
 * A relay's session with the root that it is itself: the same announcements, both ways, with the hop and the cost that a session would
 * add, and no link.
 */
export class LocalSession implements ControlSession {
  readonly #root: ControlTable;
  readonly #hop: bigint;
  readonly #clock: Clock;
  readonly #defect: (error: unknown) => void;
  readonly #stops = new Set<() => void>();

  /** `own`: what the relay tells roots, itself first. `hop`: its id. `defect`: something threw that should not have. */
  constructor(root: ControlTable, own: AnnounceTable, hop: bigint, clock: Clock, defect: (error: unknown) => void) {
    this.#root = root;
    this.#hop = hop;
    this.#clock = clock;
    this.#defect = defect;
    const relay = { publish: root.publish.bind(root) };
    this.#stops.add(own.watch("", this.#passOn(own.list(""), relay)));
    root.complete();
  }

  /** Tells in a later turn, as a session does, so that nobody is told from inside what it tells itself. */
  follow(prefix: string, table: AnnounceTable): Following {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const waiting: Announced[] = [];
    let told: { changed(broadcast: Announced): void } | undefined;
    let stopped = false;
    const flush = () => {
      if (stopped) return;
      for (const broadcast of waiting.splice(0)) told?.changed(broadcast);
    };
    let stopWatching = () => {};
    this.#clock.soon(() => {
      if (!stopped) {
        stopWatching = this.#root.watch(prefix, {
          changed: (broadcast) => {
            if (waiting.push(broadcast) === 1) this.#clock.soon(flush);
          },
        });
        told = this.#passOn(this.#root.list(prefix), table);
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

  /** Publishes what there is, and what changes, as the other end of a session would see it. A defect with one broadcast is that one's alone. */
  #passOn(first: Iterable<Announced>, to: Pick<AnnounceTable, "publish">): { changed(broadcast: Announced): void } {
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
  return { epoch, hops: [...hops, hop], cost: cost + SESSION_COST, ended };
}
