/** Each command of `moqmesh admin` that shows something, asked of one relay with a publisher and a viewer. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { COMMAND_SPECS } from "../../cli/admin/commands.ts";
import { connect } from "../../relay/client/index.ts";
import { ask } from "../admin/support.ts";
import { accepted, clientBroadcasts, dialling, openClient } from "../support/client.ts";
import { TestRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { rowOf, runAdmin } from "./support/admin-command.ts";

const SYSTEM = { kind: "system" } as const;
const PATIENT = { priority: 0, ordered: false, maxLatency: 60_000 };
/** A track whose name a terminal would obey: it clears the screen, and turns the direction of what follows. */
const HOSTILE = "a\u001b[2J\u202eb\u009b1m\nc";

const settings = {
  "cluster.node": "origin-1",
  "cluster.serve_root": "true",
  "cluster.region": "eu",
  "cluster.url": "https://127.0.0.1:1/",
  "limits.sessions": "50",
};

async function client(relay: TestRelay) {
  const dial = dialling(relay.at("ws"), { trust: SYSTEM, protocol: "moq-lite-04", timeoutMs: 5_000 });
  return (await openClient(dial, { broadcasts: clientBroadcasts(), announcePrefix: "" })).client;
}

describe("moqmesh admin", () => {
  let relay: TestRelay;
  /** Ids of the sessions, by role. */
  let ids: Readonly<Record<string, string>>;
  let close: () => void;

  before(async () => {
    relay = await TestRelay.start(settings);
    const publishing = await client(relay);
    const publisher = publishing.publish("live/room1");
    await until(() => relay.counters.broadcastsActive === 1);
    const viewing = await client(relay);
    const seen = [viewing.watch("live/room1", PATIENT, "video"), viewing.watch("live/room1", PATIENT, HOSTILE)];
    for (const viewer of seen) await accepted(viewer);
    publisher.send(7, Buffer.alloc(1_500));
    await until(() => seen.every(({ groups }) => groups.length === 1));
    await assert.rejects(connect(relay.at("ws", "/a%00b"), { trust: SYSTEM, timeoutMs: 5_000 }));
    const { body } = await ask(relay, "GET", "/sessions");
    const sessions = body["items"] as { id: string; role: string }[];
    ids = Object.fromEntries(sessions.map(({ role, id }) => [role, id]));
    close = () => {
      for (const one of [viewing, publishing]) one.session.close(0, "");
    };
  });

  after(async () => {
    close();
    await relay.stop();
  });

  /** The table of a command, and its JSON. */
  async function shown(...args: string[]): Promise<{ text: string; json: Record<string, unknown> }> {
    const table = await runAdmin(relay, args);
    assert.deepEqual([table.code, table.err], [0, ""]);
    const json = await runAdmin(relay, [...args, "--json"]);
    assert.deepEqual([json.code, json.err], [0, ""]);
    return { text: table.out, json: JSON.parse(json.out) };
  }

  const items = (json: Record<string, unknown>) => json["items"] as Record<string, unknown>[];

  it("has a command for every operation of the API, and says what each option means", async () => {
    const { body } = await ask(relay, "GET", "/openapi.json");
    const paths = body["paths"] as Record<string, Record<string, { operationId: string }>>;
    const served = Object.values(paths).flatMap((methods) => Object.values(methods).map((one) => one.operationId));
    const known = new Set(COMMAND_SPECS.map(({ operation }) => operation));
    assert.deepEqual(
      served.filter((id) => !known.has(id)),
      [],
      "these operations have no command: add one to cli/admin",
    );
    assert.ok(served.length >= 30);
    for (const { name } of COMMAND_SPECS) {
      const { code, out } = await runAdmin(relay, [...name.split(" "), "--help"]);
      assert.equal(code, 0, name);
      assert.doesNotMatch(out, / {2}The \w+\.$/m, `an option of "${name}" has no description in the API`);
    }
  });

  it("status: state, totals and the sessions by engine", async () => {
    const { text, json } = await shown("status");
    assert.match(text, /^State +ready$/m);
    assert.match(text, /^Sessions +2 now, 2 since the start$/m);
    assert.match(text, /^Broadcasts +1$/m);
    assert.match(text, /^In +3 kB, 2 groups$/m);
    assert.match(text, /^Certificate +self-signed, ends in 12d \d+h$/m);
    assert.deepEqual(rowOf(text, "qmux"), { ENGINE: "qmux", PROTOCOL: "moq-lite-04", SESSIONS: "2" });
    assert.deepEqual((json["sessions"] as { by: unknown }).by, [{ engine: "qmux", protocol: "moq-lite-04", count: 2 }]);
  });

  it("whoami: the credential and its right", async () => {
    const { text, json } = await shown("whoami");
    assert.equal(text, "Name   admin_token_file\nRight  write\n");
    assert.deepEqual(json, { name: "admin_token_file", right: "write" });
  });

  it("health: readiness and every check", async () => {
    const { text, json } = await shown("health");
    assert.match(text, /^Ready {2}yes\nLive {3}yes\n\nChecks\n/);
    assert.equal(rowOf(text, "keys_unreadable")["WHEN FAILING"], "not_ready");
    assert.equal(json["ready"], true);
  });

  it("sessions: what each does, by filters and page by page", async () => {
    const { text, json } = await shown("sessions");
    const publisher = rowOf(text, ids["publisher"] ?? "");
    assert.equal(publisher["ROLE"], "publisher");
    assert.match(publisher["ADDRESS"] ?? "", /^127\.0\.0\.1:\d+$/);
    assert.match(publisher["IN"] ?? "", /bit\/s$/);
    assert.equal(publisher["BROADCASTS"], "1");
    assert.equal(rowOf(text, ids["viewer"] ?? "")["SUBS"], "2");
    assert.equal(items(json)[0]?.["id"], ids["publisher"]);
    const viewers = await shown("sessions", "--role", "viewer", "--min-age", "0");
    assert.deepEqual(
      items(viewers.json).map(({ id }) => id),
      [ids["viewer"]],
    );
    const page = await runAdmin(relay, ["sessions", "--limit", "1", "--sort", "rate_out"]);
    assert.match(page.out, /\n1 of 2: see --limit and --offset\n$/);
    assert.equal((await runAdmin(relay, ["sessions", "--tenant", "none"])).out, "no session fits\n");
  });

  it("sessions show: every fact of one session", async () => {
    const { text, json } = await shown("sessions", "show", ids["viewer"] ?? "");
    assert.match(text, new RegExp(`^Id +${ids["viewer"]}$`, "m"));
    assert.match(text, /^Role +viewer$/m);
    assert.match(text, /^Groups out +2$/m);
    assert.equal(json["subscriptions"], 2);
  });

  it("broadcasts: their best route and the session that publishes", async () => {
    const { text, json } = await shown("broadcasts", "live");
    const row = { PATH: "live/room1", FROM: ids["publisher"], TRACKS: "2", ROUTES: "1", HOPS: "1", COST: "1" };
    const { EPOCH: epoch, ...rest } = rowOf(text, "live/room1");
    assert.deepEqual(rest, { ...row, STATE: "live" });
    assert.ok(Number(epoch) >= 0);
    assert.equal(items(json)[0]?.["path"], "live/room1");
    assert.equal((await runAdmin(relay, ["broadcasts", "liv"])).out, "no broadcast has a route here\n");
  });

  it("tracks: groups in the cache; a name that a terminal would obey is escaped, in tables and in JSON", async () => {
    const { text, json } = await shown("tracks", "live");
    const escaped = "a\\u{1b}[2J\\u{202e}b\\u{9b}1m\\u{a}c";
    const rows = text.split("\n").filter((line) => line.startsWith("live/room1"));
    assert.deepEqual(rows.map((line) => line.split(/ {2,}/)[1] ?? "").toSorted(), [escaped, "video"]);
    assert.match(rows[0] ?? "", / 1 {2,}1 {2,}1\.\d+ kB {2,}7 /);
    assert.deepEqual(
      items(json)
        .map(({ track }) => String(track))
        .toSorted(),
      [HOSTILE, "video"],
    );
    const raw = await runAdmin(relay, ["tracks", "--json"]);
    assert.match(raw.out, /"a\\u001b\[2J\\u202eb\\u009b1m\\nc"/);
    for (const character of ["\u001b", "\u009b", "\u202e"]) assert.ok(!raw.out.includes(character));
  });

  it("tracks show: one track with its way and its viewers", async () => {
    const { text, json } = await shown("tracks", "show", "/live/room1", "video");
    assert.match(text, /^Viewers +1$/m);
    assert.match(text, /^Groups +7 to 7; the newest began .* ago$/m);
    assert.equal(rowOf(text, ids["viewer"] ?? "")["LOST GROUPS"], "0");
    assert.match(text, new RegExp(`^\\d+ +${ids["publisher"]} +[\\d.]+ ms`, "m"));
    assert.equal((json["viewer_list"] as unknown[]).length, 1);
  });

  it("slow and refusals: lists of what went wrong", async () => {
    const slow = await shown("slow");
    assert.deepEqual([slow.text, slow.json["total"]], ["no viewer has lost groups\n", 0]);
    const { text, json } = await shown("refusals");
    assert.match(text, /^LAST +COUNT +CODE +ADDRESS +PATH/);
    assert.match(text, /(now|\d+s ago) +1 +path_\w+ +127\.0\.0\.1 +\/a%00b/);
    assert.equal(items(json)[0]?.["count"], 1);
  });

  it("prefixes: sums of what is under each", async () => {
    const { text, json } = await shown("prefixes", "--depth", "1");
    const row = { PREFIX: "live", BROADCASTS: "1", VIEWERS: "2", TRACKS: "2", "BYTES IN": "3 kB", "BYTES OUT": "3 kB" };
    assert.deepEqual(rowOf(text, "live"), row);
    assert.equal(items(json)[0]?.["bytes_in"], 3_000);
  });

  it("workers: the threads of the engine, or that it does not show them", async () => {
    const { text, json } = await shown("workers");
    if (relay.relay.engine === "native") assert.equal(rowOf(text, "0")["ALIVE"], "yes");
    else assert.equal(text, "this engine does not show its threads\n");
    assert.ok(Array.isArray(json["workers"]));
  });

  it("cluster: the relay in its mesh, and what a root knows", async () => {
    const { text, json } = await shown("cluster");
    assert.match(text, /^Relay +origin-1: origin in eu$/m);
    assert.match(text, /^Registry +\d relays?, \d broadcasts?, in memory$/m);
    assert.equal(json["node"], "origin-1");
  });

  it("config: values with their origin, of one section", async () => {
    const { text, json } = await shown("config", "limits");
    assert.deepEqual(rowOf(text, "limits.sessions "), {
      KEY: "limits.sessions",
      VALUE: "50",
      ORIGIN: "limits.sessions",
      APPLIES: "live",
    });
    const values = json["values"] as { key: string }[];
    assert.ok(values.every(({ key }) => key.startsWith("limits.")));
    assert.equal((await runAdmin(relay, ["config", "nowhere"])).out, "there is no such section\n");
  });

  it("keys, revocations, audit and log level", async () => {
    assert.equal((await shown("keys")).text, "no key verifies tokens\n");
    assert.deepEqual((await shown("revocations")).json, { total: 0, items: [] });
    assert.equal((await shown("audit")).text, "no operator has acted since the start\n");
    const { text, json } = await shown("log-level");
    assert.equal(text, `Level  ${String(json["level"])}\n`);
  });

  it("policies: set, seen with what is in use, asked for one path, and removed", async () => {
    assert.equal((await shown("policies")).text, "no policy is set\n");
    const set = ["policies", "set", "live", "--tracks", "3", "--cache-max-age", "1m", "--public-subscribe", "no"];
    assert.equal((await runAdmin(relay, set)).code, 0);
    const { text, json } = await shown("policies", "live/room1");
    assert.match(text, /^Not saved +1 change$/m);
    const row = rowOf(text, "/live ");
    assert.equal(row["VALUES"], "public_subscribe false, cache_max_age 1m, tracks 3");
    assert.equal(row["USED"], "tracks 2");
    assert.match(text, /^tracks +3 +policy \/live$/m);
    assert.match(text, /^cache_bytes +\S+ +cache\.bytes$/m);
    assert.equal(json["total"], 1);
    const wrong = await runAdmin(relay, ["policies", "set", "live", "--public-subscribe", "maybe"]);
    assert.deepEqual([wrong.code === 0, /neither yes nor no/.test(wrong.err)], [false, true]);
    assert.match((await runAdmin(relay, ["policies", "save"])).err, /no_policies_file|names a file for them/);
    assert.equal((await runAdmin(relay, ["policies", "remove", "/live"])).code, 0);
    assert.equal((await shown("policies")).text, "no policy is set\n");
  });
});
