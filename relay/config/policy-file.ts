/** The text of a file of policies, with some of them changed. */
import { isDeepStrictEqual } from "node:util";
import { parse } from "smol-toml";
import type { Policy } from "../../moq/model/index.ts";
import { type PolicyChanges, policiesSection, policyTable, prefixOf, withChanges } from "./policies.ts";
import { programValues } from "./section.ts";
import { keyLines } from "./toml-lines.ts";

/**
 * `text` with `changes`: tables of other policies stay as they are, with their comments; changed ones keep the comments above them. Throws
 * when `text`, or what it would become, is no valid file of policies.
 */
export function changedPolicies(text: string, changes: PolicyChanges): string {
  const before = tablesIn(text);
  const wanted = policiesOf(withChanges(before, changes) ?? []);
  const byPrefix = new Map(wanted.map((policy) => [policy.prefix, policy]));
  const { head, blocks } = split(text);
  const kept = blocks.flatMap(({ comments, body }, index) => {
    const prefix = prefixOf(before[index]) ?? "";
    const policy = byPrefix.get(prefix);
    byPrefix.delete(prefix);
    if (policy === undefined) return [];
    return [`${comments}${changes.has(prefix) ? policyTable(policy) : body}`];
  });
  const added = [...byPrefix.values()].map((policy) => `${policyTable(policy)}`);
  const next = joined([head, ...kept, ...added]);
  if (isDeepStrictEqual(sorted(policiesOf(tablesIn(next))), sorted(wanted))) return next;
  throw new Error("the file cannot be changed in place: its tables are not plain `[[policy]]` tables");
}

function tablesIn(text: string): readonly unknown[] {
  const { policy = [], ...others } = parse(text);
  const [other] = Object.keys(others);
  if (other !== undefined) throw new Error(`it has \`${other}\` beside \`[[policy]]\` tables`);
  if (!Array.isArray(policy)) throw new Error("it has no `[[policy]]` tables");
  return policy;
}

function policiesOf(list: readonly unknown[]): readonly Policy[] {
  return programValues(policiesSection, { list }).list;
}

function sorted(policies: readonly Policy[]): Policy[] {
  return policies.toSorted((a, b) => (a.prefix < b.prefix ? -1 : 1));
}

interface Block {
  /** The lines with comments directly above the table. */
  readonly comments: string;
  readonly body: string;
}

/** `head`: what is before the first table. */
function split(text: string): { head: string; blocks: Block[] } {
  const lines = text.split("\n");
  const places = keyLines(text);
  const headers: number[] = [];
  for (let line = places.get("policy.0"); line !== undefined; line = places.get(`policy.${headers.length}`)) {
    headers.push(line - 1);
  }
  const starts = headers.map((at) => {
    let start = at;
    while (start > 0 && /^\s*#/.test(lines[start - 1] ?? "")) start--;
    return start;
  });
  const part = (from: number, to: number | undefined) => {
    const piece = lines.slice(from, to).join("\n");
    return piece === "" ? "" : `${piece}\n`;
  };
  const blocks = headers.map((at, index) => ({
    comments: part(starts[index] ?? at, at),
    body: part(at, starts[index + 1]),
  }));
  return { head: part(0, starts[0]), blocks };
}

/** One empty line between two parts. */
function joined(parts: readonly string[]): string {
  const filled = parts.map((part) => part.replace(/^\n+|\s+$/g, "")).filter((part) => part !== "");
  return filled.length === 0 ? "" : `${filled.join("\n\n")}\n`;
}
