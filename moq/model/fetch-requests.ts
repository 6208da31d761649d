import type { Reason } from "../reason.ts";
import type { Asker, Channel, FetchRange, FetchReader, OutStream, Subscriber } from "./contract.ts";
import type { Route } from "./routes.ts";
import type { Track } from "./track.ts";

/** What a fetch is of, and who asks. */
export interface FetchWhere extends Pick<Subscriber, "asker" | "epoch" | "later"> {
  readonly path: string;
  readonly track: string;
  readonly priority: number;
  /** Its numbers are the publisher's own: see `ownNumbers` of {@link Subscriber}. */
  readonly ownNumbers?: boolean;
}

/** What a fetch of a range is of, and who asks. */
export interface RangeWhere extends FetchWhere {
  readonly range: FetchRange;
  /** Milliseconds that it waits for sources in all, and then reports what they have not sent as timed out. Absent: no bound of its own. */
  readonly waitMs?: number | undefined;
}

/** What a fetch needs of the broadcasts. */
export interface FetchTable {
  /** A broadcast without a route may get one. */
  isFindable(): boolean;
  routeOf(path: string): Route | undefined;
  track(path: string, name: string, asker: Asker | undefined, epoch: bigint | undefined): Track | Reason;
}

/** How one fetch is begun at its track, and how it is refused. */
interface Answer {
  /** Returns a cancel. */
  begin(track: Track): () => void;
  refuse(reason: Reason): void;
}

type Over = (payloadBytes: number) => void;

/** One group, as frames on a stream. */
export function groupFetch(
  where: FetchWhere & { readonly sequence: number },
  channel: Channel,
  stream: OutStream,
  over: Over,
): Answer {
  const { sequence: number, priority, ownNumbers: own = false, asker, later } = where;
  return {
    begin: (track) => track.fetches.group({ number, own, priority, asker, later }, channel, stream, over),
    refuse: (reason) => {
      stream.reset(channel.dialect.resetCode(reason));
      over(0);
    },
  };
}

/** A range of objects. */
export function rangeFetch(where: RangeWhere, reader: FetchReader, over: Over): Answer {
  const { range, waitMs, priority, ownNumbers: own = false, asker, later } = where;
  return {
    begin: (track) => track.fetches.range({ range, waitMs, own, priority, asker, later }, reader, over),
    refuse: (reason) => {
      reader.reset(reason);
      over(0);
    },
  };
}

/** Begins a fetch, and waits for the track's broadcast if need be. Returns a cancel. */
export function startFetch(table: FetchTable, where: FetchWhere, answer: Answer): () => void {
  const refuse = (reason: Reason) => {
    answer.refuse(reason);
    return () => {};
  };
  const route = table.routeOf(where.path);
  if (route === undefined && !table.isFindable()) return refuse("not_found");
  const { asker, epoch } = where;
  const track = table.track(where.path, where.track, asker, epoch);
  if (typeof track === "string") return refuse(track);
  if (route !== undefined && route.leaving !== true) return answer.begin(track);
  // The finder may know another route: the track's properties come once it has found one.
  let cancel = () => {};
  const leave = track.ask(
    (result) => {
      cancel = typeof result === "string" ? refuse(result) : answer.begin(track);
    },
    asker,
    epoch,
  );
  return () => {
    leave();
    cancel();
  };
}
