import type { BidiStream } from "../../link.ts";
import type { RangeEnd } from "../../wire/ietf/index.ts";
import type { IetfContext } from "./context.ts";
import { FetchStream, type FetchStreamOf } from "./fetch-stream.ts";
import { refusalOf, refuseRequest } from "./refusal.ts";
import { send } from "./stream-context.ts";
import { propertiesOf } from "./track-info.ts";

interface FetchAnswer extends FetchStreamOf {
  /** Of the request. */
  readonly stream: BidiStream;
  /** FETCH_OK was sent. */
  readonly accepted: () => void;
  /** The last location that the answer covers. */
  readonly end: RangeEnd;
  /** The track has no object after that. */
  readonly endOfTrack: boolean;
}

/** Answers one fetch of the peer: FETCH_OK on its request stream, and the objects on a stream of their own (Fetch Handling). */
export function fetchAnswers(context: IetfContext, answer: FetchAnswer): FetchStream {
  const { stream, info, end, endOfTrack } = answer;
  let accepted = false;
  return new FetchStream(context, answer, {
    opened: () => {
      accepted = true;
      const properties = propertiesOf(info);
      send(stream, { kind: "fetchOk", endOfTrack, end, parameters: {}, properties }, context);
      answer.accepted();
    },
    ended: (reason) => {
      if (accepted || reason === undefined) stream.finish();
      else refuseRequest(stream, refusalOf(reason), context, "fetch");
    },
  });
}
