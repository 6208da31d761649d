/** Policies by prefix are seen, set, removed and saved through the admin API. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { Settings } from "../support/relay.ts";
import { type TestRelay, withRelay } from "../support/relay.ts";
import { ask, codeOf, itemsOf } from "./support.ts";

const folder = mkdtempSync(join(tmpdir(), "moqmesh-policies-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;

/** A file of policies with `text`, in a folder of its own. */
function fileWith(text: string): string {
  const own = join(folder, String(files++));
  const file = join(mkdtempSync(own), "policies.toml");
  writeFileSync(file, text);
  return file;
}

const FIRST = `# The first tenant.
[[policy]]
prefix = "live/a"
tracks = 5
`;

/** Runs with a file that has {@link FIRST}. */
async function withFile(work: (relay: TestRelay, file: string) => Promise<void>, more: Settings = {}): Promise<void> {
  const file = fileWith(FIRST);
  await withRelay({ "policies.file": file, ...more }, (relay) => work(relay, file));
}

const put = (relay: TestRelay, prefix: string, body: object) =>
  ask(relay, "PUT", `/policies?prefix=${encodeURIComponent(prefix)}`, body);
const remove = (relay: TestRelay, prefix: string) =>
  ask(relay, "DELETE", `/policies?prefix=${encodeURIComponent(prefix)}`);

async function listed(relay: TestRelay) {
  const answer = await ask(relay, "GET", "/policies");
  assert.equal(answer.status, 200);
  return itemsOf(answer).map(({ prefix, values, saved }) => ({ prefix, values, saved }));
}

/** Values for a path by key, with the place that gives each. */
async function effective(relay: TestRelay, path: string): Promise<Record<string, string>> {
  const { body } = await ask(relay, "GET", `/policies?path=${encodeURIComponent(path)}`);
  const { effective: values } = body;
  assert.ok(Array.isArray(values));
  return Object.fromEntries(
    values.map(({ key, value, prefix, setting }) => [
      key,
      `${value} ${prefix === undefined ? (setting ?? "default") : `/${prefix}`}`,
    ]),
  );
}

