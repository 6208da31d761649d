import { TransportError } from "../../moq/link.ts";
import {
  formatOrigin,
  isProblemCode,
  type LoadedConfig,
  type Origin,
  type Problem,
  type ProblemCode,
} from "../config/index.ts";

/** A warning, and whether a relay logs it at its start by itself. */
export interface Warning extends Problem {
  readonly logged: boolean;
}

/** Problems, which keep a relay from starting, and warnings, which do not. */
export interface Findings {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Warning[];
}

/** A key of the configuration, and the file that it names, if any. */
export type KeyWithFile = readonly [key: string, file: string | undefined];

/** Codes for the system's errors about files. */
const SYSTEM_CODES: ReadonlyMap<unknown, ProblemCode> = new Map([
  ["ENOENT", "file_missing"],
  ["EACCES", "file_unreadable"],
  ["EPERM", "file_unreadable"],
  ["EISDIR", "file_unreadable"],
  ["ENOTDIR", "folder_unusable"],
]);

/** Collects what is found out about a configuration. */
export class FindingList {
  readonly #loaded: LoadedConfig;
  readonly #problems: Problem[] = [];
  readonly #warnings: Warning[] = [];

  constructor(loaded: LoadedConfig) {
    this.#loaded = loaded;
  }

  /** True when the configuration sets the key; false for a default. */
  isSet(key: string): boolean {
    return this.#origin(key).kind !== "default";
  }

  /** `hint`: what to do, where the message does not say it. */
  problem(code: ProblemCode, key: string, message: string, hint?: string): void {
    this.#problems.push({ code, key, message, ...(hint !== undefined && { hint }), origin: this.#origin(key) });
  }

  warn(code: ProblemCode, key: string, message: string, hint?: string): void {
    const logged = false;
    this.#warnings.push({ code, key, message, ...(hint !== undefined && { hint }), origin: this.#origin(key), logged });
  }

  /** A warning that the relay logs at its start by itself. */
  warnLogged(code: ProblemCode, key: string, message: string): void {
    this.#warnings.push({ code, key, message, origin: this.#origin(key), logged: true });
  }

  /** Warnings of another part, which the relay logs at its start by itself. */
  addLogged(warnings: readonly Problem[]): void {
    for (const warning of warnings) this.#warnings.push({ ...warning, logged: true });
  }

  /**
   * Loads a file. An error becomes a problem of the first key whose file it names, else of the last key; the result is undefined then. The
   * code is that of the error, or of the system's error, or `code`.
   */
  async load<T>(load: () => Promise<T>, code: ProblemCode, keys: readonly KeyWithFile[]): Promise<T | undefined> {
    try {
      return await load();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const named = keys.find(([, file]) => file !== undefined && message.includes(file));
      this.problem(codeOf(error) ?? code, named?.[0] ?? keys.at(-1)?.[0] ?? "", message);
      return undefined;
    }
  }

  /** Sorted by place in the configuration, because files are read in parallel. */
  get sorted(): Findings {
    return { problems: this.#problems.toSorted(byPlace), warnings: this.#warnings.toSorted(byPlace) };
  }

  #origin(key: string): Origin {
    return this.#loaded.origins.get(key) ?? { kind: "default" };
  }
}

function byPlace(one: Problem, other: Problem): number {
  const place = ({ origin, key }: Problem) =>
    `${origin.kind === "file" ? String(origin.line ?? 0).padStart(9, "0") : formatOrigin(origin)} ${key}`;
  const [first, second] = [place(one), place(other)];
  // Not `localeCompare`: V8 would load ICU's rules of languages for it, which are 1 MB of the process.
  return first < second ? -1 : Number(first > second);
}

/** The code of the first error in the chain of causes that has one. */
function codeOf(error: unknown): ProblemCode | undefined {
  if (!(error instanceof Error)) return undefined;
  const fault = error instanceof TransportError ? error.fault : undefined;
  if (isProblemCode(fault)) return fault;
  const system = "code" in error ? SYSTEM_CODES.get(error.code) : undefined;
  return system ?? codeOf(error.cause);
}
