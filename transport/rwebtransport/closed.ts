import type { LinkClosed } from "../../moq/link.ts";
import type { ClosedEvent } from "./addon.ts";

/** HTTP/3's H3_NO_ERROR (RFC 9114 section 8.1): a connection closed without a WebTransport code. */
const H3_NO_ERROR = 0x100;

/** Why a session ended. `failure` is the addon's last error, or empty. */
export function whyClosed(event: ClosedEvent, failure: string): LinkClosed {
  if (failure !== "" && !failure.endsWith("peer transport error 0x0")) {
    return { by: failure.includes("timed out") ? "timeout" : "error", code: 0, reason: failure };
  }
  const reason = new TextDecoder().decode(event.reason);
  const none = event.code === H3_NO_ERROR && reason === "";
  return { by: event.remote ? "remote" : "error", code: none ? 0 : event.code, reason };
}
