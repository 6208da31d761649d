/** Policies from a file of their own, and those that were set at run time. */
import { fileLayer, type Layer } from "./layers.ts";
import { type PolicyChanges, prefixOf, withChanges } from "./policies.ts";
import type { Problem } from "./problem.ts";

export interface PolicySources {
  readonly policies?: PolicyChanges;
  readonly policiesText?: string;
}

/** The file of policies that `layers` name; later ones win. */
export function policiesFileIn(layers: readonly Layer[]): string | undefined {
  const file = layers.map((layer) => valueIn(layer, "file")).findLast((one) => one !== undefined);
  return typeof file === "string" && file !== "" ? file : undefined;
}

/** `given` with the policies of the file that they name, and with those of `sources`, which were set at run time. */
export function withPolicies(
  given: readonly Layer[],
  { policies: changes = new Map(), policiesText }: PolicySources,
  report: (problem: Problem) => void,
): Layer[] {
  const file = policiesFileIn(given);
  const layers = file === undefined ? [...given] : [...given, policiesFile(file, given, policiesText, report)];
  if (changes.size === 0) return layers;
  const base = layers.map((layer) => valueIn(layer, "list")).findLast((one) => one !== undefined);
  const list = withChanges(base ?? [], changes);
  // What is no list is a problem of the layer that has it.
  if (list === undefined) return layers;
  return [...layers, { values: { policies: { list } }, originOf: () => ({ kind: "run_time" }) }];
}

/** Prefixes of the policies in `layers` that were not set at run time. */
export function givenPrefixes(layers: readonly Layer[]): ReadonlySet<string> {
  const given = layers.filter((layer) => layer.originOf(["policies", "list"]).kind !== "run_time");
  const list = given.map((layer) => valueIn(layer, "list")).findLast((one) => one !== undefined);
  return new Set(Array.isArray(list) ? list.flatMap((one: unknown) => prefixOf(one) ?? []) : []);
}

function policiesFile(
  file: string,
  given: readonly Layer[],
  text: string | undefined,
  report: (problem: Problem) => void,
): Layer {
  for (const layer of given) {
    if (valueIn(layer, "list") === undefined) continue;
    const message = "policies are either in the file that `policies.file` names, or here";
    report({ code: "conflict", key: "policies.list", message, origin: layer.originOf(["policies", "list"]) });
  }
  const own = fileLayer(file, report, text);
  const { policies, ...others } = own.values;
  for (const key of [...Object.keys(others), ...(valueIn(own, "file") === undefined ? [] : ["policies.file"])]) {
    const message = "a file of policies has `[[policy]]` tables and nothing else";
    report({ code: "unknown_key", key, message, origin: own.originOf(key.split(".")) });
  }
  return { ...own, values: policies === undefined ? {} : { policies } };
}

function valueIn({ values }: Layer, key: "file" | "list"): unknown {
  const { policies } = values;
  return typeof policies === "object" && policies !== null
    ? new Map<string, unknown>(Object.entries(policies)).get(key)
    : undefined;
}
