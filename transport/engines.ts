import { type Engine, type EngineDeps, TransportError } from "../moq/link.ts";
import type { NativeSettings } from "./native/index.ts";

/** What engines need, and the settings of the native one. */
export interface EnginesDeps extends EngineDeps {
  readonly native?: NativeSettings;
  /** Called when `auto` skips a better engine that cannot be used. */
  readonly passedOver?: (name: string, why: string) => void;
}

/** Loads an engine; rejects with {@link TransportError} `engine_unavailable` and the command that solves it. */
type Load = (deps: EnginesDeps) => Promise<Engine>;

/** QUIC engines, best first. Each is imported when it is first used, so that a missing one costs nothing. */
const LOADS = {
  native: async (deps) => (await import("./native/index.ts")).createNative(deps, deps.native),
  rwebtransport: async (deps) => (await import("./rwebtransport/index.ts")).createRwebtransport(deps),
  "fails-components": async (deps) => (await import("./fails-components/index.ts")).createFailsComponents(deps),
} satisfies Record<string, Load>;

const ENGINES: ReadonlyMap<string, Load> = new Map(Object.entries<Load>(LOADS));

/** Names of the engines, best first. */
export const ENGINE_NAMES = Object.keys(LOADS) as (keyof typeof LOADS)[];

/**
 * The QUIC engine called `name`, or with `auto` the best one that loads; its `name` tells which. Rejects with
 * {@link TransportError} `engine_unavailable` saying why for each engine that was tried.
 *
 * `engines` is for tests.
 */
export async function createEngine(name: string, deps: EnginesDeps, engines = ENGINES): Promise<Engine> {
  if (name === "auto") return await firstOf(engines, deps);
  const load = engines.get(name);
  if (load === undefined) {
    const known = ["auto", ...engines.keys()].join(", ");
    throw new TransportError("engine_unavailable", `this version has no engine "${name}"; it has: ${known}`);
  }
  try {
    return await load(deps);
  } catch (cause) {
    throw new TransportError("engine_unavailable", `the engine "${name}" cannot be used: ${messageOf(cause)}`, {
      cause,
    });
  }
}

async function firstOf(engines: ReadonlyMap<string, Load>, deps: EnginesDeps): Promise<Engine> {
  const failures: [name: string, why: string][] = [];
  for (const [name, load] of engines) {
    try {
      const engine = await load(deps);
      for (const [better, why] of failures) deps.passedOver?.(better, why);
      return engine;
    } catch (error) {
      failures.push([name, messageOf(error)]);
    }
  }
  const all = failures.map(([name, why]) => `${name}: ${why}`).join("; ");
  throw new TransportError("engine_unavailable", `no QUIC engine can be used (${all})`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
