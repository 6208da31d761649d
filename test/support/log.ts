import { createLogger, type Logger } from "../../relay/log/logger.ts";

export interface CapturedLog {
  readonly log: Logger;
  /** Every line, as an object. */
  readonly entries: Record<string, unknown>[];
  /** The `msg` of every line. */
  messages(): string[];
}

/** A log that keeps its lines, from level `info` on, and prints none. */
export function captureLog(): CapturedLog {
  const entries: Record<string, unknown>[] = [];
  const stream = { write: (line: string) => void entries.push(JSON.parse(line)) };
  const log = createLogger({ level: "info", format: "json", stream });
  return { log, entries, messages: () => entries.map((entry) => String(entry["msg"])) };
}
