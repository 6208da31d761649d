/**
 * The configuration of a relay: sections owned by the modules of `relay/config/`, composed here.
 *
 * Order, later over earlier: defaults, file, environment (`MOQMESH_SECTION_KEY`), flags (`--section.key`), values set at run time.
 */
import { authSection } from "./auth.ts";
import { autoCacheBytes, cacheSection, memoryLimit } from "./cache.ts";
import { cloudSection } from "./cloud.ts";
import { clusterSection } from "./cluster.ts";
import { drainSection } from "./drain.ts";
import { healthSection } from "./health.ts";
import { httpSection } from "./http.ts";
import {
  type AnySection,
  type Environment,
  envLayer,
  type Flag,
  fileLayer,
  flagLayer,
  type Layer,
  optionLayer,
  runTimeLayer,
  type Sections,
} from "./layers.ts";
import { limitsSection } from "./limits.ts";
import { loadBalancerSection } from "./load-balancer.ts";
import { logSection } from "./log.ts";
import { openAdmin } from "./open-admin.ts";
import { type PolicyChanges, policiesSection } from "./policies.ts";
import { givenPrefixes, policiesFileIn, withPolicies } from "./policy-layer.ts";
import { ConfigError, type Origin, type Problem } from "./problem.ts";
import { quicSection } from "./quic.ts";
import { brokenRules } from "./rules.ts";
import { contentFiles, contentLayer, givenTwice, readSecretFile } from "./secrets.ts";
import { type GivenValues, type ProgramValues, programValues } from "./section.ts";
import { serverSection } from "./server.ts";
import { defaultStateDir, tlsSection } from "./tls.ts";
import { formatBytes } from "./units.ts";
import { checkLayer, checkRules, mergeLayers, type RawConfig } from "./validate.ts";
import { webhooksSection } from "./webhooks.ts";

export type { Flag } from "./layers.ts";
export { ConfigError, formatOrigin, formatProblem, type Origin, type Problem } from "./problem.ts";

/** Resolved configuration, frozen to its leaves. Durations are milliseconds and their names end in `Ms`; sizes are bytes. */
export interface Config {
  readonly server: ProgramValues<typeof serverSection>;
  readonly quic: ProgramValues<typeof quicSection>;
  readonly loadBalancer: ProgramValues<typeof loadBalancerSection>;
  /** `cert` and `key` are both there or both absent. */
  readonly tls: ProgramValues<typeof tlsSection> & { readonly stateDir: string };
  readonly auth: ProgramValues<typeof authSection>;
  readonly http: ProgramValues<typeof httpSection>;
  readonly health: ProgramValues<typeof healthSection>;
  /** `bytes` is resolved: never `"auto"`. */
  readonly cache: Omit<ProgramValues<typeof cacheSection>, "bytes"> & { readonly bytes: number };
  /** `memory` is resolved: never `"auto"`; 0: the relay sheds nothing. */
  readonly limits: Omit<ProgramValues<typeof limitsSection>, "memory"> & { readonly memory: number };
  readonly log: ProgramValues<typeof logSection>;
  readonly drain: ProgramValues<typeof drainSection>;
  readonly cloud: ProgramValues<typeof cloudSection>;
  readonly cluster: ProgramValues<typeof clusterSection>;
  readonly webhooks: ProgramValues<typeof webhooksSection>;
  readonly policies: ProgramValues<typeof policiesSection>;
}

/** What a file may have, by section and key. */
export interface FileValues {
  readonly server?: GivenValues<typeof serverSection>;
  readonly quic?: GivenValues<typeof quicSection>;
  readonly load_balancer?: GivenValues<typeof loadBalancerSection>;
  readonly tls?: GivenValues<typeof tlsSection>;
  readonly auth?: GivenValues<typeof authSection>;
  readonly http?: GivenValues<typeof httpSection>;
  readonly health?: GivenValues<typeof healthSection>;
  readonly cache?: GivenValues<typeof cacheSection>;
  readonly limits?: GivenValues<typeof limitsSection>;
  readonly log?: GivenValues<typeof logSection>;
  readonly drain?: GivenValues<typeof drainSection>;
  readonly cluster?: GivenValues<typeof clusterSection>;
  readonly webhooks?: GivenValues<typeof webhooksSection>;
  readonly policies?: GivenValues<typeof policiesSection>;
}

/** Sections in the order of the reference page. */
export const sections: Sections = new Map<string, AnySection>(
  [
    serverSection,
    quicSection,
    loadBalancerSection,
    tlsSection,
    authSection,
    httpSection,
    healthSection,
    cacheSection,
    limitsSection,
    logSection,
    drainSection,
    cloudSection,
    clusterSection,
    webhooksSection,
    policiesSection,
  ].map((section) => [section.name, section]),
);

export interface ConfigSources {
  /** Path of a TOML file. Without it every key that no variable or flag sets has its default. */
  readonly file?: string;
  /** Values by section and key, as a program gives them; over those of file and environment. */
  readonly options?: FileValues;
  /** The text of `file`, where it has been read already. */
  readonly text?: string;
  readonly env?: Environment;
  readonly flags?: readonly Flag[];
  /** Values set while the relay runs, by dotted path; they override all others. */
  readonly runTime?: ReadonlyMap<string, string>;
  /** Reads a file that has the value of a key; throws when it cannot be used. */
  readonly readContent?: (path: string) => string;
  /** Policies set while the relay runs. */
  readonly policies?: PolicyChanges;
  /** The text of the file that `policies.file` names, where it has been read already. */
  readonly policiesText?: string;
  /** Returns the bytes that the process may use; called once. Tests set it. */
  readonly memory?: () => number;
}

