import type { TrackInfo } from "../model/index.ts";
import type { Reason } from "../reason.ts";
import type { SessionContext } from "./context.ts";
import type { Responder } from "./responder.ts";

/** A peer asks for the properties of a track. */
export interface TrackAsk {
  /** Absolute. */
  readonly path: string;
  readonly track: string;
  /** 0 for the current one. */
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
  let answered = false;
  const answer = (result: TrackInfo | Reason) => {
    answered = true;
    gone();
    const epoch = broadcasts.broadcast(ask.path)?.route()?.advertisement.epoch ?? 0n;
    if (typeof result === "string") writer.refuse(result);
    else if (ask.epoch !== 0n && ask.epoch !== epoch) writer.refuse("not_found");
    else writer.info(epoch, result);
  };
  const cancel = broadcasts.info(ask.path, ask.track, answer, session.asker);
  return {
    // The request is complete, and its answer is still wanted.
    fin: () => {},
    gone: () => {
      if (answered) return;
      answered = true;
      cancel();
      gone();
      writer.finish();
    },
  };
}
