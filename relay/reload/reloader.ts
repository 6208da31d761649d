import type { Clock } from "../../moq/clock.ts";
import {
  type ChangedKey,
  type Config,
  ConfigError,
  changedKeys,
  describeConfig,
  formatProblem,
  type LoadedConfig,
  liveKeys,
  type PolicyChanges,
  type Problem,
  type RawPolicy,
  type RunTime,
  withLiveLoaded,
} from "../config/index.ts";
import type { Prepared } from "../host/index.ts";
import type { Logger } from "../log/index.ts";
import { PoliciesNotSaved, savePolicies } from "./policies-file.ts";
import type { ReloadReport, RunningConfig, RunningSettings, Unsaved } from "./report.ts";

/** Characters of a value in a line about a reload: a list of policies may be very long. */
const MAX_LOGGED = 256;

/** Milliseconds until the files of a new configuration must have been read. */
const PREPARE_MS = 30_000;

const NOTHING_SET: RunTime = { runTime: new Map(), policies: new Map() };

const NO_FILE = "policies can be saved only where `[policies] file` names a file for them";

/** Where the configuration of a relay comes from. */
export interface ConfigurationSource {
  /** The one that the relay was started with. */
  readonly loaded: LoadedConfig;
  /** Loads it again, with what was set at run time over all other values. Rejects with a `ConfigError`. */
  load(set: RunTime): Promise<LoadedConfig>;
}

/** The source of a relay that was started with values and not from files: a reload reads only certificates and keys again. */
export function fixedSource(config: Config): ConfigurationSource {
  const loaded: LoadedConfig = { config, origins: new Map() };
  return {
    loaded,
    load: ({ runTime, policies }) =>
      runTime.size + policies.size === 0
        ? Promise.resolve(loaded)
        : Promise.reject(new Error("this relay was started without a configuration that can be loaded again")),
  };
}

/** A part of the relay that takes new settings while it runs. */
export interface LivePart {
  /** The section of its settings, and its name in reports and messages, such as `tls`. */
  readonly section: string;
  /** Reads and checks what `next` needs, and uses nothing yet. Rejects when something cannot be used. */
  prepare(next: Config): Promise<Prepared | undefined>;
}

export interface ReloaderDeps {
  readonly source: ConfigurationSource;
  readonly parts: readonly LivePart[];
  /** The problems of a whole configuration that has been merged already: files that cannot be used. */
  readonly check: (loaded: LoadedConfig) => Promise<readonly Problem[]>;
  /** Reads the files of certificates again. Resolves with the names of the groups whose content has changed. */
  readonly files: () => Promise<readonly string[]>;
  /** Keys that were added or removed while the relay runs, and that no file has. */
  readonly unsavedKeys: () => readonly Unsaved[];
  /** Called with the configuration that is in use from now on. */
  readonly used: (config: Config) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Takes a new configuration in two steps: everything is read and checked, and only then is all of it used. */
export class Reloader implements RunningSettings {
  readonly #deps: ReloaderDeps;
  #set: RunTime = NOTHING_SET;
  #running: LoadedConfig;
  /** As it was loaded last: keys that need a restart have their new values. */
  #latest: LoadedConfig;
  /** One reload at a time. */
  #last: Promise<unknown> = Promise.resolve();
  /** A reload that waits for its turn; further calls join it. */
  #waiting: Promise<ReloadReport> | undefined;

  constructor(deps: ReloaderDeps) {
    this.#deps = deps;
    this.#running = deps.source.loaded;
    this.#latest = deps.source.loaded;
  }

  get config(): Config {
    return this.#running.config;
  }

