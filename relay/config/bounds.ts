import { type Config, sections } from "./config.ts";
import { fieldOf } from "./layers.ts";
import { limitsSection } from "./limits.ts";
import { programKey, valuesBySection } from "./section.ts";

/**
 * Every bound of the configuration by its dotted path: all of `[limits]`, and the keys that say `bound: true`. Durations in seconds,
 * sizes in bytes.
 */
export function configuredBounds(config: Config): ReadonlyMap<string, number> {
  const bounds = new Map<string, number>();
  const values = valuesBySection(config, sections.keys());
  for (const [name, section] of sections) {
    const ofSection = new Map<string, unknown>(Object.entries(values.get(name) ?? {}));
    for (const [key, schema] of Object.entries(section.schema.shape)) {
      const field = fieldOf(section, key);
      if (name !== limitsSection.name && field?.bound !== true) continue;
      const value = ofSection.get(programKey(key, schema));
      if (typeof value === "number") bounds.set(`${name}.${key}`, field?.kind === "duration" ? value / 1000 : value);
    }
  }
  return bounds;
}
