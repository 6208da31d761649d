/** Where a value of the configuration comes from. */
export type Origin =
  | { readonly kind: "default"; readonly note?: string }
  | { readonly kind: "file"; readonly file: string; readonly line?: number }
  | { readonly kind: "env"; readonly name: string }
  | { readonly kind: "flag"; readonly name: string }
  /** Set through the admin API while the relay runs. */
  | { readonly kind: "run_time" };

export type ProblemCode =
  /** The file cannot be read. */
  | "unreadable"
  /** The file is not TOML. */
  | "syntax"
  | "unknown_section"
  | "unknown_key"
  | "bad_value"
  /** Values that are valid by themselves contradict each other. */
  | "conflict"
  /** A warning: a secret is where more people than the relay's operators can read it. */
  | "secret_inline"
  /** A warning: other users of the machine may read a file with a secret. */
  | "secret_readable";

/** One error in a configuration. */
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
    case "run_time":
      return "set at run time";
  }
}

/** One line: place, key, message, suggestion. */
export function formatProblem(problem: Problem): string {
  const key = problem.key === "" ? "" : `${problem.key}: `;
  const hint = problem.hint === undefined ? "" : `; ${problem.hint}`;
  return `${formatOrigin(problem.origin)}: ${key}${problem.message}${hint}`;
}
