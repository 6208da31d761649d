import { type Config, type LoadedConfig, type Origin, sections } from "./config.ts";
import { type FieldMeta, show } from "./fields.ts";
import { fieldOf } from "./layers.ts";
import { programKey, valuesBySection } from "./section.ts";
import { formatBytes, formatDuration } from "./units.ts";

/** One value of a configuration, to show to people. */
export interface DescribedValue {
  /** Dotted path, such as `limits.idle_timeout`. */
  readonly key: string;
  /** As the file would write it. */
  readonly text: string;
  /** As the program uses it: milliseconds, bytes. Nothing when it is not set and has no default. */
  readonly value: unknown;
  /** The value may hold credentials, which are removed here. */
  readonly secret: boolean;
  /** A reload applies it to the running relay. */
  readonly live: boolean;
  readonly origin: Origin;
}

/** Every key in the order of the reference page, without credentials. */
export function describeConfig({ config, origins }: LoadedConfig): DescribedValue[] {
  return [...each(config)].map(({ path, field, raw }): DescribedValue => {
    const value = field?.shown === undefined ? raw : redacted(raw, field.shown);
    const text = value === undefined ? "(none)" : (field?.written?.(value) ?? written(value, field?.kind));
    const secret = field?.shown !== undefined;
    const live = field?.live ?? false;
    return { key: path, text, value, secret, live, origin: origins.get(path) ?? { kind: "default" } };
  });
}

/** Every value by its key, with credentials: to compare, not to show. */
export function configValues(config: Config): Map<string, unknown> {
  return new Map([...each(config)].map(({ path, raw }) => [path, raw]));
}

function* each(config: Config): Generator<{ path: string; field: FieldMeta | undefined; raw: unknown }> {
  const values = valuesBySection(config, sections.keys());
  for (const [name, section] of sections) {
    const group = new Map<string, unknown>(Object.entries(values.get(name) ?? {}));
    for (const [key, schema] of Object.entries(section.schema.shape)) {
      yield { path: `${name}.${key}`, field: fieldOf(section, key), raw: group.get(programKey(key, schema)) };
    }
  }
}

function redacted(raw: unknown, shown: (value: string) => string): unknown {
  if (typeof raw === "string") return shown(raw);
  return Array.isArray(raw) ? raw.map((one: unknown) => redacted(one, shown)) : undefined;
}

function written(value: unknown, kind: string | undefined): string {
  if (typeof value === "number" && kind === "duration") return `"${formatDuration(value)}"`;
  if (typeof value === "number" && kind === "size") return `"${formatBytes(value)}"`;
  return show(value, Number.POSITIVE_INFINITY);
}
