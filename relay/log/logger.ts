import { isatty } from "node:tty";
import { type DestinationStream, type Logger, type LoggerOptions, pino } from "pino";
import { type PinoPretty, prettyFactory } from "pino-pretty";
import { printable, visibleJson } from "../../moq/printable.ts";
import { systemClock } from "../../transport/shared/index.ts";
import { LogOutput } from "./output.ts";
import { CENSOR, scrub } from "./redact.ts";
import { Sampling } from "./sampling.ts";

export type { Logger } from "pino";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** `auto`: pretty on a terminal, JSON elsewhere. */
export const LOG_FORMATS = ["auto", "json", "pretty"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Lines with the same level and text that are written in a second; 0: all. */
  readonly burst: number;
}

/** A log, and the parts of it that a reload changes and metrics are read from. */
export interface OpenedLog {
  readonly log: Logger;
  readonly output: LogOutput;
  readonly sampling: Sampling;
}

const STDOUT = 1;

/** Fields that may contain a credential, at the first three levels of an entry. Texts are scrubbed as well. */
const SECRET_FIELDS = [
  "query",
  "search",
  "authorization",
  "cookie",
  "headers",
  "jwt",
  "cat",
  "dpop",
  "token",
  "password",
  "secret",
];

/** The program's log on standard output, and that output. */
export function openLog({ burst, ...options }: LogOptions): OpenedLog {
  const output = new LogOutput();
  const terminal = isatty(STDOUT);
  const sampling: Sampling = new Sampling({
    now: () => systemClock.now(),
    timer: (delayMs, callback) => systemClock.timer(delayMs, callback),
    burst,
    summarize: (level, summary) => {
      const method = log[nameOf(level)].bind(log);
      method(summary, `"${summary.message}" came too often: ${summary.suppressed} lines were left out`);
    },
  });
  const log = createLogger({ ...options, stream: output, terminal, sampling });
  output.onLost((lines, why) => log.warn({ lines, why }, "log lines were lost"));
  return { log, output, sampling };
}

function nameOf(level: number): Exclude<LogLevel, "silent"> {
  const label = pino.levels.labels[level];
  return LOG_LEVELS.find((one): one is Exclude<LogLevel, "silent"> => one === label && one !== "silent") ?? "info";
}

/**
 * Writes JSON lines, or text for people on a `terminal`, and never a credential. Characters of peers' texts that a terminal obeys or hides are
 * escaped. `stream` gets whole lines.
 */
export function createLogger(
  options: Pick<LogOptions, "level" | "format"> & {
    stream: DestinationStream;
    terminal?: boolean;
    sampling?: Pick<Sampling, "take">;
  },
): Logger {
  const { stream, terminal = false, sampling } = options;
  const pretty = options.format === "pretty" || (options.format === "auto" && terminal);
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: CENSOR },
      hooks: {
        streamWrite: (line) => visibleJson(scrub(line)),
        ...(sampling !== undefined && { logMethod: sampled(sampling) }),
      },
    },
    pretty ? prettyStream(stream, terminal) : stream,
  );
}

/** Leaves out lines that `sampling` does not take. A line is `(text)` or `(fields, text)`. */
function sampled(sampling: Pick<Sampling, "take">): NonNullable<NonNullable<LoggerOptions["hooks"]>["logMethod"]> {
  return function write(args, method, level) {
    const text = args.find((one: unknown) => typeof one === "string") ?? "";
    if (sampling.take(level, text)) method.apply(this, args);
  };
}

/** Formats in this thread, because a worker thread could lose the last lines. */
function prettyStream(sink: DestinationStream, terminal: boolean): DestinationStream {
  const options: PinoPretty.PrettyOptions = {
    colorize: terminal && process.env["NO_COLOR"] === undefined,
    translateTime: "SYS:HH:MM:ss.l",
    singleLine: true,
  };
  const format = prettyFactory(options);
  return { write: (line) => sink.write(format(readable(line))) };
}

/** A line whose texts are escaped: the formatter writes texts as they are. */
function readable(line: string): unknown {
  const escaped = (name: string, value: unknown) => {
    if (typeof value !== "string") return value;
    // The lines of a stack stay lines.
    return name === "stack" ? value.split("\n").map(printable).join("\n") : printable(value);
  };
  try {
    return JSON.parse(line, escaped);
  } catch {
    return `${printable(line)}\n`;
  }
}

/** Fields of the line that is written when a session opens. */
export interface SessionOpened {
  /** Its id, the same in every line about it. */
  readonly session: string;
  readonly engine: string;
  readonly protocol: string;
  /** IP address and port of the peer. */
  readonly peer: string;
  readonly path: string;
  /** `sub`, `jti` and the key's `kid` of its token. */
  readonly subject?: string;
  readonly tokenId?: string;
  readonly keyId?: string;
  /** The id that the other relay has for it, which opened it. */
  readonly peerSession?: string;
}

/** Fields of the line that is written when a session closes. */
export interface SessionClosed extends SessionOpened {
  /** A stable name, the same as in the metrics. */
  readonly reason: string;
  /** The application close code and the text with it. */
  readonly code: number;
  readonly text: string;
  readonly durationMs: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly broadcasts: number;
  readonly subscriptions: number;
  readonly groupsReceived: number;
  readonly groupsSent: number;
}

/** Writes one line when a session opens. */
export function logSessionOpened(log: Logger, session: SessionOpened): void {
  log.info(session, "session opened");
}

/** Writes one line when a session closes. */
export function logSessionClosed(log: Logger, session: SessionClosed): void {
  log.info({ ...session, durationMs: Math.round(session.durationMs) }, "session closed");
}
