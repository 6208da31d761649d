/** Each command of `moqmesh admin` that does something, asked of one relay. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { generateKey, publicJwk } from "../../auth/index.ts";
import { connect } from "../../relay/client/index.ts";
import { ask } from "../admin/support.ts";
import { TestKey } from "../support/keys.ts";
import { publishTo } from "../support/publisher.ts";
import { TestRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { runAdmin } from "./support/admin-command.ts";

const SYSTEM = { kind: "system" } as const;

describe("moqmesh admin", () => {
  let relay: TestRelay;
  before(async () => {
    relay = await TestRelay.start({ "drain.grace": "1m" });
  });
  after(() => relay.stop());

  const done = async (...args: string[]) => {
    const { code, out, err } = await runAdmin(relay, args);
    assert.deepEqual([code, err], [0, ""]);
    return out;
  };
  const viewer = () => connect(relay.at("ws", "/live"), { trust: SYSTEM, timeoutMs: 5_000 });
  const publisher = async () => {
    const one = await publishTo(relay.at("ws"), "live/room1", "video", [["a0", "a1"], ["b0"]]);
    await until(() => relay.counters.broadcastsActive === 1);
    return one;
  };

  it("sessions close and close-all end sessions, whose peers read the reason", async () => {
    const first = await publisher();
    const { body } = await ask(relay, "GET", "/sessions");
    const [{ id } = { id: "" }] = body["items"] as { id: string }[];
    assert.equal(await done("sessions", "close", id, "--reason", "moved", "--yes"), `session ${id} closed\n`);
    assert.equal((await first.closed).message, "moved");
    const second = await publisher();
    assert.equal(
      await done("sessions", "close-all", "--role", "publisher", "--min-age", "0", "--yes"),
      "1 session closed\n",
    );
    assert.equal((await second.closed).message, "closed by an operator");
    const none = await runAdmin(relay, ["sessions", "close-all", "--tenant", "none", "--yes", "--json"]);
    assert.deepEqual(JSON.parse(none.out), { closed: 0 });
    const without = await runAdmin(relay, ["sessions", "close-all", "--reason", "all", "--yes"]);
    assert.equal(without.code, 2);
    assert.match(without.err, /name at least one of .* \(bad_request\)/);
  });

  it("broadcasts kick ends what is published, and a name that is not known gets the nearest one", async () => {
    const one = await publisher();
    const wrong = await runAdmin(relay, ["broadcasts", "kick", "/live/rom1", "--yes"]);
    assert.equal(wrong.code, 5);
    assert.match(wrong.err, /\(no_such_broadcast\)\nmoqmesh: did you mean "live\/room1"\?\n$/);
    assert.equal(await done("broadcasts", "kick", "/live/room1", "--yes"), "1 publishing session closed\n");
    await one.closed;
  });

  it("asks a person before people are cut off, and does nothing unless they agree", async () => {
    const one = await publisher();
    const asked: string[] = [];
    const answering = (answer: string) => ({
      ask: (question: string) => {
        asked.push(question);
        return Promise.resolve(answer);
      },
    });
    const refused = await runAdmin(relay, ["sessions", "close-all", "--path", ""], answering("n"));
    assert.deepEqual([refused.code, refused.err], [1, "moqmesh: nothing was done\n"]);
    assert.deepEqual(asked, [`This ends 1 session. The relay is ${relay.admin("/").host}. Continue? [y/N] `]);
    assert.equal(relay.counters.sessionsActive, 1);
    assert.equal((await runAdmin(relay, ["broadcasts", "kick", "live/room1"], answering("y"))).code, 0);
    await one.closed;
  });

  it("refuses without a terminal and --yes, and says what it would have done", async () => {
    const acted = async () => (await ask(relay, "GET", "/audit")).body["total"];
    const before = await acted();
    for (const args of [
      ["drain"],
      ["sessions", "close", "x"],
      ["sessions", "close-all", "--role", "viewer"],
      ["broadcasts", "kick", "x"],
      ["cache", "purge", ""],
      ["revocations", "add", "--sub", "x"],
    ]) {
      const { code, out, err } = await runAdmin(relay, args);
      assert.deepEqual([code, out], [2, ""], args.join(" "));
      assert.match(err, /^moqmesh: This \w+ .*\nmoqmesh: there is no terminal to ask at: pass --yes to do it\n/);
    }
    assert.equal(await acted(), before);
  });

  it("cache purge evicts groups of a track and of a prefix", async () => {
    const one = await publisher();
    const client = await viewer();
    await client.fetch({ broadcast: "room1", track: "video", group: 0, timeoutMs: 5_000 });
    assert.equal(await done("cache", "purge", "live/room1", "audio", "--yes"), "0 groups evicted, 0 B\n");
    assert.match(await done("cache", "purge", "/", "--yes"), /^1 group evicted, \d+ B\n$/);
    assert.equal(relay.counters.cacheGroups, 0);
    await client.close();
    one.session.close(0, "");
  });

  it("revocations add and remove, with a time in words", async () => {
    assert.equal(
      await done("revocations", "add", "--sub", "alice", "--until", "30d", "--yes"),
      "revoked, in the whole mesh\n",
    );
    await done("revocations", "add", "--jti", "t-1", "--until", "2099-01-01T00:00Z", "--yes");
    const { out } = await runAdmin(relay, ["revocations"]);
    assert.match(out, /^BY +NAME +UNTIL\n/);
    assert.match(out, /^sub +alice +in (30d|29d 23h)$/m);
    assert.match(out, /^jti +t-1 +in \d+d/m);
    const wrong = await runAdmin(relay, ["revocations", "remove", "--sub", "alise"]);
    assert.match(wrong.err, /\(no_such_revocation\)\nmoqmesh: did you mean "alice"\?/);
    assert.equal(await done("revocations", "remove", "--sub", "alice"), "the revocation is removed\n");
    assert.equal((await runAdmin(relay, ["revocations", "add", "--sub", "x", "--until", "soon", "--yes"])).code, 2);
  });

  it("config set, config unset and reload report what changed, and fail when nothing was applied", async () => {
    const set = await done("config", "set", "limits.sessions=77", "log.level=warn");
    assert.match(set, /^Result {2}the new values are in use\n\nApplied\nKEY +FROM +TO\nlimits\.sessions +\d+ +77\n/);
    assert.match(await done("config", "limits"), /^limits\.sessions +77 +set at run time +live/m);
    const failed = await runAdmin(relay, ["config", "set", "limits.sessions=x", "--json"]);
    assert.equal(failed.code, 1);
    assert.match(failed.err, /^moqmesh: nothing was applied\nmoqmesh: limits\.sessions: /);
    assert.ok("limits.sessions" in JSON.parse(failed.out).failed);
    assert.match(await done("config", "unset", "limits.sessions", "log.level"), /^limits\.sessions +77 +\d+$/m);
    assert.equal(await done("reload"), "Result  nothing has changed\n");
    assert.equal((await runAdmin(relay, ["config", "set", "limits.sessions"])).code, 2);
  });

  it("log-level set and slow reset", async () => {
    assert.equal(await done("log-level", "set", "debug", "--module", "mesh"), "Level    info\nModules  mesh debug\n");
    assert.equal((await runAdmin(relay, ["log-level", "set", "loud"])).code, 2);
    assert.equal(await done("slow", "reset"), "0 rows removed\n");
  });

  it("heap-snapshot says what is not configured", async () => {
    const { code, err } = await runAdmin(relay, ["heap-snapshot"]);
    assert.deepEqual([code, err], [1, "moqmesh: set [http] snapshot_dir to a folder first (not_configured)\n"]);
  });

  it("keys add, remove and save: a private key leaves this machine without its private part", async () => {
    const [old, next] = [await TestKey.make("old"), await generateKey({ alg: "ES256", kid: "next" })];
    const file = join(old.folder, "private.json");
    await writeFile(file, JSON.stringify(next.jwk));
    const guarded = await TestRelay.start({ "auth.key_dir": old.folder });
    const run = async (...args: string[]) => (await runAdmin(guarded, ["keys", ...args])).out;
    const added = "the key next verifies tokens now; tokens without a kid are refused from now on;";
    assert.equal(await run("add", file), `${added} \`keys save\` writes it into a file\n`);
    assert.match(await run(), /^Not saved {2}next added\n\n.*\nnext +ES256 +public +everything +added, in no file\n/);
    const twice = await runAdmin(guarded, ["keys", "add", file]);
    assert.deepEqual([twice.code, twice.err], [1, "moqmesh: a key has this `kid` already (kid_taken)\n"]);
    const unsure = await runAdmin(guarded, ["keys", "remove", "old"]);
    assert.match(unsure.err, /refuses every token of the key old; no open session came by it\..*\n.*--yes/);
    const removed = "the key old is removed; no session came by it; `keys save` removes it from its file\n";
    assert.equal(await run("remove", "old", "--yes"), removed);
    const [gone, made] = [old.file, join(old.folder, "next.jwk")];
    assert.equal(await run("save"), `2 changes saved in ${gone}, ${made}\n`);
    assert.deepEqual(JSON.parse(await readFile(made, "utf8")), publicJwk(next));
    const last = await runAdmin(guarded, ["keys", "remove", "next", "--yes"]);
    assert.match(last.err, /this is the last key: .* \(last_key\)/);
    assert.match(await run("remove", "next", "--force", "--yes"), /^the key next is removed/);
    const none = await runAdmin(guarded, ["keys", "add", join(old.folder, "none.jwk")]);
    assert.match(none.err, /none\.jwk" cannot be read \(ENOENT\)/);
    await guarded.stop();
    await old.remove();
  });

  it("drain and undrain, and what was done is in the audit", async () => {
    const one = await publisher();
    assert.equal(await done("drain", "--reason", "patch", "--yes"), "the relay drains; undrain takes it back\n");
    assert.equal((await fetch(relay.admin("/readyz"))).status, 503);
    assert.match(await done("status"), /^State +draining/m);
    assert.equal(await done("undrain"), "the relay serves again\n");
    const again = await runAdmin(relay, ["undrain"]);
    assert.equal(again.code, 1);
    assert.match(again.err, /\(not_drained\)\n$/);
    const out = await done("audit", "--limit", "3");
    assert.match(
      out,
      /^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d +admin_token_file +undrain +\/undrain +409 +not_drained +127\.0\.0\.1$/m,
    );
    assert.match(out, /^20.* drain +\/drain +200 +- /m);
    one.session.close(0, "");
  });
});