  /** Loads the configuration again and uses its live values, or changes nothing. Never rejects. Calls at the same time share one reload. */
  reload(): Promise<ReloadReport> {
    this.#waiting ??= this.#inTurn(async () => {
      this.#waiting = undefined;
      const report = await this.#attempt(this.#set);
      this.#sayUnsaved(report.unsaved);
      return report;
    });
    return this.#waiting;
  }

  /**
   * Sets live keys by dotted path, as a flag would write their values; null removes a value that was set so. The values override all
   * others until the relay ends. A key that needs a restart is refused. Never rejects.
   */
  set(changes: Readonly<Record<string, string | null>>): Promise<ReloadReport> {
    return this.#inTurn(async () => {
      const live = new Set(liveKeys());
      const wrong = Object.keys(changes).filter((key) => !live.has(key));
      if (wrong.length > 0) return this.#failure(Object.fromEntries(wrong.map((key) => [key, this.#whyNotLive(key)])));
      const next = new Map(this.#set.runTime);
      for (const [key, value] of Object.entries(changes)) {
        if (value === null) next.delete(key);
        else next.set(key, value);
      }
      return await this.#attempt({ ...this.#set, runTime: next });
    });
  }

  get unsavedPolicies(): PolicyChanges {
    return this.#set.policies;
  }

  setPolicy(prefix: string, policy: RawPolicy | null): Promise<ReloadReport> {
    return this.#inTurn(async () => {
      const policies = new Map(this.#set.policies).set(prefix, policy);
      return await this.#attempt({ ...this.#set, policies });
    });
  }

  savePolicies(): Promise<string> {
    return this.#inTurn(async () => {
      const { file } = this.config.policies;
      if (file === undefined) throw new PoliciesNotSaved("no_policies_file", NO_FILE);
      await savePolicies(file, this.#set.policies);
      this.#set = { ...this.#set, policies: new Map() };
      return file;
    });
  }

  /** The values in use. */
  configuration(): RunningConfig {
    const pending = new Map(this.#pending().map(({ key, to }) => [key, to]));
    const values = describeConfig(this.#running).map(({ key, text, value, origin, live }) => {
      const later = pending.get(key);
      const applies = live ? ("live" as const) : ("restart" as const);
      return { key, text, value: value ?? null, origin, applies, ...(later !== undefined && { pending: later }) };
    });
    return { values };
  }

  #whyNotLive(key: string): string {
    return this.#running.origins.has(key) ? "this key needs a restart" : "there is no such key";
  }

  #pending(): ChangedKey[] {
    return changedKeys(this.#running, this.#latest).filter(({ live }) => !live);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  /** Uses the configuration with what `set` has; when that works, `set` counts from now on. */
  async #attempt(set: RunTime): Promise<ReloadReport> {
    const { log, used } = this.#deps;
    try {
      const loaded = await this.#deps.source.load(set);
      const next = withLiveLoaded(this.#running, loaded);
      const applied = changedKeys(this.#running, next);
      const prepared = await this.#prepare(loaded, next);
      const read = await this.#deps.files();
      const changed = prepared.filter(({ commit }) => commit()).map(({ section }) => `[${section}]`);
      const files = [...read, ...changed];
      this.#set = { ...set, policies: differing(set.policies, loaded.givenPolicies ?? new Set()) };
      this.#running = next;
      this.#latest = loaded;
      used(next.config);
      const report = { applied, restart: this.#pending(), files, failed: {}, unsaved: this.#unsaved() };
      this.#say(report);
      return report;
    } catch (error) {
      const report = this.#failure(reasonsOf(error));
      const problems = error instanceof ConfigError ? { problems: error.problems.map(formatProblem) } : { err: error };
      log.error(problems, "configuration checked: it has errors; nothing changes");
      return report;
    }
  }

  /** Rejects when one part cannot use the configuration, or a file system does not answer; nothing stays open then. */
  async #prepare(loaded: LoadedConfig, next: LoadedConfig): Promise<(Prepared & { readonly section: string })[]> {
    const late = Promise.withResolvers<never>();
    const cancel = this.#deps.clock.timer(PREPARE_MS, () =>
      late.reject(new Error(`files could not be read within ${PREPARE_MS / 1000} s: a file system may be hanging`)),
    );
    const work = this.#prepareAll(loaded, next);
    try {
      return await Promise.race([work, late.promise]);
    } catch (error) {
      // What is ready later is not used.
      void work.then(
        (prepared) => discardAll(prepared),
        () => {},
      );
      throw error;
    } finally {
      cancel();
    }
  }

  async #prepareAll(loaded: LoadedConfig, next: LoadedConfig) {
    const problems = await this.#deps.check(loaded);
    if (problems.length > 0) throw new ConfigError(problems);
    const { parts } = this.#deps;
    const tries = await Promise.allSettled(parts.map(async (part) => await part.prepare(next.config)));
    const ready = tries.flatMap((one, at) =>
      one.status === "fulfilled" && one.value !== undefined
        ? [{ ...one.value, section: parts[at]?.section ?? "" }]
        : [],
    );
    if (tries.every(({ status }) => status === "fulfilled")) return ready;
    discardAll(ready);
    throw new ConfigError(
      tries.flatMap((one, at) => (one.status === "rejected" ? problemsOf(one.reason, parts[at]?.section ?? "") : [])),
    );
  }

  #failure(failed: Readonly<Record<string, string>>): ReloadReport {
    return { applied: [], restart: [], files: [], failed, unsaved: this.#unsaved() };
  }

  #unsaved(): Unsaved[] {
    const policies = [...this.#set.policies].map(([name, policy]) => ({
      kind: "policy" as const,
      name,
      change: policy === null ? ("removed" as const) : ("set" as const),
    }));
    return [...this.#deps.unsavedKeys(), ...policies];
  }

  #sayUnsaved(unsaved: readonly Unsaved[]): void {
    if (unsaved.length === 0) return;
    const changes = unsaved.map(({ kind, name, change }) => `${kind} ${cut(name)} ${change}`);
    this.#deps.log.warn({ changes }, "set through the admin API and not saved: these stay until the relay ends");
  }

  #say({ applied, restart, files }: ReloadReport): void {
    const { log } = this.#deps;
    const text = ({ key, from, to }: ChangedKey) => (from === to ? key : `${key}: ${cut(from)} -> ${cut(to)}`);
    if (applied.length + restart.length === 0) log.info("configuration checked: unchanged");
    if (applied.length > 0) log.info({ changes: applied.map(text) }, "configuration reloaded: these values apply now");
    if (files.length > 0) log.info({ sections: files }, "files reloaded: their new content is in use");
    if (restart.length > 0) {
      log.warn({ changes: restart.map(text) }, "configuration checked: these keys changed and need a restart");
    }
  }
}

/** Without what removes a policy that is not there without it. */
function differing(changes: PolicyChanges, given: ReadonlySet<string>): PolicyChanges {
  return new Map([...changes].filter(([prefix, change]) => change !== null || given.has(prefix)));
}

/** A value as the log shows it. */
function cut(text: string): string {
  return text.length > MAX_LOGGED ? `${text.slice(0, MAX_LOGGED - 3)}...` : text;
}

function discardAll(prepared: readonly Prepared[]): void {
  for (const { discard } of prepared) discard();
}

function problemsOf(error: unknown, key: string): readonly Problem[] {
  if (error instanceof ConfigError) return error.problems;
  return [{ code: "bad_value", key, message: messageOf(error), origin: { kind: "default" } }];
}

/** By key; several problems of one key are joined. */
function reasonsOf(error: unknown): Record<string, string> {
  if (!(error instanceof ConfigError)) return { "": messageOf(error) };
  const reasons: Record<string, string> = {};
  for (const problem of error.problems) {
    const { key, message, hint } = problem;
    const text = hint === undefined ? message : `${message}; ${hint}`;
    reasons[key] = reasons[key] === undefined ? text : `${reasons[key]}; ${text}`;
  }
  return reasons;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
