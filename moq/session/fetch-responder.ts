import type { BidiStream } from "../link.ts";
import { rank } from "../model/index.ts";
import { awaitEpoch } from "./await-epoch.ts";
import type { SessionContext } from "./context.ts";
import { laterOf, type Responder } from "./responder.ts";

/** A peer asks for one group. */
export interface FetchAsk {
  /** With the session's root before it. */
  readonly path: string;
  readonly track: string;
  /** The epoch that the peer asks for; 0: any epoch. */
  readonly epoch: bigint;
  /** 0 to 255, higher first. */
  readonly priority: number;
  readonly group: number;
  /** The group has its publisher's own number, as for relays of the mesh. Absent: the one that the session's viewers see. */
  readonly ownNumbers?: boolean;
}

/**
 * Answers a FETCH: sends one group on `stream`, in the dialect of the session. If the broadcast has another epoch than the peer asks for,
 * resets `stream` with `replaced`. Calls `onEnd` once, when the request has ended. The caller has checked the bounds.
 */
export function serveFetch(session: SessionContext, ask: FetchAsk, stream: BidiStream, onEnd: () => void): Responder {
  const { broadcasts } = session.deps;
  const ownNumbers = session.deps.ownNumbers === true || ask.ownNumbers === true;
  const { path, track, priority, group } = ask;
  stream.setPriority(rank(broadcasts.policies.termsOf(path).priority, priority, 0, 0));
  let ended = false;
  const end = (payloadBytes = 0) => {
    if (ended) return;
    ended = true;
    session.serving.payload += payloadBytes;
    onEnd();
  };
  const { asker, channel, share } = session;
  const epoch = ask.epoch === 0n ? undefined : ask.epoch;
  const where = { path, track, sequence: group, priority, ownNumbers, asker, epoch, later: laterOf(share) };
  let cancel = () => {};
  const stopWaiting = awaitEpoch(session, path, ask.epoch, () => {
    cancel = broadcasts.fetch(where, channel, stream, end);
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
