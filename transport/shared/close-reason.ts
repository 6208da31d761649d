import { MAX_CLOSE_REASON } from "../../moq/link.ts";

const utf8 = new TextEncoder();

/** The beginning of a close reason that fits into `maxBytes` of UTF-8, cut between characters. */
export function cutReason(reason: string, maxBytes = MAX_CLOSE_REASON): string {
  const { read } = utf8.encodeInto(reason, new Uint8Array(maxBytes));
  return reason.slice(0, read);
}
