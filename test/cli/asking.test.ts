import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { runProgram } from "../../cli/main.ts";
import { TestKey } from "../support/keys.ts";
import { publishTo } from "../support/publisher.ts";
import { type TestRelay, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { recordedIo } from "./support/io.ts";

const OPEN = { "auth.public_subscribe": "/", "auth.public_publish": "/" };

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const io = recordedIo({ env });
  const code = await runProgram(args, io);
  return { code, out: io.stdout(), err: io.stderr() };
}

/** A relay that takes tokens of one key. */
async function withKey(use: (relay: TestRelay, key: TestKey) => Promise<void>): Promise<void> {
  const key = await TestKey.make("k", { alg: "HS256" });
  try {
    await withRelay({ "auth.key_file": key.file }, (relay) => use(relay, key));
  } finally {
    await key.remove();
  }
}

describe("a relay that needs a token", () => {
  test("is not reported as unreachable: the error names what it needs and how to give it, with exit code 6", () =>
    withKey(async (relay) => {
      for (const scheme of ["http", "ws"]) {
        for (const command of [["ls"], ["fetch", "a", "b"]]) {
          const [name = "", ...rest] = command;
          const { code, err } = await run([name, relay.at(scheme).href, ...rest]);
          assert.equal(code, 6, err);
          assert.match(
            err,
            /refused the session: a token is needed .*\(token_missing\)\nmoqmesh: pass a token with --token FILE/,
          );
        }
      }
      const { code, err } = await run(["ls", relay.at("wss").href, "--insecure"]);
      assert.equal(code, 6);
      assert.match(err, /token_missing/);
    }));

  test("says so also where it answers over TLS alone, as off loopback", async () => {
    const key = await TestKey.make("k", { alg: "HS256" });
    try {
      await withRelay({ "auth.key_file": key.file, "server.host": "0.0.0.0" }, async (relay) => {
        const { code, err } = await run(["ls", relay.at("http").href.replace("0.0.0.0", "127.0.0.1")]);
        assert.equal(code, 6, err);
        assert.match(err, /refused the session: a token is needed .*\(token_missing\)/);
      });
    } finally {
      await key.remove();
    }
  });

  test("gets it from --token FILE or from MOQMESH_TOKEN, and the flag wins", () =>
    withKey(async (relay, key) => {
      const file = join(key.folder, "token");
      writeFileSync(file, `${await key.token({ root: "", get: [""] })}\n`);
      const good = await run(["ls", relay.at("ws").href, "--token", file], { MOQMESH_TOKEN: "none" });
      assert.deepEqual(good, { code: 0, out: "", err: "No broadcast is live.\n" });
      const variable = await run(["ls", relay.at("ws").href], {
        MOQMESH_TOKEN: await key.token({ root: "", get: [""] }),
      });
      assert.equal(variable.code, 0);
      const inUrl = await run(["ls", relay.at("ws", `/?jwt=${await key.token({ root: "", get: [""] })}`).href], {
        MOQMESH_TOKEN: "none",
      });
      assert.equal(inUrl.code, 0);
      const both = await run(["ls", relay.at("ws", "/?jwt=a").href, "--token", file]);
      assert.equal(both.code, 2);
      assert.match(both.err, /the URL and --token both have a token/);
      assert.equal((await run(["ls", relay.at("ws").href, "--token", join(key.folder, "none")])).code, 2);
    }));

  test("gives the reason why a token is refused, and never the token", () =>
    withKey(async (relay, key) => {
      const expired = await key.token({ root: "", get: [""], exp: 1_000_000_000 });
      const { code, err } = await run(["ls", relay.at("ws").href], { MOQMESH_TOKEN: expired });
      assert.equal(code, 6);
      assert.match(err, /the token has expired \(token_expired\)\nmoqmesh: get a new token/);
      assert.doesNotMatch(err, new RegExp(expired.slice(0, 20)));
      const elsewhere = await run(["ls", relay.at("ws", "/b").href], {
        MOQMESH_TOKEN: await key.token({ root: "a", get: [""] }),
      });
      assert.match(elsewhere.err, /\(path_unrelated\)/);
    }));

  test("shows nothing to a token that may only publish, and ls says so", () =>
    withKey(async (relay, key) => {
      const { code, out, err } = await run(["ls", relay.at("ws").href], {
        MOQMESH_TOKEN: await key.token({ root: "", put: [""] }),
      });
      assert.equal(code, 6);
      assert.equal(out, "");
      assert.match(err, /the token grants no path to watch here/);
    }));
});

