import type { BidiStream } from "../../link.ts";
import { encodeTrackInfo } from "../../wire/lite/index.ts";
import type { TrackWriter } from "../track-responder.ts";
import type { LiteContext } from "./context.ts";

/** Answers on one Track Stream: the properties, then FIN (moq-lite Track). */
export function trackWriter({ caps, session }: LiteContext, stream: BidiStream): TrackWriter {
  return {
    info: (epoch, info) => {
      stream.write(encodeTrackInfo({ epoch, ...info }, caps));
      stream.finish();
    },
    refuse: (reason) => {
      const code = session.codes.codeOf(reason);
      stream.reset(code);
      stream.stop(code);
    },
    finish: () => stream.finish(),
  };
}
