import { type Config, sections } from "./config.ts";
import { fieldOf } from "./layers.ts";
import { programKey } from "./section.ts";

/** The configuration of a running relay after a reload: live keys have the values of `next`, all others those of `running`. */
export function withLiveValues(running: Config, next: Config): Config {
  const before = new Map<string, object>(Object.entries(running));
  const after = new Map<string, object>(Object.entries(next));
  const merged = [...sections].map(([name, section]): [string, object] => {
    const live = new Set(
      Object.entries(section.schema.shape)
        .filter(([key]) => fieldOf(section, key)?.live)
        .map(([key, schema]) => programKey(key, schema)),
    );
    const kept = Object.entries(before.get(name) ?? {}).filter(([key]) => !live.has(key));
    const taken = Object.entries(after.get(name) ?? {}).filter(([key]) => live.has(key));
    return [name, Object.fromEntries([...kept, ...taken])];
  });
  return { ...running, ...Object.fromEntries(merged) };
}
