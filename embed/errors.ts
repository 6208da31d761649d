import { TransportError } from "../moq/link.ts";
import type { Reason } from "../moq/reason.ts";
import { FetchError, SessionEndedError } from "../relay/client/index.ts";
import { ConfigError, type Problem } from "../relay/config/index.ts";
import { type ConfigProblem, type ErrorCode, MoqmeshError } from "./contract.ts";

/** `error` as programs get it; `otherwise` is the code of one that has none. An error of this package stays as it is. */
export function asMoqmeshError(error: unknown, otherwise: ErrorCode): MoqmeshError {
  if (error instanceof MoqmeshError) return error;
  if (error instanceof ConfigError) return badConfig(error.problems);
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof TransportError) {
    const { code, status } = error;
    return new MoqmeshError(code, message, { cause: error, ...(status !== undefined && { status }) });
  }
  if (error instanceof FetchError) return new MoqmeshError(error.code, message, { cause: error });
  if (error instanceof SessionEndedError) return new MoqmeshError(error.reason, message, { cause: error });
  return new MoqmeshError(otherwise, message, { cause: error });
}

/** The error of a configuration with problems. */
export function badConfig(problems: readonly Problem[]): MoqmeshError {
  return new MoqmeshError("bad_config", new ConfigError(problems).message, { problems: problems.map(shown) });
}

function shown({ code, key, message, hint }: Problem): ConfigProblem {
  return { code, key, message, ...(hint !== undefined && { hint }) };
}

/** The error of a subscription or an iterator that ended for `reason`. */
export function endedBecause(reason: Reason, what: string): MoqmeshError {
  return new MoqmeshError(reason, `${what}: ${reason.replaceAll("_", " ")}`);
}
