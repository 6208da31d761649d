import type { BidiStream } from "../link.ts";
import { type FetchRange, type FetchReader, type FetchWhere, rank } from "../model/index.ts";
import { awaitEpoch } from "./await-epoch.ts";
import type { SessionContext } from "./context.ts";
import { laterOf, type Responder } from "./responder.ts";

interface Ask {
  /** With the session's root before it. */
  readonly path: string;
  readonly track: string;
  /** The epoch that the peer asks for; 0: any epoch. */
  readonly epoch: bigint;
  /** 0 to 255, higher first. */
  readonly priority: number;
  /** Groups have their publisher's own numbers, as for relays of the mesh. Absent: those that the session's viewers see. */
  readonly ownNumbers?: boolean;
}

/** A peer asks for one group. */
export interface FetchAsk extends Ask {
  readonly group: number;
}

/** A peer asks for the objects of a range. */
export interface RangeAsk extends Ask {
  readonly range: FetchRange;
  /** Milliseconds that it waits in all for what is not in the cache; absent: as long as the model waits. */
  readonly waitMs?: number;
}

/**
 * Answers a FETCH: sends one group on `stream`, in the dialect of the session. If the broadcast has another epoch than the peer asks for,
 * resets `stream` with `replaced`. Calls `onEnd` once, when the request has ended. The caller has checked the bounds.
 */
export function serveFetch(session: SessionContext, ask: FetchAsk, stream: BidiStream, onEnd: () => void): Responder {
  return serve(session, ask, stream, onEnd, (where, end) =>
    session.deps.broadcasts.fetch({ ...where, sequence: ask.group }, session.channel, stream, end),
  );
}

/** Likewise a FETCH of a range: `reader` writes its objects and gaps to `stream`. */
export function serveRange(
  session: SessionContext,
  ask: RangeAsk,
  stream: Pick<BidiStream, "setPriority">,
  reader: FetchReader,
  onEnd: () => void,
): Responder {
  return serve(session, ask, stream, onEnd, (where, end) =>
    session.deps.broadcasts.fetchRange({ ...where, range: ask.range, waitMs: ask.waitMs }, reader, end),
  );
}

function serve(
  session: SessionContext,
  ask: Ask,
  stream: Pick<BidiStream, "setPriority">,
  onEnd: () => void,
  fetch: (where: FetchWhere, end: (payloadBytes: number) => void) => () => void,
): Responder {
  const { broadcasts } = session.deps;
  const ownNumbers = session.deps.ownNumbers === true || ask.ownNumbers === true;
  const { path, track, priority } = ask;
  stream.setPriority(rank(broadcasts.policies.termsOf(path).priority, priority, 0, 0));
  let ended = false;
  const end = (payloadBytes = 0) => {
    if (ended) return;
    ended = true;
    session.serving.payload += payloadBytes;
    onEnd();
  };
  const { asker, share } = session;
  const epoch = ask.epoch === 0n ? undefined : ask.epoch;
  const where = { path, track, priority, ownNumbers, asker, epoch, later: laterOf(share) };
  let cancel = () => {};
  const stopWaiting = awaitEpoch(session, path, ask.epoch, () => {
    cancel = fetch(where, end);
  });
  return {
    fin: () => {},
    gone: () => {
      stopWaiting();
      if (!ended) cancel();
      end();
    },
  };
}
