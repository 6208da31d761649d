import * as z from "zod";
import { HIGHEST_PRIORITY, type Policy } from "../../moq/model/index.ts";
import { normalisePath } from "../../moq/path.ts";
import {
  allLive,
  fields,
  optionalDuration,
  optionalFlag,
  optionalInteger,
  optionalSize,
  optionalText,
  show,
} from "./fields.ts";
import { nearest } from "./nearest.ts";
import { section } from "./section.ts";
import { formatBytes, formatDuration } from "./units.ts";

/** Most policies: each has counts of its own. */
export const MAX_POLICIES = 1_000;

/** Longest prefix, in bytes: the default bound of paths. */
const MAX_PREFIX_BYTES = 1_024;

/** Largest bound of one prefix. It catches mistyped numbers. */
const COUNT_MAX = 10_000_000;

const INHERITED = "inherited";

function bound(description: string) {
  return optionalInteger({
    description: `${description} \`0\`: no bound.`,
    fallback: INHERITED,
    min: 0,
    max: COUNT_MAX,
  });
}

function rate(description: string) {
  return optionalSize({ description: `${description} \`0B\`: no bound.`, fallback: INHERITED, max: "1TiB" });
}

const valuesShape = allLive({
  public_subscribe: optionalFlag({
    description: "Clients without a token may watch here, or may not.",
    fallback: INHERITED,
  }),
  public_publish: optionalFlag({
    description: "Clients without a token may publish here, or may not.",
    fallback: INHERITED,
  }),
  cache_bytes: optionalSize({
    description:
      "Budget of the cache for everything here. Groups here are evicted to stay within it, and no others; what is live is never cut. While the budgets of all prefixes fit into `[cache] bytes`, other broadcasts do not evict what is within one. `0B` keeps nothing.",
    fallback: INHERITED,
    max: "1TiB",
  }),
  cache_max_age: optionalDuration({
    description: "As `[cache] max_age`, which it replaces.",
    fallback: INHERITED,
    min: "0s",
    max: "1d",
  }),
  priority: optionalInteger({
    description:
      "Of two broadcasts on one connection, to a viewer or to another relay, the one with the higher priority is sent first, whatever priorities viewers and publishers ask for. Under a full link a lower one waits, and loses groups that become too old.",
    fallback: "inherited; `4` at last",
    min: 0,
    max: HIGHEST_PRIORITY,
  }),
  broadcasts: bound(
    "Broadcasts that clients may announce here at once. The relay logs and counts further ones, and accepts them as soon as others end.",
  ),
  publishers: bound(
    "Sessions of clients that may announce broadcasts here at once. Broadcasts of further ones wait, as for `broadcasts`.",
  ),
  tracks: bound("Tracks here that may be in use or in the cache at once."),
  sessions: bound(
    "Sessions of clients that may be open at once, of those whose URL and token permit nothing outside of the prefix.",
  ),
  subscriptions: bound("Tracks that clients may watch here at once."),
  ingress: rate(
    "Bytes that such sessions may send in a second. Above it their new groups are refused; the sessions that exceed it for long end.",
  ),
  egress: rate("Bytes that such sessions may receive in a second. Above it they get no new groups."),
});

