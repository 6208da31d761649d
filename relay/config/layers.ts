/** The places that values come from. Each becomes a layer: raw values by section and key, and where each value stands. */
import { readFileSync } from "node:fs";
import { parse, TomlError } from "smol-toml";
import type * as z from "zod";
import { type FieldMeta, fields } from "./fields.ts";
import { nearest } from "./nearest.ts";
import type { Origin, Problem } from "./problem.ts";
import type { Section } from "./section.ts";
import { tomlAdvice } from "./toml-advice.ts";
import { keyLines, lineOf } from "./toml-lines.ts";
import { parseWhole } from "./units.ts";

export type AnySection = Section<z.ZodRawShape>;
export type Sections = ReadonlyMap<string, AnySection>;

/** Values of one field, not yet checked. */
export interface Layer {
  readonly values: Readonly<Record<string, unknown>>;
  originOf(path: readonly string[]): Origin;
}

/** A value given on the command line. */
export interface Flag {
  /** Dotted path, such as `server.port`. */
  readonly key: string;
  readonly value: string;
  /** As the user typed it, such as `--port`. */
  readonly name: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export const ENV_PREFIX = "MOQMESH_";

/** Variables that Kubernetes sets for a service whose name starts with `moqmesh`; they are not configuration. */
const SERVICE_LINK = /_SERVICE_(HOST|PORT(_.+)?)$|_PORT_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?$/;

/** A variable of an unknown section is reported as a typing mistake when it differs from a known one by at most this many letters. */
const MAX_TYPO_LETTERS = 2;

export function envName(section: string, key: string): string {
  return `${ENV_PREFIX}${section}_${key}`.toUpperCase();
}

/** Metadata of `section.key`; nothing when there is no such key. */
export function fieldOf(section: AnySection | undefined, key: string): FieldMeta | undefined {
  const schema = section?.schema.shape[key];
  return schema === undefined ? undefined : fields.get(schema as z.ZodType);
}

/** The text of a configuration file; problems are given to `report`. */
function readText(file: string, report: (problem: Problem) => void): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    report({ code: "unreadable", key: "", message: unreadable(error), origin: { kind: "file", file } });
    return undefined;
  }
}

/** Why a file cannot be read, as the end of a sentence about it. */
export function unreadable(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
  switch (code) {
    case "ENOENT":
      return "no such file";
    case "EISDIR":
      return "this is a folder, not a file";
    case "EACCES":
    case "EPERM":
      return "no permission to read it";
    default:
      return `cannot be read (${code ?? String(error)})`;
  }
}

/** Reads a TOML file, or takes `known`, its text, where the caller has read it. A problem goes to `report`, and the layer is empty then. */
export function fileLayer(file: string, report: (problem: Problem) => void, known?: string): Layer {
  const empty: Layer = { values: {}, originOf: () => ({ kind: "file", file }) };
  const text = known ?? readText(file, report);
  if (text === undefined) return empty;
  try {
    const lines = keyLines(text);
    const originOf = (path: readonly string[]): Origin => {
      const [section, key, ...rest] = path;
      const policyLine = section === "policies" && key === "list" ? lineOf(lines, ["policy", ...rest]) : undefined;
      const line = policyLine ?? lineOf(lines, path);
      return { kind: "file", file, ...(line === undefined ? {} : { line }) };
    };
    return { values: gatherPolicies(parse(text, { unsafeKeyBehaviour: "throw" }), originOf, report), originOf };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const why = (error.message.split("\n")[0] ?? "").replace(/^Invalid TOML document: /, "");
    const message = tomlAdvice(why, text.split("\n")[error.line - 1] ?? "");
    report({ code: "syntax", key: "", message, origin: { kind: "file", file, line: error.line } });
    return empty;
  }
}

/** The `[[policy]]` tables of a file are its `policies.list`. */
function gatherPolicies(
  values: Layer["values"],
  originOf: Layer["originOf"],
  report: (problem: Problem) => void,
): Layer["values"] {
  const { policy, ...rest } = values;
  if (policy === undefined) return values;
  const { policies = {} } = rest;
  const origin = originOf(["policies", "list"]);
  if (!Array.isArray(policy)) {
    report({ code: "bad_value", key: "policy", message: "write `[[policy]]`, with two brackets on each side", origin });
    return rest;
  }
  if (typeof policies !== "object" || policies === null) return rest;
  if (!("list" in policies)) return { ...rest, policies: { ...policies, list: policy } };
  report({ code: "conflict", key: "policies.list", message: "use either `list` or `[[policy]]` tables", origin });
  return rest;
}

