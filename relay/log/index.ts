export {
  LOG_FORMATS,
  LOG_LEVELS,
  type Logger,
  logSessionClosed,
  logSessionOpened,
  openLog,
  type SessionOpened,
} from "./logger.ts";
export { LOG_METRICS, type LogOutput } from "./output.ts";
export { scrub } from "./redact.ts";
