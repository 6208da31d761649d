import { TransportError } from "../moq/link.ts";
import { ConfigError, formatProblem } from "../relay/config/index.ts";
import { CommandError, UsageError } from "./command.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";

/** HTTP statuses of a refused session: not allowed, too many, full. */
const REFUSED_STATUS = [401, 403, 429, 503];

/** The message and the exit code for an error. */
export function describeFailure(error: unknown): { text: string; code: ExitCode } {
  if (error instanceof UsageError) return { text: error.message, code: EXIT.usage };
  if (error instanceof CommandError) return { text: error.message, code: error.code };
  if (error instanceof ConfigError) return { text: configProblems(error), code: EXIT.config };
  if (error instanceof TransportError) return { text: error.message, code: transportCode(error) };
  return { text: error instanceof Error ? error.message : String(error), code: EXIT.failed };
}

function configProblems({ problems }: ConfigError): string {
  const lines = problems.map(formatProblem);
  return problems.length === 1
    ? lines.join("")
    : [...lines, `${problems.length} problems; nothing was started`].join("\n");
}

function transportCode({ code, status }: TransportError): ExitCode {
  switch (code) {
    case "dial_rejected":
      return status !== undefined && REFUSED_STATUS.includes(status) ? EXIT.refused : EXIT.connect;
    case "dial_failed":
    case "dial_timeout":
    case "no_common_protocol":
      return EXIT.connect;
    case "unsupported_url":
      return EXIT.usage;
    case "engine_unavailable":
    case "bind_failed":
    case "bad_certificate":
    case "start_hangs":
      return EXIT.failed;
    case "cluster_unusable":
      return EXIT.config;
  }
}
