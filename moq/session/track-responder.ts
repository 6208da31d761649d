import type { TrackInfo } from "../model/index.ts";
import type { Reason } from "../reason.ts";
import { awaitEpoch } from "./await-epoch.ts";
import type { SessionContext } from "./context.ts";
import type { Responder } from "./responder.ts";

/** A peer asks for the properties of a track. */
export interface TrackAsk {
  /** Absolute. */
  readonly path: string;
  readonly track: string;
  /** The epoch that the peer asks for; 0: any epoch. */
  readonly epoch: bigint;
}

/** Answers one such request, as a protocol version has it. One of its methods is called, once. */
export interface TrackWriter {
  info(epoch: bigint, info: TrackInfo): void;
  refuse(reason: Reason): void;
  /** The peer is gone. */
  finish(): void;
}

/** Answers with the properties of a track once they are known. `gone` is called when the request is over. */
export function serveTrack(session: SessionContext, ask: TrackAsk, writer: TrackWriter, gone: () => void): Responder {
  const { broadcasts } = session.deps;
  const { path, track } = ask;
  const epoch = ask.epoch === 0n ? undefined : ask.epoch;
  let answered = false;
  const answer = (result: TrackInfo | Reason) => {
    answered = true;
    gone();
    const current = broadcasts.broadcast(path)?.route()?.advertisement.epoch ?? 0n;
    if (typeof result === "string") writer.refuse(result);
    else writer.info(epoch ?? current, result);
  };
  let cancel = () => {};
  const stopWaiting = awaitEpoch(session, path, ask.epoch, () => {
    cancel = broadcasts.info(path, track, answer, session.asker, epoch);
  });
  return {
    // The request is complete, and its answer is still wanted.
    fin: () => {},
    refuse: (reason) => {
      if (answered) return;
      stopWaiting();
      cancel();
      answer(reason);
    },
    gone: () => {
      if (answered) return;
      answered = true;
      stopWaiting();
      cancel();
      gone();
      writer.finish();
    },
  };
}
