import { type LoadedConfig, type Origin, sections } from "../config.ts";
import { show } from "./fields.ts";
import { fieldOf } from "./layers.ts";
import { camel } from "./section.ts";
import { formatBytes, formatDuration } from "./units.ts";

/** One value of a configuration, for people. */
export interface DescribedValue {
  /** Dotted path, such as `limits.idle_timeout`. */
  readonly key: string;
  /** As the file would write it. */
  readonly text: string;
  /** As the program reads it: milliseconds, bytes. Nothing when it was left out and has no default. */
  readonly value: unknown;
  readonly origin: Origin;
}

/** Every key in the order of the reference page. */
export function describeConfig({ config, origins }: LoadedConfig): DescribedValue[] {
  const values = new Map<string, object>(Object.entries(config));
  return [...sections].flatMap(([name, section]) => {
    const group = new Map<string, unknown>(Object.entries(values.get(name) ?? {}));
    return Object.keys(section.schema.shape).map((key): DescribedValue => {
      const path = `${name}.${key}`;
      const field = fieldOf(section, key);
      const raw = group.get(camel(key));
      const value = typeof raw === "string" && field?.shown !== undefined ? field.shown(raw) : raw;
      const text = value === undefined ? "(none)" : written(value, field?.kind);
      return { key: path, text, value, origin: origins.get(path) ?? { kind: "default" } };
    });
  });
}

function written(value: unknown, kind: string | undefined): string {
  if (typeof value === "number" && kind === "duration") return `"${formatDuration(value)}"`;
  if (typeof value === "number" && kind === "size") return `"${formatBytes(value)}"`;
  return show(value, Number.POSITIVE_INFINITY);
}
