export {
  LOG_MODULES,
  LogLevels,
  parseModuleLevels,
} from "./levels.ts";
export {
  createLogger,
  LOG_FORMATS,
  LOG_LEVELS,
  type Logger,
  logSessionClosed,
  logSessionOpened,
  type OpenedLog,
  openLog,
  type SessionClosed,
  type SessionOpened,
} from "./logger.ts";
export { LOG_METRICS } from "./output.ts";
export { scrub } from "./redact.ts";
export { SAMPLING_METRICS } from "./sampling.ts";
