import * as z from "zod";
import { type Broadcasts, COUNTED, DEFAULT_PRIORITY, PolicyTable } from "../../moq/model/index.ts";
import {
  type Config,
  formatBytes,
  formatDuration,
  MAX_POLICIES,
  policyPrefix,
  policyValues,
  publicPrefixes,
  type RawPolicy,
  rawPolicy,
} from "../config/index.ts";
import {
  ApiProblem,
  DONE,
  doneSchema,
  type Operation,
  operation,
  page,
  pageOf,
  pageShape,
  pathField,
} from "../http/index.ts";
import { PoliciesNotSaved, type ReloadReport, type RunningSettings } from "../reload/index.ts";

const value = z.union([z.string(), z.number(), z.boolean()]);
const counts = z.object(Object.fromEntries(COUNTED.map((what) => [what, z.int()])));

const row = z.object({
  prefix: z.string().describe("Empty: every path."),
  values: z
    .record(z.string(), value)
    .describe("As the file writes them; other keys are inherited from shorter prefixes."),
  saved: z.boolean().describe("False: it was set through this API and is not in the file of policies yet."),
  used: counts.describe("What takes each bound from this policy and is in use now."),
  refused: counts.describe("Times that each bound refused something, since the policy is there."),
  cached_bytes: z.int().optional().describe("Bytes that the cache keeps under its budget; absent without one."),
});

const effective = z.object({
  key: z.string(),
  value: value.describe("As the file would write it; 0 in a bound is no bound."),
  prefix: z.string().optional().describe("The policy that gives it."),
  setting: z
    .string()
    .optional()
    .describe("The key of the configuration that gives it where no policy does; absent: the default."),
});

/** Policies by prefix: see them and what they count, set, remove and save them. */
export function policyOperations(parts: {
  readonly broadcasts: Broadcasts;
  readonly settings: RunningSettings;
}): Operation[] {
  const { broadcasts, settings } = parts;
  const described = { path: "/policies", tag: "policies" } as const;
  const one = z.strictObject({ prefix: policyPrefix.describe("Of the policy; whole segments.") });
  return [
    operation(
      {
        ...described,
        method: "get",
        right: "read",
        id: "listPolicies",
        summary:
          "The policies by prefix, what is in use under each, and with `path` the values that hold for that path.",
        query: z.strictObject({ path: pathField.optional().describe("A broadcast or a prefix."), ...pageShape }),
        answer: pageOf(row).extend({
          file: z.string().optional().describe("Where policies are saved; absent: they cannot be saved."),
          unsaved: z.int().describe("Policies that were set or removed and are not saved."),
          effective: z.array(effective).optional(),
        }),
      },
      ({ query: { path, ...asked } }) => {
        const { file, list } = settings.config.policies;
        const { total, items } = page(list, asked);
        const uses = new Map([...broadcasts.policies.uses].map((use) => [use.prefix, use]));
        const rows = items.map((policy) => {
          const { used, refused } = uses.get(policy.prefix) ?? { used: {}, refused: {} };
          const saved = !settings.unsavedPolicies.has(policy.prefix);
          const bytes = broadcasts.policies.cachedBytes(policy.prefix);
          const values = rawPolicy(policy);
          const cached = bytes === undefined ? {} : { cached_bytes: bytes };
          return { prefix: policy.prefix, values, saved, used: { ...used }, refused: { ...refused }, ...cached };
        });
        return {
          total,
          items: rows,
          ...(file !== undefined && { file }),
          unsaved: settings.unsavedPolicies.size,
          ...(path !== undefined && { effective: effectiveOf(settings.config, path) }),
        };
      },
    ),
    operation(
      {
        ...described,
        method: "put",
        right: "write",
        id: "setPolicy",
        summary: "Set the policy of a prefix. Keys that are left out are removed from it. What runs goes on.",
        query: one,
        body: policyValues,
        answer: doneSchema,
      },
      async ({ query: { prefix }, body }) => {
        const { list } = settings.config.policies;
        if (list.length >= MAX_POLICIES && list.every((policy) => policy.prefix !== prefix))
          throw new ApiProblem(507, "policies_full", `there are ${MAX_POLICIES} policies already`);
        orThrow(await settings.setPolicy(prefix, rawOf(body)));
        return DONE;
      },
    ),
    operation(
      {
        ...described,
        method: "delete",
        right: "write",
        id: "removePolicy",
        summary: "Remove the policy of a prefix: shorter prefixes and the configuration count there from now on.",
        query: one,
        answer: doneSchema,
      },
      async ({ query: { prefix } }) => {
        const known = settings.config.policies.list.some((policy) => policy.prefix === prefix);
        if (!known) throw new ApiProblem(404, "no_such_policy", "there is no policy for this prefix");
        orThrow(await settings.setPolicy(prefix, null));
        return DONE;
      },
    ),
    operation(
      {
        method: "post",
        path: "/policies/save",
        tag: "policies",
        right: "write",
        id: "savePolicies",
        summary: "Write the policies that were set or removed into the file of policies; its other content stays.",
        answer: z.object({ file: z.string(), saved: z.int().describe("Policies that were written or removed.") }),
      },
      async () => {
        const saved = settings.unsavedPolicies.size;
        try {
          return { file: await settings.savePolicies(), saved };
        } catch (error) {
          if (error instanceof PoliciesNotSaved) throw new ApiProblem(409, error.code, error.message);
          throw error;
        }
      },
    ),
  ];
}

