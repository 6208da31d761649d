import type { ProblemCode } from "./problem-codes.ts";

/** Where a value of the configuration comes from. */
export type Origin =
  | { readonly kind: "default"; readonly note?: string }
  | { readonly kind: "file"; readonly file: string; readonly line?: number }
  | { readonly kind: "env"; readonly name: string }
  | { readonly kind: "flag"; readonly name: string }
  /** Given by the program that runs the relay. */
  | { readonly kind: "option" }
  /** Set through the admin API while the relay runs. */
  | { readonly kind: "run_time" };

/** One error in a configuration, or a warning about it. */
export interface Problem {
  readonly code: ProblemCode;
  /** Dotted path, such as `server.port`; empty when the problem is with the whole file. */
  readonly key: string;
  readonly message: string;
  /** A suggestion. */
  readonly hint?: string;
  readonly origin: Origin;
}

/** A configuration with errors; `problems` has all of them, in the order file, environment, flags. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join("\n"));
    this.problems = problems;
  }
}

/** `file:line`, `env NAME`, `flag --name` or `default`. */
export function formatOrigin(origin: Origin): string {
  switch (origin.kind) {
    case "default":
      return origin.note === undefined ? "default" : `default (${origin.note})`;
    case "file":
      return origin.line === undefined ? origin.file : `${origin.file}:${origin.line}`;
    case "env":
      return `env ${origin.name}`;
    case "flag":
      return `flag ${origin.name}`;
    case "option":
      return "option config";
    case "run_time":
      return "set at run time";
  }
}

/** One line: place, key, message, suggestion, code. */
export function formatProblem(problem: Problem): string {
  const key = problem.key === "" ? "" : `${problem.key}: `;
  // Messages for the log begin with their code where the line has no other place for it.
  const message = problem.message.replace(`${problem.code}: `, "");
  const hint = problem.hint === undefined ? "" : `; ${problem.hint}`;
  return `${formatOrigin(problem.origin)}: ${key}${message}${hint} [${problem.code}]`;
}