describe("policies in the admin API", () => {
  it("are listed with what is in use, and with the values that hold for a path", () =>
    withFile(
      async (relay) => {
        assert.equal((await put(relay, "live", { priority: 6, cache_max_age: "1m", cache_bytes: "8MiB" })).status, 200);
        const { body } = await ask(relay, "GET", "/policies");
        assert.equal(body["unsaved"], 1);
        const [first, second] = itemsOf({ status: 200, body });
        const none = { broadcasts: 0, publishers: 0, tracks: 0, sessions: 0, subscriptions: 0 };
        assert.deepEqual(first, { prefix: "live/a", values: { tracks: 5 }, saved: true, used: none, refused: none });
        assert.equal(second?.["cached_bytes"], 0);
        assert.deepEqual(await effective(relay, "live/a/cam"), {
          public_subscribe: "true auth.public_subscribe",
          public_publish: "false auth.public_publish",
          cache_bytes: "8MiB /live",
          cache_max_age: "1m /live",
          priority: "6 /live",
          broadcasts: "10000 limits.broadcasts",
          publishers: "0 default",
          tracks: "5 /live/a",
          sessions: "10000 limits.sessions",
          subscriptions: "0 default",
          ingress: "0B default",
          egress: "0B default",
        });
        assert.equal((await effective(relay, "elsewhere"))["tracks"], "0 default");
      },
      { "auth.public_subscribe": "live" },
    ));

  it("hold at once when they are set, and no longer when they are removed", () =>
    withFile(async (relay) => {
      const verdict = async () => {
        const answer: unknown = await (await fetch(new URL("/access/live/open", relay.url))).json();
        return JSON.stringify(answer);
      };
      assert.match(await verdict(), /"allowed":true/, "without keys and public prefixes, this machine is served");
      assert.equal((await put(relay, "elsewhere", { public_subscribe: true })).status, 200);
      assert.match(await verdict(), /token_missing/);
      assert.equal((await put(relay, "/live/open/", { public_subscribe: true })).status, 200);
      assert.match(await verdict(), /"subscribe":\[""\]/);
      assert.equal((await put(relay, "live/open", { tracks: 1 })).status, 200, "the body replaces all keys");
      assert.match(await verdict(), /token_missing/);
      assert.equal((await remove(relay, "elsewhere")).status, 200);
      assert.match(await verdict(), /"allowed":true/);
    }));

  it("are saved into their file, found by a reload and by the next start, and noted in the audit", () =>
    withFile(async (relay, file) => {
      chmodSync(file, 0o640);
      await put(relay, "live/b", { egress: "1MiB" });
      await put(relay, "live/a", { tracks: 7, public_publish: true });
      assert.equal(readFileSync(file, "utf8"), FIRST, "nothing is written before it is asked for");
      const saved = await ask(relay, "POST", "/policies/save");
      assert.deepEqual([saved.status, saved.body], [200, { file, saved: 2 }]);
      const text = `# The first tenant.
[[policy]]
prefix = "live/a"
public_publish = true
tracks = 7

[[policy]]
prefix = "live/b"
egress = "1MiB"
`;
      assert.equal(readFileSync(file, "utf8"), text);
      assert.deepEqual(readdirSync(join(file, "..")), ["policies.toml"]);
      const expected = [
        { prefix: "live/a", values: { public_publish: true, tracks: 7 }, saved: true },
        { prefix: "live/b", values: { egress: "1MiB" }, saved: true },
      ];
      assert.deepEqual(await listed(relay), expected);
      assert.deepEqual((await relay.reload()).failed, {});
      assert.deepEqual(await listed(relay), expected);
      await withRelay({ "policies.file": file }, async (next) => assert.deepEqual(await listed(next), expected));
      const audit = itemsOf(await ask(relay, "GET", "/audit")).map(({ action, target }) => `${action} ${target}`);
      assert.deepEqual(audit, [
        "savePolicies /policies/save",
        "setPolicy /policies?prefix=live%2Fa",
        "setPolicy /policies?prefix=live%2Fb",
      ]);
    }));

  it("that were not saved survive a reload of an edited file, and saving keeps the edits", () =>
    withFile(async (relay, file) => {
      await put(relay, "live/b", { tracks: 2 });
      await put(relay, "live/c", {});
      await remove(relay, "live/c");
      await remove(relay, "live/a");
      const { body } = await ask(relay, "GET", "/policies");
      assert.equal(body["unsaved"], 2, "what came and went is no change");
      writeFileSync(file, `${FIRST}\n[[policy]]\nprefix = "edited"\npriority = 1\n`);
      assert.deepEqual((await relay.reload()).failed, {});
      const unsaved = [
        { prefix: "edited", values: { priority: 1 }, saved: true },
        { prefix: "live/b", values: { tracks: 2 }, saved: false },
      ];
      assert.deepEqual(await listed(relay), unsaved);
      writeFileSync(file, `${readFileSync(file, "utf8")}\n[[policy]]\nprefix = "edited/again"\n`);
      assert.equal((await ask(relay, "POST", "/policies/save")).status, 200);
      assert.deepEqual((await relay.reload()).failed, {});
      assert.deepEqual(
        (await listed(relay)).map(({ prefix }) => prefix),
        ["edited", "edited/again", "live/b"],
      );
    }));

  it("that cannot be saved leave the file as it is and stay set", () =>
    withFile(async (relay, file) => {
      await put(relay, "live/b", { tracks: 2 });
      for (const broken of ["[[policy", "[server]\nport = 1\n", '[[policy]]\nprefix = "x"\ntracks = -1\n']) {
        writeFileSync(file, broken);
        const answer = await ask(relay, "POST", "/policies/save");
        assert.deepEqual([answer.status, codeOf(answer)], [409, "policies_not_saved"], broken);
        assert.equal(readFileSync(file, "utf8"), broken);
      }
      rmSync(file);
      assert.equal(codeOf(await ask(relay, "POST", "/policies/save")), "policies_not_saved");
      assert.deepEqual(readdirSync(join(file, "..")), []);
      assert.deepEqual(
        (await listed(relay)).map(({ prefix, saved }) => [prefix, saved]),
        [
          ["live/a", true],
          ["live/b", false],
        ],
      );
      // The reload cannot read the file: everything stays.
      assert.match((await relay.reload()).failed[""] ?? "", /no such file/);
      assert.equal((await listed(relay)).length, 2);
      writeFileSync(file, FIRST);
      assert.equal((await ask(relay, "POST", "/policies/save")).status, 200);
    }));

  it("are written through a link to their file", async () => {
    const file = fileWith(FIRST);
    const link = join(file, "..", "link.toml");
    symlinkSync("policies.toml", link);
    await withRelay({ "policies.file": link }, async (relay) => {
      await put(relay, "b", {});
      assert.equal((await ask(relay, "POST", "/policies/save")).status, 200);
      assert.equal(readFileSync(link, "utf8"), readFileSync(file, "utf8"));
      assert.match(readFileSync(file, "utf8"), /prefix = "b"/);
    });
  });

  it("are refused with codes when they are wrong, and nothing changes", () =>
    withFile(
      async (relay) => {
        const before = await listed(relay);
        for (const [prefix, body, refusal] of [
          ["live", { tracks: -1 }, [400, "bad_request"]],
          ["live", { hitless: true }, [400, "bad_request"]],
          ["live", { cache_bytes: "lots" }, [422, "bad_value"]],
          ["live", { priority: 8 }, [400, "bad_request"]],
          ["live/../x", {}, [422, "bad_value"]],
          ["x".repeat(1_025), {}, [422, "bad_value"]],
        ] as const) {
          const answer = await put(relay, prefix, body);
          assert.deepEqual([answer.status, codeOf(answer)], refusal, JSON.stringify(body));
        }
        const contradiction = await put(relay, "live", { public_subscribe: true });
        assert.deepEqual([contradiction.status, codeOf(contradiction)], [409, "policy_refused"]);
        const unknown = await remove(relay, "nowhere");
        assert.deepEqual([unknown.status, codeOf(unknown)], [404, "no_such_policy"]);
        assert.deepEqual(await listed(relay), before);
      },
      { "auth.api": "http://127.0.0.1:9/" },
    ));

  it("need the right to act, and a file to be saved", () =>
    withRelay({ "policies.list": '[{"prefix": "live", "tracks": 3}]' }, async (relay) => {
      for (const [method, target] of [
        ["PUT", "/policies?prefix=a"],
        ["DELETE", "/policies?prefix=live"],
        ["POST", "/policies/save"],
      ] as const) {
        assert.equal((await ask(relay, method, target, undefined, { Authorization: "" })).status, 401);
      }
      assert.equal((await put(relay, "a", { tracks: 1 })).status, 200);
      assert.equal(codeOf(await ask(relay, "POST", "/policies/save")), "no_policies_file");
      assert.deepEqual((await relay.reload()).failed, {});
      assert.deepEqual(
        (await listed(relay)).map(({ prefix, saved }) => [prefix, saved]),
        [
          ["live", true],
          ["a", false],
        ],
      );
    }));

  it("show their bounds as metrics, by prefix up to the configured number", () =>
    withRelay(
      {
        "policies.list": '[{"prefix": "a", "tracks": 3}, {"prefix": "b", "tracks": 4, "cache_bytes": "1MiB"}]',
        "http.metric_series": "1",
      },
      async (relay) => {
        const text = await (await fetch(relay.admin("/metrics"))).text();
        assert.match(text, /^moqmesh_policy_limit\{[^}]*prefix="\/a",bound="tracks"[^}]*\} 3$/m);
        assert.match(text, /^moqmesh_policy_used\{[^}]*prefix="other",bound="cache_bytes"[^}]*\} 0$/m);
        assert.doesNotMatch(text, /prefix="\/b"/);
      },
    ));
});
