import type { Clock } from "../moq/clock.ts";
import { counter, metricGroup, type Sample, zeroes } from "../moq/metrics.ts";
import { Hook, type HookDeps } from "./hook.ts";

const HOOKS = ["on_change", "on_drained"] as const;
type HookName = (typeof HOOKS)[number];

const OUTCOMES = ["ok", "failed"] as const;

export const HOOK_METRICS = metricGroup("Hooks", {
  runs: counter("hook_runs_total", "Runs of commands of the operator, by the hook and its outcome.", {
    hook: HOOKS,
    outcome: OUTCOMES,
  }),
});

export interface HookSettings {
  /** Path of the program and its arguments; empty for no hook. */
  readonly command: readonly string[];
  readonly timeoutMs: number;
}

export interface HooksDeps {
  /** `on_change`: the relay became ready or not ready. `on_drained`: its sessions have left. */
  readonly settings: Readonly<Record<HookName, HookSettings>>;
  readonly clock: Clock;
  readonly log: HookDeps["log"];
  /** What every run gets: the name of the relay, for example. */
  readonly facts: Readonly<Record<`MOQMESH_${string}`, string>>;
}

/** The commands of an operator. Those that are not configured do nothing. */
export class Hooks {
  readonly #deps: HooksDeps;
  readonly #hooks = new Map<HookName, Hook>();
  readonly #runs: Readonly<Record<HookName, Record<(typeof OUTCOMES)[number], number>>> = {
    on_change: zeroes(OUTCOMES),
    on_drained: zeroes(OUTCOMES),
  };

  constructor(deps: HooksDeps) {
    this.#deps = deps;
    const { settings, clock, log } = deps;
    for (const name of HOOKS) {
      if (settings[name].command.length === 0) continue;
      const ran = (good: boolean) => {
        this.#runs[name][good ? "ok" : "failed"] += 1;
      };
      this.#hooks.set(name, new Hook({ name, ...settings[name] }, { clock, log, ran }));
    }
  }

  /** Milliseconds that a run may take; 0 where there is no such hook. */
  longestMs(name: HookName): number {
    return this.#hooks.has(name) ? this.#deps.settings[name].timeoutMs : 0;
  }

  /** The relay became ready, or not ready for these reasons. Resolves when the command has run. */
  async changed(reasons: readonly string[]): Promise<void> {
    const state = reasons.length === 0 ? "ready" : "not_ready";
    await this.#set("on_change", { MOQMESH_STATE: state, MOQMESH_REASONS: reasons.join(" ") });
  }

  /** The sessions have left, because of `reason`. Resolves when the command has run. */
  async drained(reason: string): Promise<void> {
    await this.#set("on_drained", { MOQMESH_STATE: "drained", MOQMESH_REASON: reason });
  }

  close(): void {
    for (const hook of this.#hooks.values()) hook.close();
  }

  /** What {@link HOOK_METRICS} are read from. */
  readings(): { readonly runs: readonly Sample[] } {
    const runs = [...this.#hooks.keys()].flatMap((hook) =>
      OUTCOMES.map((outcome): Sample => [{ hook, outcome }, this.#runs[hook][outcome]]),
    );
    return { runs };
  }

  async #set(name: HookName, state: Readonly<Record<`MOQMESH_${string}`, string>>): Promise<void> {
    await this.#hooks.get(name)?.set({ ...this.#deps.facts, ...state });
  }
}
