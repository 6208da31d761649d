import type { LinkLimits } from "../../moq/link.ts";
import type { Form } from "./forms.ts";
import { CONNECTION_WINDOW, MAX_FRAME_SIZE, MAX_RECORD_SIZE, STREAM_WINDOW } from "./limits.ts";
import type { Params } from "./params.ts";
import { Violation } from "./violation.ts";

/** The transport parameters that this end declares. */
export function paramsFor(limits: LinkLimits, form: Form): Params {
  return {
    maxIdleTimeout: form.records ? limits.idleTimeoutMs : 0,
    maxData: CONNECTION_WINDOW,
    maxStreamDataBidiLocal: STREAM_WINDOW,
    maxStreamDataBidiRemote: STREAM_WINDOW,
    maxStreamDataUni: STREAM_WINDOW,
    maxStreamsBidi: limits.bidiStreams,
    maxStreamsUni: limits.uniStreams,
    maxRecordSize: form.records ? MAX_RECORD_SIZE : 0,
    resetStreamAt: form.resetStreamAt,
  };
}

/** Throws a {@link Violation} for a message that is longer than this end declared. */
export function checkMessageSize(length: number, { records }: Form): void {
  if (length <= (records ? MAX_RECORD_SIZE : MAX_FRAME_SIZE)) return;
  const clause = records ? "draft-ietf-quic-qmux section 5.2" : "draft-ietf-quic-qmux-00 section 5.2";
  throw new Violation("FRAME_ENCODING_ERROR", `a message of ${length} bytes`, clause);
}