/** What was set while the relay runs. */
export type RunTime = Required<Pick<ConfigSources, "runTime" | "policies">>;

export interface LoadedConfig {
  readonly config: Config;
  /** Where each value comes from, by its dotted path, such as `limits.idle_timeout`. Has every key. */
  readonly origins: ReadonlyMap<string, Origin>;
  /** Prefixes of the policies that were not set at run time; absent: none. */
  readonly givenPolicies?: ReadonlySet<string>;
}

/** Reads, checks, merges and freezes. Throws {@link ConfigError} with every problem of every source. */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const problems: Problem[] = [];
  const report = (problem: Problem): void => void problems.push(problem);
  const env = sources.env ?? {};
  const layers = withPolicies(layersOf(sources, report), sources, report);
  refuse(problems.concat(layers.flatMap((layer) => checkLayer(layer, sections))));

  const given = mergeLayers(layers, sections);
  refuse(givenTwice(given.origins, sections));
  const read = sources.readContent ?? readSecretFile;
  const contents = contentLayer(given.raw, given.origins, sections, { read, report });
  refuse(problems.concat(checkLayer(contents, sections)));
  const { raw, origins } = mergeLayers([...layers, contents], sections);
  refuse(checkRules(raw, origins, sections));

  const config = deepFreeze(resolve(raw, env, sources.memory ?? memoryLimit));
  const open = openAdmin(config, origins);
  if (open !== undefined) throw new ConfigError([open]);
  const broken = brokenRules(config).map(({ keys, message }): Problem => {
    const key = keys.find((path) => origins.has(path)) ?? keys[0] ?? "";
    return { code: "conflict", key, message, origin: origins.get(key) ?? { kind: "default" } };
  });
  refuse(broken);
  return { config, origins: completeOrigins(origins, config), givenPolicies: givenPrefixes(layers) };
}

/** Paths of the files whose contents {@link loadConfig} would read as values of keys. */
export function filesToLoad(sources: ConfigSources): string[] {
  return contentFiles(
    mergeLayers(
      layersOf(sources, () => {}),
      sections,
    ).raw,
    sections,
  );
}

/** The file of policies that `sources` name, as it is there: it may be no usable path. */
export function policiesFileOf(sources: ConfigSources): string | undefined {
  return policiesFileIn(layersOf(sources, () => {}));
}

/** Later ones win. */
function layersOf(sources: ConfigSources, report: (problem: Problem) => void): Layer[] {
  return [
    ...(sources.file === undefined ? [] : [fileLayer(sources.file, report, sources.text)]),
    envLayer(sources.env ?? {}, sections, report),
    optionLayer(sources.options ?? {}),
    flagLayer(sources.flags ?? [], sections),
    runTimeLayer(sources.runTime ?? new Map(), sections),
  ];
}

function refuse(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new ConfigError(problems);
}

function resolve(raw: RawConfig, env: Environment, memory: () => number): Config {
  const tls = programValues(tlsSection, raw["tls"]);
  const cache = programValues(cacheSection, raw["cache"]);
  const limits = programValues(limitsSection, raw["limits"]);
  const usable = memory();
  const limit = limits.memory === "auto" ? usable : limits.memory;
  return {
    server: programValues(serverSection, raw["server"]),
    quic: programValues(quicSection, raw["quic"]),
    loadBalancer: programValues(loadBalancerSection, raw["load_balancer"]),
    tls: { ...tls, stateDir: tls.stateDir ?? defaultStateDir(env) },
    auth: programValues(authSection, raw["auth"]),
    http: programValues(httpSection, raw["http"]),
    health: programValues(healthSection, raw["health"]),
    cache: {
      ...cache,
      bytes: cache.bytes === "auto" ? autoCacheBytes(limit === 0 ? usable : Math.min(limit, usable)) : cache.bytes,
    },
    limits: { ...limits, memory: limit },
    log: programValues(logSection, raw["log"]),
    drain: programValues(drainSection, raw["drain"]),
    cloud: programValues(cloudSection, raw["cloud"]),
    cluster: programValues(clusterSection, raw["cluster"]),
    webhooks: programValues(webhooksSection, raw["webhooks"]),
    policies: programValues(policiesSection, raw["policies"]),
  };
}

function completeOrigins(given: ReadonlyMap<string, Origin>, config: Config): Map<string, Origin> {
  const origins = new Map<string, Origin>();
  for (const [name, section] of sections) {
    for (const key of Object.keys(section.schema.shape)) {
      const path = `${name}.${key}`;
      const resolved = new Map([
        ["cache.bytes", config.cache.bytes],
        ["limits.memory", config.limits.memory],
      ]).get(path);
      const note = resolved === undefined ? {} : { note: `auto: ${formatBytes(resolved)}` };
      origins.set(path, given.get(path) ?? { kind: "default", ...note });
    }
  }
  return origins;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
