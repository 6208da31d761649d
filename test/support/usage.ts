import assert from "node:assert/strict";
import { UsageError } from "../../bench/flags.ts";

/** Asserts that `parse` refuses arguments with a `UsageError` whose message matches the pattern. */
export function refusedBy(parse: (args: readonly string[]) => unknown): (pattern: RegExp, ...args: string[]) => void {
  return (pattern, ...args) =>
    assert.throws(
      () => parse(args),
      (error) => error instanceof UsageError && pattern.test(error.message),
      args.join(" "),
    );
}
