import type { BidiStream } from "../link.ts";
import { rank } from "../model/index.ts";
import type { SessionContext } from "./context.ts";
import { laterOf, type Responder } from "./responder.ts";

/** A peer asks for one group. */
export interface FetchAsk {
  /** Absolute. */
  readonly path: string;
  readonly track: string;
  /** 0 for the current one. */
  readonly epoch: bigint;
  /** 0 to 255, higher first. */
  readonly priority: number;
  readonly group: number;
}

/** Sends the frames of one group on `stream`, in the dialect of the session. `gone` is called when the request is over. */
export function serveFetch(session: SessionContext, ask: FetchAsk, stream: BidiStream, gone: () => void): Responder {
  const { broadcasts, ownNumbers = false } = session.deps;
  const { path, track, priority, group } = ask;
  stream.setPriority(rank(priority, 0, 0));
  const epoch = broadcasts.broadcast(path)?.route()?.advertisement.epoch;
  if (ask.epoch !== 0n && epoch !== undefined && epoch !== ask.epoch) {
    stream.reset(session.codes.codeOf("not_found"));
    gone();
    return { fin: () => {}, gone: () => {} };
  }
  let left = false;
  const leave = () => {
    if (left) return;
    left = true;
    gone();
  };
  const { asker, channel, share } = session;
  const where = { path, track, sequence: group, priority, ownNumbers, asker, later: laterOf(share) };
  const cancel = broadcasts.fetch(where, channel, stream, leave);
  return {
    fin: () => {},
    gone: () => {
      if (!left) cancel();
      leave();
    },
  };
}
