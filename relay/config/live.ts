import { isDeepStrictEqual } from "node:util";
import { type Config, type LoadedConfig, sections } from "./config.ts";
import { configValues, type DescribedValue, describeConfig } from "./describe.ts";
import { fieldOf } from "./layers.ts";
import { programKey, valuesBySection } from "./section.ts";

/** The configuration of a running relay after a reload: live keys have the values of `next`, all others those of `running`. */
export function withLiveValues(running: Config, next: Config): Config {
  const before = valuesBySection(running, sections.keys());
  const after = valuesBySection(next, sections.keys());
  const merged = [...sections].map(([name, section]): [string, object] => {
    const live = new Set(
      Object.entries(section.schema.shape)
        .filter(([key]) => fieldOf(section, key)?.live)
        .map(([key, schema]) => programKey(key, schema)),
    );
    const kept = Object.entries(before.get(name) ?? {}).filter(([key]) => !live.has(key));
    const taken = Object.entries(after.get(name) ?? {}).filter(([key]) => live.has(key));
    return [programKey(name, undefined), Object.fromEntries([...kept, ...taken])];
  });
  return { ...running, ...Object.fromEntries(merged) };
}

/** {@link withLiveValues}, with the origins of the values. */
export function withLiveLoaded(running: LoadedConfig, next: LoadedConfig): LoadedConfig {
  const live = new Set(liveKeys());
  const origins = new Map(
    [...running.origins].map(([key, origin]) => [key, live.has(key) ? (next.origins.get(key) ?? origin) : origin]),
  );
  return { config: withLiveValues(running.config, next.config), origins };
}

/** Dotted paths of the keys that a reload applies. */
export function liveKeys(): string[] {
  return [...sections].flatMap(([name, section]) =>
    Object.keys(section.schema.shape)
      .filter((key) => fieldOf(section, key)?.live)
      .map((key) => `${name}.${key}`),
  );
}

/** One key whose value differs between two configurations. Credentials are hidden. */
export interface ChangedKey {
  readonly key: string;
  /** As the file would write them. */
  readonly from: string;
  readonly to: string;
  readonly live: boolean;
}

/** The keys whose values differ, in the order of the reference page. Credentials are compared, and never shown. */
export function changedKeys(before: LoadedConfig, after: LoadedConfig): ChangedKey[] {
  const values = [configValues(before.config), configValues(after.config)] as const;
  const texts = new Map(describeConfig(before).map(({ key, text }) => [key, text]));
  const changed = ({ key }: DescribedValue) => !isDeepStrictEqual(values[0].get(key), values[1].get(key));
  return describeConfig(after)
    .filter(changed)
    .map(({ key, text, live }) => ({ key, from: texts.get(key) ?? "(none)", to: text, live }));
}
