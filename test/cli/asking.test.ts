import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { type ClaimsInput, generateKey, signToken } from "../../auth/index.ts";
import { runProgram } from "../../relay/cli/main.ts";
import { type Relay, start } from "../../relay/main.ts";
import { captureLog, publishTo, testConfig, until } from "../main/support.ts";
import { recordedIo } from "./support/io.ts";

const folder = mkdtempSync(join(tmpdir(), "moqmesh-asking-"));
after(() => rmSync(folder, { recursive: true }));

const OPEN = { MOQMESH_AUTH_PUBLIC_SUBSCRIBE: "/", MOQMESH_AUTH_PUBLIC_PUBLISH: "/" };

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const io = recordedIo({ env });
  const code = await runProgram(args, io);
  return { code, out: io.stdout(), err: io.stderr() };
}

interface Running {
  readonly relay: Relay;
  readonly entries: Record<string, unknown>[];
  /** The public port, with a scheme and a path. */
  url(scheme: string, path?: string): string;
}

async function withRelay(settings: Record<string, string>, use: (running: Running) => Promise<void>): Promise<void> {
  const { config, remove } = await testConfig(settings);
  const { log, entries } = captureLog();
  const relay = await start(config, { log });
  const url = (scheme: string, path = "/") => `${scheme}://127.0.0.1:${relay.address.port}${path}`;
  try {
    await use({ relay, entries, url });
  } finally {
    await relay.close();
    await remove();
  }
}

/** A relay that takes tokens of one key, and a way to make them. */
async function withKeys(use: (running: Running, token: (claims: ClaimsInput) => Promise<string>) => Promise<void>) {
  const key = await generateKey({ alg: "HS256", kid: "k" });
  const file = join(folder, "k.jwk");
  writeFileSync(file, JSON.stringify(key.jwk));
  const token = (claims: ClaimsInput) => signToken(key, { exp: Math.floor(Date.now() / 1000) + 600, ...claims });
  await withRelay({ MOQMESH_AUTH_KEY: file }, (running) => use(running, token));
}

describe("a relay that wants a token", () => {
  test("is told apart from one that cannot be reached: what it wants, how to give it, and exit code 6", () =>
    withKeys(async ({ url }) => {
      for (const scheme of ["http", "ws"]) {
        for (const command of [["ls"], ["fetch", "a", "b"]]) {
          const [name = "", ...rest] = command;
          const { code, err } = await run([name, url(scheme), ...rest]);
          assert.equal(code, 6, err);
          assert.match(
            err,
            /refused the session: a token is needed .*\(token_missing\)\nmoqmesh: give one with --token FILE/,
          );
        }
      }
      const { code, err } = await run(["ls", url("wss"), "--insecure"]);
      assert.equal(code, 6);
      assert.match(err, /token_missing/);
    }));

  test("takes it from --token FILE and from MOQMESH_TOKEN, and the flag goes before the variable", () =>
    withKeys(async ({ url }, token) => {
      const file = join(folder, "token");
      writeFileSync(file, `${await token({ root: "", get: [""] })}\n`);
      const good = await run(["ls", url("ws"), "--token", file], { MOQMESH_TOKEN: "none" });
      assert.deepEqual(good, { code: 0, out: "", err: "Nothing is live.\n" });
      const variable = await run(["ls", url("ws")], { MOQMESH_TOKEN: await token({ root: "", get: [""] }) });
      assert.equal(variable.code, 0);
      const inUrl = await run(["ls", url("ws", `/?jwt=${await token({ root: "", get: [""] })}`)], {
        MOQMESH_TOKEN: "none",
      });
      assert.equal(inUrl.code, 0);
      const both = await run(["ls", url("ws", "/?jwt=a"), "--token", file]);
      assert.equal(both.code, 2);
      assert.match(both.err, /a token in the URL and another in --token/);
      assert.equal((await run(["ls", url("ws"), "--token", join(folder, "none")])).code, 2);
    }));

  test("names what is wrong with a token, and never the token", () =>
    withKeys(async ({ url }, token) => {
      const expired = await token({ root: "", get: [""], exp: 1_000_000_000 });
      const { code, err } = await run(["ls", url("ws")], { MOQMESH_TOKEN: expired });
      assert.equal(code, 6);
      assert.match(err, /the token has expired \(token_expired\)\nmoqmesh: get a new token/);
      assert.doesNotMatch(err, new RegExp(expired.slice(0, 20)));
      const elsewhere = await run(["ls", url("ws", "/b")], { MOQMESH_TOKEN: await token({ root: "a", get: [""] }) });
      assert.match(elsewhere.err, /\(path_unrelated\)/);
    }));

  test("shows nothing to a token that may only publish, and ls says so instead of that nothing is live", () =>
    withKeys(async ({ url }, token) => {
      const { code, out, err } = await run(["ls", url("ws")], { MOQMESH_TOKEN: await token({ root: "", put: [""] }) });
      assert.equal(code, 6);
      assert.equal(out, "");
      assert.match(err, /the token grants nothing to watch here/);
    }));
});

