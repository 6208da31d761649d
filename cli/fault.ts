import { TransportError } from "../moq/link.ts";
import { CommandError } from "./command.ts";
import type { ExitCode } from "./exit-codes.ts";
import { describeFailure } from "./failure.ts";

/** An error as a report shows it. */
export interface Fault {
  /** Stable: of the relay's refusal, of the transport, or of the command. */
  readonly code: string;
  readonly message: string;
  /** What to do; may be empty. */
  readonly advice: string;
  readonly exit: ExitCode;
}

/** The first line of an error's text is its message, and the others say what to do. `otherwise`: the code of an error without one. */
export function faultOf(error: unknown, otherwise: string): Fault {
  const { text, code: exit } = describeFailure(error);
  const [message = "", ...advice] = text.split("\n");
  const reason =
    error instanceof CommandError ? error.reason : error instanceof TransportError ? error.code : undefined;
  return { code: reason ?? otherwise, message, advice: advice.join("\n"), exit };
}