/**
 * Reads `MOQMESH_SECTION_KEY`. An empty variable counts as unset. A variable of a known section must name a key.
 * Other variables are ignored unless they look like a mistyped key.
 */
export function envLayer(env: Environment, sections: Sections, report: (problem: Problem) => void): Layer {
  const values: Record<string, Record<string, unknown>> = {};
  const known = new Map<string, { section: string; key: string }>();
  for (const [name, section] of sections) {
    for (const key of Object.keys(section.schema.shape)) known.set(envName(name, key), { section: name, key });
  }
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(ENV_PREFIX) || text === undefined || text === "") continue;
    const field = known.get(name);
    if (field === undefined) {
      const problem = unknownVariable(name, sections, known.keys());
      if (problem !== undefined) report(problem);
      continue;
    }
    values[field.section] ??= {};
    const group = values[field.section];
    if (group) group[field.key] = fromText(text, fieldOf(sections.get(field.section), field.key));
  }
  return { values, originOf: ([section = "", key = ""]) => ({ kind: "env", name: envName(section, key) }) };
}

function unknownVariable(name: string, sections: Sections, known: Iterable<string>): Problem | undefined {
  if (SERVICE_LINK.test(name)) return undefined;
  const ours = [...sections.keys()].some((section) => name.startsWith(envName(section, "")));
  const meant = nearest(name, known, ours ? undefined : MAX_TYPO_LETTERS);
  if (!ours && meant === undefined) return undefined;
  const hint = meant === undefined ? {} : { hint: `did you mean ${meant}?` };
  return { code: "unknown_key", key: "", message: "unknown variable", ...hint, origin: { kind: "env", name } };
}

/** Values that a program gives. A key without a value counts as unset. */
export function optionLayer(given: object): Layer {
  const values = Object.entries(given).flatMap(([name, section]: [string, unknown]): [string, unknown][] => {
    if (section === undefined) return [];
    if (typeof section !== "object" || section === null || Array.isArray(section)) return [[name, section]];
    return [[name, Object.fromEntries(Object.entries(section).filter(([, value]) => value !== undefined))]];
  });
  return { values: Object.fromEntries(values), originOf: () => ({ kind: "option" }) };
}

/** Values that were set while the relay runs. */
export function runTimeLayer(changes: ReadonlyMap<string, string>, sections: Sections): Layer {
  const flags = [...changes].map(([key, value]) => ({ key, value, name: key }));
  return { ...flagLayer(flags, sections), originOf: () => ({ kind: "run_time" }) };
}

/** Values of flags. Where a flag is repeated, the last one wins. */
export function flagLayer(flags: readonly Flag[], sections: Sections): Layer {
  const values: Record<string, Record<string, unknown>> = {};
  const names = new Map<string, string>();
  for (const flag of flags) {
    const dot = flag.key.indexOf(".");
    const section = flag.key.slice(0, Math.max(dot, 0));
    const key = flag.key.slice(dot + 1);
    values[section] = { ...values[section], [key]: fromText(flag.value, fieldOf(sections.get(section), key)) };
    names.set(flag.key, flag.name);
  }
  return {
    values,
    originOf: (path) => ({ kind: "flag", name: names.get(path.slice(0, 2).join(".")) ?? `--${path.join(".")}` }),
  };
}

/** The text as a value of the type of its field. Text that does not fit stays text, and the schema refuses it. */
function fromText(text: string, field: FieldMeta | undefined): unknown {
  switch (field?.kind) {
    case "integer":
      return parseWhole(text) ?? text;
    case "boolean":
      return text === "true" ? true : text === "false" ? false : text;
    case "list":
      return text === ""
        ? []
        : text
            .split(",")
            .map((one) => one.trim())
            .filter((one) => one !== "");
    case "tables":
      return text === "" ? [] : fromJson(text);
    case "text":
    case "choice":
    case "duration":
    case "size":
    case undefined:
      return text;
  }
}

function fromJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return text;
  }
}
