/** Checks layers against the schema and merges them. Records the origin (file line, variable or flag) of each value. */
import type * as z from "zod";
import type { AnySection, Layer, Sections } from "./layers.ts";
import { nearest } from "./nearest.ts";
import type { Origin, Problem } from "./problem.ts";

/** Values by section and key, as the sources write them. */
export type RawConfig = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Origins of given values, by dotted path. */
export type Origins = ReadonlyMap<string, Origin>;

/** Checks one layer without the others. The problems are sorted by line. */
export function checkLayer(layer: Layer, sections: Sections): Problem[] {
  const problems = Object.entries(layer.values).flatMap(([name, values]) => {
    const section = sections.get(name);
    if (section === undefined) return [unknownSection(name, values, layer.originOf([name]), sections)];
    const parsed = section.schema.safeParse(values);
    return parsed.success ? [] : parsed.error.issues.flatMap((issue) => problemsOf(issue, section, layer, sections));
  });
  return problems.sort((a, b) => lineIn(a.origin) - lineIn(b.origin));
}

function lineIn(origin: Origin): number {
  return origin.kind === "file" ? (origin.line ?? 0) : 0;
}

function unknownSection(name: string, value: unknown, origin: Origin, sections: Sections): Problem {
  if (typeof value !== "object") return outsideSections(name, origin, sections);
  const meant = nearest(name, sections.keys());
  const hint = meant === undefined ? {} : { hint: `did you mean [${meant}]?` };
  return { code: "unknown_section", key: name, message: "unknown section", ...hint, origin };
}

/** A plain value above the first `[section]`. */
function outsideSections(name: string, origin: Origin, sections: Sections): Problem {
  const meant = nearest(
    name,
    [...sections.values()].flatMap((section) => Object.keys(section.schema.shape)),
  );
  const hint = meant === undefined ? {} : { hint: `did you mean "${meant}" under [${ownerOf(meant, sections)}]?` };
  return { code: "unknown_key", key: name, message: "this key is outside of any section", ...hint, origin };
}

/** The first section that has such a key. */
function ownerOf(key: string, sections: Sections): string | undefined {
  for (const [name, section] of sections) if (key in section.schema.shape) return name;
  return undefined;
}

function problemsOf(issue: z.core.$ZodIssue, section: AnySection, layer: Layer, sections: Sections): Problem[] {
  const path = [section.name, ...issue.path.map(String)];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => unknownKey(key, section, layer.originOf([...path, key]), sections));
  }
  const message = path.length === 1 ? "expected a section with keys" : issue.message;
  return [{ code: "bad_value", key: path.slice(0, 2).join("."), message, origin: layer.originOf(path) }];
}

function unknownKey(key: string, section: AnySection, origin: Origin, sections: Sections): Problem {
  const meant = nearest(key, Object.keys(section.schema.shape));
  const owner = ownerOf(key, sections);
  const hint =
    meant !== undefined
      ? `did you mean "${meant}"?`
      : owner !== undefined
        ? `"${key}" belongs to [${owner}]`
        : undefined;
  return {
    code: "unknown_key",
    key: `${section.name}.${key}`,
    message: "unknown key",
    ...(hint === undefined ? {} : { hint }),
    origin,
  };
}

/** Merges layers that have no problems, key by key. A later layer replaces the value of an earlier one. */
export function mergeLayers(layers: readonly Layer[], sections: Sections): { raw: RawConfig; origins: Origins } {
  const raw: Record<string, Record<string, unknown>> = {};
  const origins = new Map<string, Origin>();
  for (const name of sections.keys()) {
    const values: Record<string, unknown> = {};
    for (const layer of layers) {
      for (const [key, value] of Object.entries(layer.values[name] ?? {})) {
        values[key] = value;
        origins.set(`${name}.${key}`, layer.originOf([name, key]));
      }
    }
    raw[name] = values;
  }
  return { raw, origins };
}

/** Conflicts between keys of one section, with all defaults in place. */
export function checkRules(raw: RawConfig, origins: Origins, sections: Sections): Problem[] {
  return [...sections.values()].flatMap((section) =>
    section.conflicts(raw[section.name]).map(({ keys, message }): Problem => {
      const key = keys.map((one) => `${section.name}.${one}`).find((path) => origins.has(path)) ?? section.name;
      return { code: "conflict", key, message, origin: origins.get(key) ?? { kind: "default" } };
    }),
  );
}