test("/access answers any page with what a session may do, or why it is refused", () =>
  withKey(async (relay, key) => {
    const ask = async (path: string): Promise<Record<string, unknown>> => {
      const response = await fetch(relay.at("http", path).href);
      assert.equal(response.headers.get("access-control-allow-origin"), "*");
      const verdict = (await response.json()) as Record<string, unknown>;
      return { status: response.status, ...verdict };
    };
    const grant = await key.token({ root: "a", put: ["b"], get: [""] });
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

test("a full relay refuses with a reason that it logs and the client prints", () =>
  withRelay({ ...OPEN, "limits.sessions": "1" }, async (relay) => {
    await publishTo(relay.at("ws"), "live/a", "chat", [["x"]]);
    await until(() => relay.counters.sessionsActive === 1);
    for (const scheme of ["ws", "http"]) {
      const { code, err } = await run(["ls", relay.at(scheme).href]);
      assert.equal(code, 6);
      assert.match(err, /this relay is full \(1 sessions\): try again later, or use another relay \(relay_full\)/);
    }
    const lines = relay.entries.filter(
      ({ msg, code, status }) => msg === "session refused" && code === "relay_full" && status === 503,
    );
    assert.equal(lines.length, 2);
    assert.equal(relay.counters.sessionsRefused.get("relay_full"), 2);
  }));

describe("a list that the relay cuts", () => {
  const settings = { ...OPEN, "limits.announcements_per_session": "2" };

  test("is reported as incomplete: exit code 7, and `complete` is false", () =>
    withRelay(settings, async (relay) => {
      for (const path of ["live/a", "live/b", "other/c"]) await publishTo(relay.at("ws"), path, "chat", [["x"]]);
      await until(() => relay.counters.broadcastsActive === 3);
      for (const scheme of ["ws", "http"]) {
        const { code, err } = await run(["ls", relay.at(scheme).href]);
        assert.equal(code, 7);
        assert.match(err, /the list is incomplete: .*announcements_per_session.*\nmoqmesh: list a part of it/);
        const json = await run(["ls", relay.at(scheme).href, "--json"]);
        assert.equal(json.code, 7);
        const answer: { complete: unknown } = JSON.parse(json.out);
        assert.equal(answer.complete, false);
        const part = await run(["ls", relay.at(scheme).href, "live", "--json"]);
        assert.equal(part.code, 0);
        const { complete, broadcasts }: { complete: unknown; broadcasts: unknown } = JSON.parse(part.out);
        assert.deepEqual({ complete, broadcasts }, { complete: true, broadcasts: ["live/a", "live/b"] });
      }
    }));

  test("ends ls --follow with the reason, without reporting live broadcasts as ended", () =>
    withRelay(settings, async (relay) => {
      const first = await publishTo(relay.at("ws"), "live/a", "chat", [["x"]]);
      first.publish("live/b");
      await until(() => relay.counters.broadcastsActive === 2);
      const io = recordedIo();
      const following = runProgram(["ls", relay.at("ws").href, "--follow"], io);
      await until(() => io.stdout().split("\n").length === 3);
      await publishTo(relay.at("ws"), "live/c", "chat", [["x"]]);
      assert.equal(await following, 7);
      assert.doesNotMatch(io.stdout(), /^- /m);
      assert.match(io.stderr(), /the list is incomplete/);
    }));
});

/** `ls --follow` that has listed its first broadcast, live/a. */
async function followed(relay: TestRelay) {
  await publishTo(relay.at("ws"), "live/a", "chat", [["x"]]);
  const io = recordedIo();
  const following = runProgram(["ls", relay.at("ws").href, "--follow"], io);
  await until(() => io.stdout() === "+ live/a\n");
  return { io, following };
}

test("ls --follow ends silently with 130 at Ctrl-C", () =>
  withRelay(OPEN, async (relay) => {
    const { io, following } = await followed(relay);
    process.emit("SIGINT", "SIGINT");
    assert.equal(await following, 130);
    assert.equal(io.stdout(), "+ live/a\n");
    assert.equal(io.stderr(), "");
  }));

test("ls --follow reports the end of the session, and does not report broadcasts as ended", () =>
  withRelay(OPEN, async (relay) => {
    const { io, following } = await followed(relay);
    await relay.relay.close("gone fishing");
    assert.equal(await following, 1);
    assert.equal(io.stderr(), "moqmesh: the relay has ended the session: gone fishing\n");
  }));

describe("fetch", () => {
  const settings = { ...OPEN, "limits.subscribe_wait": "100ms" };

  test("reports at once that a broadcast is not live, then ends with 5", () =>
    withRelay(settings, async (relay) => {
      const { code, err } = await run(["fetch", relay.at("ws").href, "live/a", "chat", "--timeout", "3s"]);
      assert.equal(code, 5);
      assert.match(
        err,
        /^live\/a is not live at .*; waiting up to 3s for it \(--timeout\)\nmoqmesh: live\/a is not live/,
      );
    }));

  test("ends with 5 and names what is missing, a track or a group", () =>
    withRelay(settings, async (relay) => {
      await publishTo(relay.at("ws"), "live/a", "chat", [["x"]]);
      await until(() => relay.counters.broadcastsActive === 1);
      for (const scheme of ["ws", "http"]) {
        const track = await run(["fetch", relay.at(scheme).href, "live/a", "none", "--timeout", "3s"]);
        assert.deepEqual([track.code, track.err], [5, "moqmesh: live/a has no track none\n"]);
        const group = await run(["fetch", relay.at(scheme).href, "live/a", "chat", "9", "--timeout", "3s"]);
        assert.deepEqual([group.code, group.err], [5, "moqmesh: live/a chat has no group 9 now\n"]);
      }
    }));
});

test("the address of an admin listener is recognised with any scheme", () =>
  withRelay(OPEN, async (relay) => {
    const { port = 0 } = relay.relay.adminAddress ?? {};
    for (const scheme of ["http", "ws", "wss"]) {
      const { code, err } = await run(["ls", `${scheme}://127.0.0.1:${port}/`, "--timeout", "3s"]);
      assert.equal(code, 4);
      assert.match(err, /is the admin listener of a relay, which accepts no sessions/);
    }
  }));

test("a failed dial gives the reason and a hint in the program's own words", () =>
  withRelay(OPEN, async (relay) => {
    for (const scheme of ["wss", "https"]) {
      const { code, err } = await run(["ls", relay.at(scheme).href]);
      assert.equal(code, 4);
      assert.match(err, /its certificate is .*\nmoqmesh: to trust that certificate, use --fingerprint/);
      assert.doesNotMatch(err, /Node/);
    }
    const unknown = await run(["ls", relay.at("ws").href, "--protocol", "moq-lite-07"]);
    assert.equal(unknown.code, 2);
    assert.match(unknown.err, /this client speaks moq-lite-06, .*, not moq-lite-07/);
    const none = await run(["ls", relay.at("ws").href, "--protocol", "moq-lite-06-wip"]);
    assert.match(
      none.err,
      /speaks none of moq-lite-06-wip; it speaks moq-lite-06, moq-lite-05, moq-lite-04, moq-lite-03, moqt-22, moqt-20, moqt-18, moqt-23, moqt-16, moq-00\n/,
    );
    const nowhere = await run(["ls", "wss://127.0.0.1:1/"]);
    assert.doesNotMatch(nowhere.err, /certificate/);
  }));