/** A policy that contradicts another setting, or a configuration that cannot be loaded again. */
function orThrow({ failed }: ReloadReport): void {
  const [first] = Object.entries(failed);
  if (first === undefined) return;
  const [key, why] = first;
  throw new ApiProblem(409, "policy_refused", key === "" ? why : `${key}: ${why}`);
}

/** The body as the file would write it. */
function rawOf(body: z.output<typeof policyValues>): RawPolicy {
  const { cache_max_age, ...same } = body;
  const age = cache_max_age === undefined ? {} : { cache_max_age: formatDuration(cache_max_age) };
  return Object.fromEntries(Object.entries({ ...same, ...age }).filter(([, given]) => given !== undefined));
}

/** Every key with the value that holds for `path`. */
function effectiveOf(config: Config, path: string): z.output<typeof effective>[] {
  const found = new PolicyTable(config.policies.list).find(path);
  const given = new Map(
    Object.entries(found).flatMap(([key, { value: own, prefix }]) =>
      Object.entries(rawPolicy({ [key]: own })).map(([raw, text]) => [raw, { value: text, prefix }] as const),
    ),
  );
  const otherwise = valuesOfConfig(config, path);
  return Object.keys(policyValues.shape).map((key) => {
    const own = given.get(key);
    if (own !== undefined) return { key, ...own };
    const { value: last = 0, setting } = otherwise[key] ?? {};
    return { key, value: last, ...(setting !== undefined && { setting }) };
  });
}

/** The values that hold where no policy gives a key. */
function valuesOfConfig(
  config: Config,
  path: string,
): Record<string, { value: string | number | boolean; setting?: string }> {
  const covers = (what: "publicSubscribe" | "publicPublish") =>
    new PolicyTable(
      publicPrefixes({ ...config, policies: { list: [] } }, what).open.map((prefix) => ({ prefix, [what]: true })),
    ).find(path)[what] !== undefined;
  return {
    public_subscribe: { value: covers("publicSubscribe"), setting: "auth.public_subscribe" },
    public_publish: { value: covers("publicPublish"), setting: "auth.public_publish" },
    cache_bytes: { value: formatBytes(config.cache.bytes), setting: "cache.bytes" },
    cache_max_age: { value: formatDuration(config.cache.maxAgeMs), setting: "cache.max_age" },
    priority: { value: DEFAULT_PRIORITY },
    broadcasts: { value: config.limits.broadcasts, setting: "limits.broadcasts" },
    sessions: { value: config.limits.sessions, setting: "limits.sessions" },
    ingress: { value: "0B" },
    egress: { value: "0B" },
  };
}
