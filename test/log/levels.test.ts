import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { connect } from "../../relay/client/client.ts";
import { LogLevels, parseModuleLevels } from "../../relay/log/levels.ts";
import { createLogger } from "../../relay/log/logger.ts";
import { configOf, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";

function levels(modules: string[] = []) {
  const lines: string[] = [];
  const root = createLogger({ level: "info", format: "json", stream: { write: (line) => lines.push(line) } });
  const log = new LogLevels(root, { level: "info", modules: parseModuleLevels(modules) });
  const write = () => {
    lines.length = 0;
    root.debug("root debug");
    root.info("root info");
    log.module("sessions").debug("sessions debug");
    log.module("sessions").info("sessions info");
    return lines.map((line) => String(JSON.parse(line).msg));
  };
  return { log, write };
}

describe("levels of the log", () => {
  test("a module has its own level; the others follow the common one", () => {
    const { log, write } = levels(["sessions=warn"]);
    assert.deepEqual(write(), ["root info"]);
    log.set("debug");
    assert.deepEqual(write(), ["root debug", "root info"]);
    log.set("info", "sessions");
    assert.deepEqual(write(), ["root debug", "root info", "sessions info"]);
    assert.deepEqual(log.current, { level: "debug", modules: { sessions: "info" } });
    log.configure({ level: "info", modules: {} });
    assert.deepEqual(write(), ["root info", "sessions info"]);
  });

  test("debug for everything, and back to what is configured", () => {
    const { log, write } = levels(["sessions=warn"]);
    assert.equal(log.toggleDebug(), true);
    assert.deepEqual(write(), ["root debug", "root info", "sessions debug", "sessions info"]);
    assert.equal(log.toggleDebug(), false);
    assert.deepEqual(write(), ["root info"]);
  });

  test("a wrong module or level is a problem of the configuration that names both", () => {
    assert.deepEqual(configOf({ "log.modules": "sessions=warn,mesh=debug" }).log.modules, [
      "sessions=warn",
      "mesh=debug",
    ]);
    for (const wrong of ["sessions", "nothing=warn", "mesh=loud", "mesh=warn=info"]) {
      assert.throws(() => configOf({ "log.modules": wrong }), /MODULE=LEVEL.*modules: sessions, mesh/);
    }
  });
});

test("one id stands in all lines of a session, and a refused client has an id of its own", async () => {
  const settings = { "auth.deny": "", "limits.sessions": "1" };
  await withRelay(settings, async ({ url, entries, counters }) => {
    const options = { trust: { kind: "system" }, timeoutMs: 5_000 } as const;
    const client = await connect(url, options);
    await until(() => counters.sessionsActive === 1);
    await assert.rejects(connect(url, options));
    await client.close();
    const line = (msg: string) => entries.find((entry) => entry["msg"] === msg);
    await until(() => line("session closed"));
    const id = String(line("session opened")?.["session"]);
    assert.match(id, /^[0-9a-z]{6}-\d+$/);
    assert.equal(line("session closed")?.["session"], id);
    const refused = String(line("session refused")?.["session"]);
    assert.equal(refused.split("-")[0], id.split("-")[0]);
    assert.notEqual(refused, id);
  });
});