/** A prefix as people write it; read without slashes at its ends. */
export const policyPrefix = z
  .string({ error: (issue) => `expected a path prefix, got ${show(issue.input)}` })
  .refine((text) => Buffer.byteLength(text) <= MAX_PREFIX_BYTES, `must have at most ${MAX_PREFIX_BYTES} bytes`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression looks for control characters
  .refine((text) => !/(?:^|\/)\.{1,2}(?:\/|$)|[\u0000-\u001f\u007f]/.test(text), "no path is under this prefix")
  .overwrite(normalisePath)
  .register(fields, {
    kind: "text",
    description: 'The policy holds for broadcasts at or under it, by whole segments. `""` and `"/"`: every path.',
    default: "",
    fallback: "required",
    live: true,
    expects: "path prefix",
  });

for (const schema of Object.values(valuesShape)) {
  const { description = "" } = fields.get(schema) ?? {};
  // For the document of the admin API.
  z.globalRegistry.add(schema, { description });
}

/** The keys of one `[[policy]]` beside its prefix, as requests write them. */
export const policyValues = z.strictObject(valuesShape);

/** One `[[policy]]`, as a section of docs/config.md. */
export const policySection = section(
  "policy",
  "What holds for the broadcasts under a prefix; [operations.md](operations.md#policy-by-prefix) explains it. A file may have many. For each key the longest prefix that gives it wins; keys that no policy gives have their values from the other sections.",
  { prefix: policyPrefix, ...valuesShape },
);

/** Keys and values of one policy beside its prefix, as the file writes them. */
export type RawPolicy = Readonly<Record<string, unknown>>;

/** By normalised prefix: the policy that takes the place of the one from the file; null removes it. */
export type PolicyChanges = ReadonlyMap<string, RawPolicy | null>;

const list = z
  .array(z.unknown(), { error: (issue) => `expected [[policy]] tables, got ${show(issue.input)}` })
  .max(MAX_POLICIES, { error: `at most ${MAX_POLICIES} policies` })
  .transform((all, context): readonly Policy[] => {
    const places = new Map<string, number>();
    return all.flatMap((raw, index) => {
      const parsed = policySection.schema.safeParse(raw);
      if (!parsed.success) {
        for (const { path, message } of issuesOf(parsed.error, nameOf(raw, index)))
          context.addIssue({ code: "custom", path: [index, ...path], message });
        return [];
      }
      const twin = places.get(parsed.data.prefix);
      places.set(parsed.data.prefix, index);
      if (twin === undefined) return [policyOf(parsed.data)];
      context.addIssue({
        code: "custom",
        path: [index],
        message: `${nameOf(raw, index)}: there is another policy for this prefix`,
      });
      return [];
    });
  })
  .prefault([])
  .register(fields, {
    kind: "tables",
    live: true,
    description:
      'The policies, which a file writes as [`[[policy]]`](#policy) tables, and a variable or a flag as JSON: `[{"prefix": "live", "tracks": 100}]`.',
    default: "[]",
    expects: "list of policies",
    written: (value) => `[${(value as readonly Policy[]).map(inlineTable).join(", ")}]`,
  });

export const policiesSection = section("policies", "Where the policies by prefix come from.", {
  file: optionalText({
    description:
      "TOML file with `[[policy]]` tables and nothing else. All policies are in it then, and `POST /api/v1/policies/save` writes what was changed at run time into it. It must exist; it may be empty.",
    fallback: "policies are in the configuration file, and those that are set at run time cannot be saved",
    live: true,
  }),
  list,
});

function issuesOf(error: z.ZodError, name: string): { path: (string | number)[]; message: string }[] {
  return error.issues.flatMap((issue) => {
    const at = issue.path.map((part) => (typeof part === "number" ? part : String(part)));
    if (issue.code !== "unrecognized_keys") {
      const where = at.length === 0 ? "" : `${at.join(".")}: `;
      return [
        { path: at, message: `${name}: ${where}${at.length === 0 ? "expected a table with keys" : issue.message}` },
      ];
    }
    return issue.keys.map((key) => {
      const meant = nearest(key, Object.keys(policySection.schema.shape));
      const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
      return { path: [key], message: `${name}: ${key}: unknown key${hint}` };
    });
  });
}

/** `policy "live/a"`, or its number where it has no prefix. */
function nameOf(raw: unknown, index: number): string {
  const given = typeof raw === "object" && raw !== null && "prefix" in raw ? raw.prefix : undefined;
  return typeof given === "string" ? `policy ${show(given)}` : `policy ${index + 1}`;
}

function policyOf(raw: z.output<typeof policySection.schema>): Policy {
  const { cache_bytes, cache_max_age, public_subscribe, public_publish, ...same } = raw;
  const all = {
    ...same,
    cacheBytes: cache_bytes,
    cacheMaxAgeMs: cache_max_age,
    publicSubscribe: public_subscribe,
    publicPublish: public_publish,
  };
  const given = Object.entries(all).filter(([, value]) => value !== undefined);
  return { prefix: raw.prefix, ...Object.fromEntries(given) };
}

/** The keys of a policy beside its prefix as the file writes them, in the order of the reference page. */
export function rawPolicy(policy: Omit<Policy, "prefix">): Record<string, string | number | boolean> {
  const { cacheBytes, cacheMaxAgeMs, publicSubscribe, publicPublish } = policy;
  const written: Readonly<Record<string, string | number | boolean | undefined>> = {
    ...policy,
    public_subscribe: publicSubscribe,
    public_publish: publicPublish,
    cache_bytes: bytesOf(cacheBytes),
    cache_max_age: cacheMaxAgeMs === undefined ? undefined : formatDuration(cacheMaxAgeMs),
    ingress: bytesOf(policy.ingress),
    egress: bytesOf(policy.egress),
  };
  return Object.fromEntries(
    Object.keys(valuesShape).flatMap((key) => {
      const value = written[key];
      return value === undefined ? [] : [[key, value]];
    }),
  );
}

function bytesOf(size: number | undefined): string | undefined {
  return size === undefined ? undefined : formatBytes(size);
}

/** `raw`, a list as a file has it, with `changes`. Nothing where it is no list. */
export function withChanges(raw: unknown, changes: PolicyChanges): readonly unknown[] | undefined {
  if (!Array.isArray(raw)) return undefined;
  const known = new Set<string>();
  const kept = raw.flatMap((one: unknown) => {
    const given = prefixOf(one);
    if (given === undefined) return [one];
    known.add(given);
    const change = changes.get(given);
    return change === undefined ? [one] : change === null ? [] : [{ prefix: given, ...change }];
  });
  const added = [...changes].flatMap(([given, change]) =>
    change === null || known.has(given) ? [] : [{ prefix: given, ...change }],
  );
  return [...kept, ...added];
}

/** The normalised prefix of a policy as a file has it. */
export function prefixOf(raw: unknown): string | undefined {
  if (typeof raw !== "object" || raw === null || !("prefix" in raw) || typeof raw.prefix !== "string") return undefined;
  return normalisePath(raw.prefix);
}

function inlineTable(policy: Policy): string {
  return `{ ${pairsOf(policy).join(", ")} }`;
}

/** A policy as a `[[policy]]` table of TOML, with a line end behind it. */
export function policyTable(policy: Policy): string {
  return `${["[[policy]]", ...pairsOf(policy)].join("\n")}\n`;
}

function pairsOf(policy: Policy): string[] {
  return Object.entries({ prefix: policy.prefix, ...rawPolicy(policy) }).map(
    ([key, value]) => `${key} = ${JSON.stringify(value)}`,
  );
}
