import type { Logger } from "pino";
import { LOG_LEVELS, type LogLevel } from "./logger.ts";

/** Parts of the relay whose level can be set apart from that of the rest. Their lines have the field `module`. */
export const LOG_MODULES = ["sessions", "mesh", "webhooks", "pressure"] as const;
export type LogModule = (typeof LOG_MODULES)[number];

/** Levels as an operator sets them. A module that is not named follows `level`. */
export interface LogLevelSettings {
  readonly level: LogLevel;
  readonly modules: Readonly<Partial<Record<LogModule, LogLevel>>>;
}

/** The levels of a relay's log, changed while it runs. */
export class LogLevels {
  readonly #root: Logger;
  readonly #loggers: ReadonlyMap<LogModule, Logger>;
  #configured: LogLevelSettings;
  #current: LogLevelSettings;

  /** `root` has its level already. */
  constructor(root: Logger, configured: LogLevelSettings) {
    this.#root = root;
    this.#loggers = new Map(LOG_MODULES.map((module) => [module, root.child({ module })]));
    this.#configured = configured;
    this.#current = configured;
    this.#apply();
  }

  /** The log of a part of the relay. */
  module(name: LogModule): Logger {
    return this.#loggers.get(name) ?? this.#root;
  }

  get current(): LogLevelSettings {
    return this.#current;
  }

  /** Sets the level of `module`, or of everything that has no level of its own. Holds until a reload or a restart. */
  set(level: LogLevel, module?: LogModule): void {
    const { modules } = this.#current;
    this.#current =
      module === undefined ? { level, modules } : { ...this.#current, modules: { ...modules, [module]: level } };
    this.#apply();
  }

  /** Takes the levels of the configuration. */
  configure(configured: LogLevelSettings): void {
    this.#configured = configured;
    this.#current = configured;
    this.#apply();
  }

  /** Everything at `debug`, or back to the configured levels. Returns true for the former. */
  toggleDebug(): boolean {
    const debug = this.#current.level !== "debug" || Object.keys(this.#current.modules).length > 0;
    this.#current = debug ? { level: "debug", modules: {} } : this.#configured;
    this.#apply();
    return debug;
  }

  #apply(): void {
    const { level, modules } = this.#current;
    this.#root.level = level;
    for (const [name, logger] of this.#loggers) logger.level = modules[name] ?? level;
  }
}

/** Levels of modules from texts such as `mesh=debug`. Throws an `Error` with what is wrong. */
export function parseModuleLevels(texts: readonly string[]): LogLevelSettings["modules"] {
  const levels: Partial<Record<LogModule, LogLevel>> = {};
  for (const text of texts) {
    const [name, named, ...rest] = text.split("=");
    const module = LOG_MODULES.find((one) => one === name);
    const level = LOG_LEVELS.find((one) => one === named);
    if (module === undefined || level === undefined || rest.length > 0) {
      const example = `${LOG_MODULES[0]}=warn`;
      throw new Error(
        `expected MODULE=LEVEL such as "${example}", got "${text}"; modules: ${LOG_MODULES.join(", ")}; levels: ${LOG_LEVELS.join(", ")}`,
      );
    }
    levels[module] = level;
  }
  return levels;
}
