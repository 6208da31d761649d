/** `[[policy]]` tables: what is read, what is refused with which message, and how a file of them is changed. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import fc from "fast-check";
import { parse } from "smol-toml";
import { ConfigError, type ConfigSources, formatProblem, loadConfig } from "../../relay/config/config.ts";
import { describeConfig } from "../../relay/config/describe.ts";
import { policyTable, type RawPolicy, rawPolicy } from "../../relay/config/policies.ts";
import { changedPolicies } from "../../relay/config/policy-file.ts";
import { publicPrefixes } from "../../relay/config/public-paths.ts";

const folder = mkdtempSync(join(tmpdir(), "moqmesh-policies-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const config = (text: string): ConfigSources => ({ file: "relay.toml", text });

function problems(sources: ConfigSources): string[] {
  try {
    loadConfig(sources);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem);
    throw error;
  }
  return [];
}

const WHOLE = `
[[policy]]
prefix = "/live//tenant-a/"
public_subscribe = true
public_publish = false
cache_bytes = "64MiB"
cache_max_age = "1m"
priority = 6
broadcasts = 10
publishers = 5
tracks = 40
sessions = 100
subscriptions = 1000
ingress = "5MB"
egress = "50MB"

[[policy]]
prefix = ""
priority = 2
`;

describe("[[policy]] tables", () => {
  it("have every key in the units of the program, and their prefix without slashes at its ends", () => {
    const { policies } = loadConfig(config(WHOLE)).config;
    assert.deepEqual(policies.list, [
      {
        prefix: "live/tenant-a",
        publicSubscribe: true,
        publicPublish: false,
        cacheBytes: 64 * 2 ** 20,
        cacheMaxAgeMs: 60_000,
        priority: 6,
        broadcasts: 10,
        publishers: 5,
        tracks: 40,
        sessions: 100,
        subscriptions: 1_000,
        ingress: 5_000_000,
        egress: 50_000_000,
      },
      { prefix: "", priority: 2 },
    ]);
  });

  it("are shown as the file could write them", () => {
    const loaded = loadConfig(config(WHOLE));
    const shown = describeConfig(loaded).find(({ key }) => key === "policies.list");
    assert.deepEqual(shown?.origin, { kind: "file", file: "relay.toml", line: 2 });
    const again = loadConfig(config(`[policies]\nlist = ${shown?.text}`));
    assert.deepEqual(again.config.policies, loaded.config.policies);
  });

  it("are refused with the line, the prefix and the key of each mistake", () => {
    const text = `
[[policy]]
prefix = "a"
tracks = -1
hitless = true
[[policy]]
prefix = "/a/"
[[policy]]
prefix = "a/../b"
[[policy]]
cache_max_age = "soon"
priority = 8
`;
    assert.deepEqual(problems(config(text)), [
      'relay.toml:4: policies.list: policy "a": tracks: must be at least 0 [bad_value]',
      'relay.toml:5: policies.list: policy "a": hitless: unknown key [bad_value]',
      'relay.toml:9: policies.list: policy "a/../b": prefix: no path is under this prefix [bad_value]',
      "relay.toml:10: policies.list: policy 4: prefix: expected a path prefix, got undefined [bad_value]",
      'relay.toml:11: policies.list: policy 4: cache_max_age: expected a duration such as "500ms", "10s", "5m", "2h" or "1d"; got "soon" [bad_value]',
      "relay.toml:12: policies.list: policy 4: priority: must be at most 7 [bad_value]",
    ]);
    assert.deepEqual(problems(config('[[policy]]\nprefix = "a"\n[[policy]]\nprefix = "/a/"')), [
      'relay.toml:3: policies.list: policy "/a/": there is another policy for this prefix [bad_value]',
    ]);
    assert.match(problems(config('[policy]\nprefix = "a"'))[0] ?? "", /write `\[\[policy\]\]`, with two brackets/);
    assert.match(
      problems(config('[[policy]]\nprefix = "a"\n[policies]\nlist = []'))[0] ?? "",
      /either `list`.*\[conflict\]/,
    );
    const many = Array.from({ length: 1_001 }, (_, index) => ({ prefix: `t${index}` }));
    const flags = [{ key: "policies.list", value: JSON.stringify(many), name: "--policies.list" }];
    assert.match(problems({ flags })[0] ?? "", /at most 1000 policies/);
    assert.match(problems({ env: { MOQMESH_POLICIES_LIST: "[{" } })[0] ?? "", /env MOQMESH_POLICIES_LIST.*expected/);
  });

  it("contradict an auth API when they make paths public", () => {
    const api = '[auth]\napi = "https://auth.example/"\n[[policy]]\nprefix = "a"\n';
    assert.deepEqual(problems(config(api)), []);
    assert.match(
      problems(config(`${api}public_subscribe = false`))[0] ?? "",
      /relay.toml:3: .*decides alone.*\[conflict\]/,
    );
  });

  it("open and close paths for clients without a token, beside [auth]", () => {
    const { config: both } = loadConfig(
      config(`
[auth]
public_subscribe = ["/", "old/"]
[[policy]]
prefix = "old"
public_subscribe = false
[[policy]]
prefix = "new"
public_subscribe = true
public_publish = true
`),
    );
    assert.deepEqual(publicPrefixes(both, "publicSubscribe"), { open: ["", "new"], closed: ["old"] });
    assert.deepEqual(publicPrefixes(both, "publicPublish"), { open: ["new"], closed: [] });
  });
});

describe("a file of policies", () => {
  const file = join(folder, "policies.toml");
  const named = (more = "", text = ""): ConfigSources => ({
    ...config(`${more}\n[policies]\nfile = ${JSON.stringify(file)}`),
    policiesText: text,
  });

  it("has all policies, with its lines", () => {
    writeFileSync(file, '# ours\n\n[[policy]]\nprefix = "a"\n');
    const { config: loaded, origins } = loadConfig(config(`[policies]\nfile = ${JSON.stringify(file)}`));
    assert.deepEqual(loaded.policies, { file, list: [{ prefix: "a" }] });
    assert.deepEqual(origins.get("policies.list"), { kind: "file", file, line: 3 });
    assert.deepEqual(loadConfig(named()).config.policies.list, []);
  });

  it("must exist, and holds nothing else; policies are in no other place then", () => {
    const gone = config('[policies]\nfile = "/nowhere/policies.toml"');
    assert.deepEqual(problems(gone), ["/nowhere/policies.toml: no such file [unreadable]"]);
    assert.match(problems(named("", "[server]\nport = 1"))[0] ?? "", /policies.toml:1: server: a file of policies has/);
    assert.match(problems(named("", "port = 1"))[0] ?? "", /policies.toml:1: port: a file of policies has/);
    assert.match(problems(named("", '[policies]\nfile = "b"'))[0] ?? "", /policies.file: a file of policies has/);
    assert.match(
      problems(named('[[policy]]\nprefix = "a"'))[0] ?? "",
      /relay.toml:1: .*either in the file.*\[conflict\]/,
    );
    assert.match(problems(named("", '[[policy]]\nprefix = "a"\ntracks = "x"'))[0] ?? "", /policies.toml:3: .*tracks/);
  });

  it("takes what was set at run time over its own", () => {
    const policies = new Map([
      ["a", { tracks: 2 }],
      ["b", null],
      ["c", { priority: 1 }],
    ]);
    const text = '[[policy]]\nprefix = "/a"\npriority = 7\n[[policy]]\nprefix = "b"\n[[policy]]\nprefix = "d"\n';
    const { config: loaded, origins } = loadConfig({ ...named("", text), policies });
    assert.deepEqual(loaded.policies.list, [{ prefix: "a", tracks: 2 }, { prefix: "d" }, { prefix: "c", priority: 1 }]);
    assert.deepEqual(origins.get("policies.list"), { kind: "run_time" });
    assert.match(
      problems({ ...named("", text), policies: new Map([["a", { tracks: -2 }]]) })[0] ?? "",
      /set at run time/,
    );
  });
});

describe("changing a file of policies", () => {
  const text = `# Policies of this relay.

# The tenant that pays most.
[[policy]]
prefix = "/vip/"   # with slashes
priority = 6

# Others.
[[policy]]
prefix = "a"
tracks = 3 # few
# last line
`;

  it("keeps every other table as it is written, and the comments above those that change", () => {
    const changes = new Map([
      ["a", { tracks: 9, egress: "1MB" }],
      ["new", { cache_bytes: "16MiB" }],
    ]);
    assert.equal(
      changedPolicies(text, changes),
      `# Policies of this relay.

# The tenant that pays most.
[[policy]]
prefix = "/vip/"   # with slashes
priority = 6

# Others.
[[policy]]
prefix = "a"
tracks = 9
egress = "1000000B"

[[policy]]
prefix = "new"
cache_bytes = "16MiB"
`,
    );
  });

  it("removes a table with its comments, and fills an empty file", () => {
    assert.equal(
      changedPolicies(text, new Map([["a", null]])),
      text.slice(0, text.indexOf("# Others")).trimEnd().concat("\n"),
    );
    assert.equal(changedPolicies("", new Map([["a", { tracks: 1 }]])), '[[policy]]\nprefix = "a"\ntracks = 1\n');
    assert.equal(changedPolicies("# only a comment\n", new Map()), "# only a comment\n");
  });

  it("refuses a file that is no file of policies, or is written in another way", () => {
    const change = new Map([["a", { tracks: 1 }]]);
    for (const bad of [
      "[server]\nport = 1",
      "policy = 3",
      "[[policy",
      '[[policy]]\nprefix = "b"\ntracks = -1',
      'policy = [{ prefix = "b" }]',
    ])
      assert.throws(() => changedPolicies(bad, change), Error, bad);
  });

  it("gives a file that has exactly the policies that were wanted", () => {
    const prefix = fc.constantFrom("a", "a/b", "c", "");
    const values = fc.record(
      { tracks: fc.nat(5), cache_bytes: fc.nat(9_999), comment: fc.constantFrom("", "# [[policy]]\n") },
      { requiredKeys: [] },
    );
    const tables = fc.uniqueArray(fc.tuple(prefix, values), { selector: ([one]) => one });
    const changes = fc.array(fc.tuple(prefix, fc.option(values)));
    fc.assert(
      fc.property(tables, changes, (before, after_) => {
        const written = before.map(
          ([one, { comment = "", ...keys }]) => `${comment}${policyTable({ prefix: one, ...programOf(keys) })}`,
        );
        const change = new Map(after_.map(([one, keys]) => [one, keys === null ? null : rawOf(keys)] as const));
        const wanted = new Map(before.map(([one, keys]) => [one, rawOf(keys)]));
        for (const [one, keys] of change) {
          if (keys === null) wanted.delete(one);
          else wanted.set(one, keys);
        }
        const { policy = [] } = parse(changedPolicies(written.join("\n"), change));
        assert.ok(Array.isArray(policy));
        const { list } = loadConfig({ flags: [{ key: "policies.list", value: JSON.stringify(policy), name: "" }] })
          .config.policies;
        const got = new Map(list.map(({ prefix: one, ...keys }) => [one, rawPolicy(keys)]));
        const expected = new Map([...wanted].map(([one, keys]) => [one, rawPolicy(programOf(keys))]));
        assert.deepEqual(got, expected);
      }),
      { numRuns: 100 },
    );
  });
});

type Keys = { readonly tracks?: number; readonly cache_bytes?: number };

function rawOf({ tracks, cache_bytes }: Keys): RawPolicy {
  return { ...(tracks !== undefined && { tracks }), ...(cache_bytes !== undefined && { cache_bytes }) };
}

function programOf({ tracks, cache_bytes: cacheBytes }: Keys) {
  return { ...(tracks !== undefined && { tracks }), ...(cacheBytes !== undefined && { cacheBytes }) };
}