test("/access tells any page what a session may do, or why it is refused", () =>
  withKeys(async ({ url }, token) => {
    const ask = async (path: string): Promise<Record<string, unknown>> => {
      const response = await fetch(url("http", path));
      assert.equal(response.headers.get("access-control-allow-origin"), "*");
      const verdict = (await response.json()) as Record<string, unknown>;
      return { status: response.status, ...verdict };
    };
    const grant = await token({ root: "a", put: ["b"], get: [""] });
    assert.deepEqual(await ask(`/access/a?jwt=${grant}`), {
      status: 200,
      allowed: true,
      publish: ["b"],
      subscribe: [""],
    });
    const { allowed, code, message } = await ask("/access/a");
    assert.deepEqual({ allowed, code }, { allowed: false, code: "token_missing" });
    assert.match(String(message), /a token is needed for \/a/);
    assert.equal((await ask(`/access/b?jwt=${grant}`))["status"], 403);
  }));

test("a full relay refuses with a reason that its log has and the client prints", () =>
  withRelay({ ...OPEN, MOQMESH_LIMITS_SESSIONS: "1" }, async ({ url, entries, relay }) => {
    await publishTo(new URL(url("ws")), "live/a", "chat", [["x"]]);
    await until(() => relay.counters.sessionsActive === 1);
    for (const scheme of ["ws", "http"]) {
      const { code, err } = await run(["ls", url(scheme)]);
      assert.equal(code, 6);
      assert.match(err, /has all the 1 sessions that it may have: try again later, or another relay \(relay_full\)/);
    }
    const lines = entries.filter(
      ({ msg, code, status }) => msg === "session refused" && code === "relay_full" && status === 503,
    );
    assert.equal(lines.length, 2);
    assert.equal(relay.counters.sessionsRefused.get("relay_full"), 2);
  }));

describe("a list that the relay cuts", () => {
  const settings = { ...OPEN, MOQMESH_LIMITS_ANNOUNCEMENTS_PER_SESSION: "2" };

  test("is never taken for the whole: exit code 7, and complete is false", () =>
    withRelay(settings, async ({ url }) => {
      for (const path of ["live/a", "live/b", "other/c"]) await publishTo(new URL(url("ws")), path, "chat", [["x"]]);
      for (const scheme of ["ws", "http"]) {
        const { code, err } = await run(["ls", url(scheme)]);
        assert.equal(code, 7);
        assert.match(err, /the list is cut: .*announcements_per_session.*\nmoqmesh: ask for a part of it/);
        const json = await run(["ls", url(scheme), "--json"]);
        assert.equal(json.code, 7);
        const answer: { complete: unknown } = JSON.parse(json.out);
        assert.equal(answer.complete, false);
        const part = await run(["ls", url(scheme), "live", "--json"]);
        assert.equal(part.code, 0);
        const { complete, broadcasts }: { complete: unknown; broadcasts: unknown } = JSON.parse(part.out);
        assert.deepEqual({ complete, broadcasts }, { complete: true, broadcasts: ["live/a", "live/b"] });
      }
    }));

  test("ends ls --follow with the reason, and what is live is not said to be gone", () =>
    withRelay(settings, async ({ url, relay }) => {
      const first = await publishTo(new URL(url("ws")), "live/a", "chat", [["x"]]);
      first.publish("live/b");
      await until(() => relay.counters.broadcastsActive === 2);
      const io = recordedIo();
      const following = runProgram(["ls", url("ws"), "--follow"], io);
      await until(() => io.stdout().split("\n").length === 3);
      await publishTo(new URL(url("ws")), "live/c", "chat", [["x"]]);
      assert.equal(await following, 7);
      assert.doesNotMatch(io.stdout(), /^- /m);
      assert.match(io.stderr(), /the list is cut/);
    }));
});

