/** What the log and operators see of a session. */
import type { LinkInfo } from "../../moq/link.ts";
import type { SessionReport } from "../../moq/session/index.ts";
import type { SessionOpened } from "../log/index.ts";
import { peerOf } from "./refusals.ts";

export function describe(session: string, info: LinkInfo): SessionOpened {
  return { session, engine: info.engine, protocol: info.protocol, peer: peerOf(info), path: info.path };
}

export function closedEntry(opened: SessionOpened, report: SessionReport) {
  const { reason, code, message, durationMs, bytesReceived, bytesSent } = report;
  const { broadcasts, subscriptions, groupsReceived, groupsSent } = report;
  const totals = { bytesReceived, bytesSent, broadcasts, subscriptions, groupsReceived, groupsSent };
  return { ...opened, reason, code, text: message, durationMs, ...totals };
}
