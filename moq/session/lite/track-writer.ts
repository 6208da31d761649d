import type { BidiStream } from "../../link.ts";
import { encodeTrackInfo } from "../../wire/lite/index.ts";
import type { TrackWriter } from "../track-responder.ts";
import { codeOf } from "./codes.ts";
import type { LiteContext } from "./context.ts";

/** Answers on one Track Stream: the properties, then FIN (moq-lite Track). */
export function trackWriter({ caps }: LiteContext, stream: BidiStream): TrackWriter {
  return {
    info: (epoch, info) => {
      stream.write(encodeTrackInfo({ epoch, ...info }, caps));
      stream.finish();
    },
    refuse: (reason) => {
      stream.reset(codeOf(reason));
      stream.stop(codeOf(reason));
    },
    finish: () => stream.finish(),
  };
}
