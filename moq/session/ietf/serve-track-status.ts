import type { BidiStream } from "../../link.ts";
import type { Subscribe } from "../../wire/ietf/index.ts";
import { serveTrack } from "../track-responder.ts";
import type { IetfContext } from "./context.ts";
import { isRefusal, namedTrack } from "./names.ts";
import { type Refusal, refusalOf, refuseRequest } from "./refusal.ts";
import type { RequestResponder } from "./request-responder.ts";
import { send } from "./stream-context.ts";
import { propertiesOf } from "./track-info.ts";

/** TRACK_STATUS: answers with the properties of a track, then FIN. */
export function serveTrackStatus(
  context: IetfContext,
  request: Subscribe,
  stream: BidiStream,
  over: () => void,
): RequestResponder | Refusal {
  const { session } = context;
  const named = namedTrack(request, context);
  if (isRefusal(named)) return named;
  const admitted = session.admission.track(named.path, named.track, ["track_status"], context.access);
  if (typeof admitted === "string") return refusalOf(admitted);
  const writer = {
    info: (_epoch: bigint, info: Parameters<typeof propertiesOf>[0]) => {
      const largest = session.deps.broadcasts.largest(named.path, named.track);
      const parameters = largest === undefined ? {} : { largest };
      send(stream, { kind: "requestOk", parameters, properties: propertiesOf(info) }, context);
      stream.finish();
    },
    refuse: (reason: Parameters<typeof refusalOf>[0]) =>
      refuseRequest(stream, refusalOf(reason), context, "trackStatus"),
    finish: () => stream.finish(),
  };
  return serveTrack(session, { ...named, epoch: 0n }, writer, () => {
    admitted();
    over();
  });
}
