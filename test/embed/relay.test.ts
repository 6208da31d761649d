import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { connect, type LogLine, MoqmeshError, start } from "../../embed/index.ts";
import { missingEngine } from "../support/engines.ts";
import { until } from "../support/until.ts";
import { folderFor, ownConfig, relayFor, sessionWith } from "./support/relays.ts";

describe("a relay inside a program", () => {
  test("runs beside another one, and opens no admin listener unless it is asked to", async (t) => {
    const one = await relayFor(t);
    const two = await relayFor(t, { http: { admin: true, admin_port: 0 } });
    assert.notEqual(one.address.port, two.address.port);
    assert.deepEqual([one.adminAddress, two.adminAddress?.address], [undefined, "127.0.0.1"]);
    await sessionWith(t, one);
    await until(async () => (await one.counters())["moqmesh_sessions_opened_total"] === 1, "the session");
    assert.equal((await two.counters())["moqmesh_sessions_opened_total"], 0);
    assert.deepEqual([one.health().ready, two.health().live], [true, true]);
  });

  test("shows its counters as /metrics does", async (t) => {
    const relay = await relayFor(t);
    const text = await relay.metrics();
    const counters = await relay.counters();
    for (const [name, value] of [
      ["moqmesh_ready", 1],
      ["moqmesh_defects_total", 0],
      ['moqmesh_groups_dropped_total{reason="expired"}', 0],
    ] as const) {
      assert.equal(counters[name], value);
      assert.ok(text.includes(`\n${name} ${value}\n`), name);
    }
  });

  test("reads a file, variables and options, and the later ones win", async (t) => {
    const folder = await folderFor(t);
    const file = join(folder, "relay.toml");
    await writeFile(file, '[server]\nport = 1\nhost = "127.0.0.1"\n[http]\nadmin = true\n');
    const env = { MOQMESH_SERVER_PORT: "2", MOQMESH_HTTP_ADMIN_PORT: "0", MOQMESH_TLS_STATE_DIR: folder };
    const relay = await start({ file, env, config: { server: { port: 0 } } });
    t.after(() => relay.close());
    assert.ok(relay.address.port > 2);
    assert.ok(relay.adminAddress !== undefined, "the file asks for the admin listener");
  });

  test("gives its log to the program, line by line, from the configured level on", async (t) => {
    const lines: LogLine[] = [];
    const relay = await relayFor(t, { log: { level: "info" } }, { log: (line) => lines.push(line) });
    await relay.close("enough");
    assert.deepEqual(
      lines.filter(({ level }) => level === "info").map(({ msg }) => msg),
      ["relay ready", "relay closed"],
    );
    assert.equal(lines.at(-1)?.["reason"], "enough");
  });

  test("adds nothing to the process and leaves no thread behind", { skip: missingEngine() }, async (t) => {
    const listeners = () =>
      ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR2", "exit", "uncaughtException", "unhandledRejection"].map((name) =>
        process.listenerCount(name),
      );
    const threads = async () => (await readdir("/proc/self/task")).length;
    await (await relayFor(t)).close();
    const before = { listeners: listeners(), threads: await threads() };
    const relay = await relayFor(t);
    assert.deepEqual(listeners(), before.listeners);
    assert.ok((await threads()) > before.threads, "a relay has threads");
    await relay.close();
    await until(async () => (await threads()) <= before.threads, "the end of its threads");
    assert.deepEqual(listeners(), before.listeners);
  });

  test("drains: asks its clients to leave, then ends their sessions", async (t) => {
    const relay = await relayFor(t);
    const leaves = await sessionWith(t, relay);
    const stays = await sessionWith(t, relay);
    await until(async () => (await relay.counters())["moqmesh_sessions_opened_total"] === 2, "both sessions");
    const drained = relay.drain("an update");
    assert.equal(relay.health().ready, false);
    assert.deepEqual(await Promise.all([leaves.leaving, stays.leaving]), ["", ""]);
    await leaves.close();
    await relay.close("no time left");
    assert.deepEqual(await stays.closed, { code: "closed", message: "no time left" });
    await Promise.all([drained, relay.ended]);
    await assert.rejects(connect(relay.url, { insecure: true, timeoutMs: 200 }), MoqmeshError);
  });

  test("ends with its scope", async (t) => {
    const config = await ownConfig(t);
    let ended: Promise<void>;
    {
      await using relay = await start({ config });
      ended = relay.ended;
    }
    await ended;
  });

  test("ends by its signal, before, during and after the start", async (t) => {
    const config = await ownConfig(t);
    const reason = new Error("not wanted");
    await assert.rejects(start({ config, signal: AbortSignal.abort(reason) }), reason);
    const during = new AbortController();
    const starting = start({ config, signal: during.signal });
    during.abort(reason);
    await assert.rejects(starting, reason);
    const after = new AbortController();
    const relay = await start({ config, signal: after.signal });
    after.abort(reason);
    await relay.ended;
  });

  test("refuses a configuration with every problem and its code", async () => {
    const config = { server: { prot: 1, port: "x" }, sever: {}, drain: { grace: 5 } };
    await assert.rejects(start({ config: config as object }), (error) => {
      assert.ok(error instanceof MoqmeshError);
      assert.equal(error.code, "bad_config");
      assert.deepEqual(
        error.problems.map(({ code, key, hint }) => [code, key, hint]),
        [
          ["bad_value", "server.port", undefined],
          ["unknown_key", "server.prot", 'did you mean "port"?'],
          ["unknown_section", "sever", "did you mean [server]?"],
          ["bad_value", "drain.grace", undefined],
        ],
      );
      assert.match(error.message, /^option config: server\.port: expected a whole number, got "x" \[bad_value\]$/m);
      return true;
    });
  });

  test("refuses files that cannot be used, as `moqmesh check` does", async (t) => {
    const folder = await folderFor(t);
    const config = await ownConfig(t, { tls: { cert: join(folder, "no.pem"), key: join(folder, "no.key") } });
    await assert.rejects(start({ config }), (error) => {
      assert.ok(error instanceof MoqmeshError && error.code === "bad_config");
      assert.ok(error.problems.some(({ code, key }) => code === "file_missing" && key === "tls.cert"));
      return true;
    });
  });

  test("says which options it does not know", async () => {
    await assert.rejects(start({ confg: {}, log: 5 } as object), {
      code: "bad_option",
      message: 'start: log: must be a function\nstart: confg: unknown option; did you mean "config"?',
    });
  });

  test("names the port that is in use", async (t) => {
    const { address } = await relayFor(t);
    const config = await ownConfig(t, { server: { port: address.port } });
    await assert.rejects(start({ config }), {
      code: "bind_failed",
      message: new RegExp(`:${address.port}: it is in use`),
    });
  });
});