test("ls --follow ends with 130 and without a word at Ctrl-C", () =>
  withRelay(OPEN, async ({ url }) => {
    await publishTo(new URL(url("ws")), "live/a", "chat", [["x"]]);
    const io = recordedIo();
    const following = runProgram(["ls", url("ws"), "--follow"], io);
    await until(() => io.stdout() === "+ live/a\n");
    process.emit("SIGINT", "SIGINT");
    assert.equal(await following, 130);
    assert.equal(io.stdout(), "+ live/a\n");
    assert.equal(io.stderr(), "");
  }));

test("ls --follow says that the session has ended, and not that broadcasts are gone", () =>
  withRelay(OPEN, async ({ url, relay }) => {
    await publishTo(new URL(url("ws")), "live/a", "chat", [["x"]]);
    const io = recordedIo();
    const following = runProgram(["ls", url("ws"), "--follow"], io);
    await until(() => io.stdout() === "+ live/a\n");
    await relay.close("gone fishing");
    assert.equal(await following, 1);
    assert.equal(io.stderr(), "moqmesh: the relay has ended the session: gone fishing\n");
  }));

describe("fetch", () => {
  const settings = { ...OPEN, MOQMESH_LIMITS_SUBSCRIBE_WAIT: "100ms" };

  test("says at once that a broadcast is not live, then ends with 5", () =>
    withRelay(settings, async ({ url }) => {
      const { code, err } = await run(["fetch", url("ws"), "live/a", "chat", "--timeout", "3s"]);
      assert.equal(code, 5);
      assert.match(
        err,
        /^live\/a is not live at .*; waiting up to 3s for it \(--timeout\)\nmoqmesh: live\/a is not live/,
      );
    }));

  test("ends with 5 for a track and for a group that are not there, and names which", () =>
    withRelay(settings, async ({ url }) => {
      await publishTo(new URL(url("ws")), "live/a", "chat", [["x"]]);
      for (const scheme of ["ws", "http"]) {
        const track = await run(["fetch", url(scheme), "live/a", "none", "--timeout", "3s"]);
        assert.deepEqual([track.code, track.err], [5, "moqmesh: live/a has no track none\n"]);
        const group = await run(["fetch", url(scheme), "live/a", "chat", "9", "--timeout", "3s"]);
        assert.deepEqual([group.code, group.err], [5, "moqmesh: live/a chat has no group 9 that can be had now\n"]);
      }
    }));
});

test("an admin listener is recognised, whatever the scheme", () =>
  withRelay(OPEN, async ({ relay }) => {
    const { port = 0 } = relay.adminAddress ?? {};
    for (const scheme of ["http", "ws", "wss"]) {
      const { code, err } = await run(["ls", `${scheme}://127.0.0.1:${port}/`, "--timeout", "3s"]);
      assert.equal(code, 4);
      assert.match(err, /is the admin listener of a relay, which takes no sessions/);
    }
  }));

test("a failed dial says why in the program's own words, with the hint that fits", () =>
  withRelay(OPEN, async ({ url }) => {
    for (const scheme of ["wss", "https"]) {
      const { code, err } = await run(["ls", url(scheme)]);
      assert.equal(code, 4);
      assert.match(err, /its certificate is .*\nmoqmesh: if you know that certificate, use --fingerprint/);
      assert.doesNotMatch(err, /Node/);
    }
    const unknown = await run(["ls", url("ws"), "--protocol", "moq-lite-07"]);
    assert.equal(unknown.code, 2);
    assert.match(unknown.err, /this client speaks moq-lite-05, .*, not moq-lite-07/);
    const none = await run(["ls", url("ws"), "--protocol", "moq-lite-06-wip"]);
    assert.match(none.err, /speaks none of moq-lite-06-wip; it speaks moq-lite-05, moq-lite-04, moq-lite-03\n/);
    const nowhere = await run(["ls", "wss://127.0.0.1:1/"]);
    assert.doesNotMatch(nowhere.err, /certificate/);
  }));
