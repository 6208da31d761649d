/** The examination of a relay and its roots, over real sockets of loopback. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runProgram } from "../../cli/main.ts";
import { freePort } from "../../lab/ports.ts";
import { type LoadedConfig, loadConfig } from "../../relay/config/config.ts";
import { type ExaminationOptions, examine } from "../../relay/doctor/index.ts";
import { sysctlFile } from "../../relay/doctor/kernel.ts";
import { start } from "../../relay/main.ts";
import { recordedIo } from "../cli/support/io.ts";
import { TestKey } from "../support/keys.ts";
import { captureLog } from "../support/log.ts";
import { type TestRelay, withRelay } from "../support/relay.ts";

function configured(settings: Readonly<Record<string, string>>): LoadedConfig {
  return loadConfig({ flags: Object.entries(settings).map(([key, value]) => ({ key, value, name: key })) });
}

/** The ports and the state of a relay. */
function like({ relay, folder }: TestRelay): Record<string, string> {
  return {
    "server.host": "127.0.0.1",
    "server.port": String(relay.address.port),
    "http.admin_port": String(relay.adminAddress?.port),
    "tls.state_dir": folder,
  };
}

/** `status text` by code; of several with one code the last. Nothing of the host can be read. */
async function examined(loaded: LoadedConfig, options: ExaminationOptions = {}): Promise<ReadonlyMap<string, string>> {
  const found = await examine(loaded, { read: () => Promise.resolve(undefined), ...options });
  return new Map(found.map(({ code, status, text }) => [code, `${status} ${text}`]));
}

test("a relay that runs is found by its ports, and reached over UDP and TCP", () =>
  withRelay({}, async (relay) => {
    const found = await examined(configured(like(relay)));
    assert.match(found.get("ports") ?? "", /^(ok|warn) a relay runs with them/);
    assert.equal(found.get("self_udp"), "ok the relay answers");
    assert.equal(found.get("self_tcp"), "ok the relay answers");
    assert.equal(found.get("configuration"), "ok no problems");
    assert.match(found.get("node_version") ?? "", /^ok 2\d/);
  }));

test("another program at the ports of a relay is no relay that answers", () =>
  withRelay({}, (relay) =>
    withRelay({}, async (other) => {
      const found = await examined(configured({ ...like(relay), "tls.state_dir": other.folder }));
      assert.match(found.get("self_tcp") ?? "", /^fail another program answers, or an old certificate/);
      assert.match(found.get("self_udp") ?? "", /^fail /);
    }),
  ));

test("a relay that does not run is probed at its public port alone, which closes again", async () => {
  const port = String(await freePort());
  await withRelay({}, async ({ folder }) => {
    const settings = {
      "server.host": "127.0.0.1",
      "server.port": port,
      "http.admin_port": "0",
      "tls.state_dir": folder,
    };
    const mesh = { "cluster.node": "edge-1", "cluster.role": "root" };
    const loaded = configured({ ...settings, ...mesh });
    const captured = captureLog();
    let opened = 0;
    const listen = async (config: LoadedConfig["config"]) => {
      opened++;
      assert.deepEqual([config.cluster.node, config.http.admin, config.webhooks.urls], [undefined, false, []]);
      return await start(config, { log: captured.log });
    };
    const found = await examined(loaded, { listen });
    assert.equal(found.get("ports"), "ok each can be bound; no relay runs with them");
    assert.equal(found.get("self_udp"), "ok the relay answers");
    assert.equal(found.get("self_tcp"), "ok the relay answers");
    assert.match((await examined(loaded)).get("self_udp") ?? "", /^skipped it does not run/);
    assert.equal(opened, 1);
  });
});

test("a root accepts a session of this relay, or refuses its token; its date is compared with the clock", async () => {
  const key = await TestKey.make("mesh");
  try {
    await withRelay({ "cluster.node": "root-1", "cluster.role": "root", "auth.key_dir": key.folder }, async (root) => {
      const settings = {
        ...like(root),
        "server.port": "0",
        "http.admin_port": "0",
        "cluster.node": "edge-1",
        "cluster.role": "edge",
        "cluster.root": root.at("wss").origin,
        "cluster.fingerprints": root.relay.fingerprint ?? "",
      };
      const good = await examined(
        configured({ ...settings, "cluster.token": await key.token({ cluster: true, sub: "edge-1" }) }),
      );
      assert.match(good.get("root_reachable") ?? "", /^ok a session in \d+ ms \(moqmesh-2\)$/);
      assert.match(good.get("clock_offset") ?? "", /^ok /);
      const viewer = await key.token({ get: [""] });
      const bad = await examined(configured({ ...settings, "cluster.token": viewer }));
      assert.match(bad.get("root_reachable") ?? "", /^fail /);
      assert.match(bad.get("cluster_token_invalid") ?? "", /^fail the token lacks the claim/);
      const offline = await examined(configured({ ...settings, "cluster.token": viewer }), { offline: true });
      assert.equal(offline.get("root_reachable"), undefined);
    });
  } finally {
    await key.remove();
  }
});

test("an old Node fails, and so does an NTP server that gives no time", async () => {
  const loaded = configured({ "server.port": "0", "http.admin_port": "0", "server.host": "127.0.0.1" });
  const found = await examined(loaded, { nodeVersion: "22.1.0", ntp: "127.0.0.1:1" });
  assert.equal(found.get("node_version"), "fail 22.1.0, wanted 24 or newer");
  assert.match(found.get("clock_offset") ?? "", /^warn 127\.0\.0\.1:1 gives no time/);
});

test("the command has text, JSON, exit codes and the file for sysctl", async () => {
  const quiet = [
    "--offline",
    "--no-listen",
    "--server.port",
    "0",
    "--http.admin_port",
    "0",
    "--server.host",
    "127.0.0.1",
  ];
  const run = async (...args: string[]) => {
    const io = recordedIo();
    return { code: await runProgram(["doctor", ...quiet, ...args], io), out: io.stdout(), err: io.stderr() };
  };
  const bad = await run("--auth.key_file", "/nowhere/key", "--json");
  assert.equal(bad.code, 1);
  const report: { ok: boolean; findings: { code: string; status: string; subject: string }[] } = JSON.parse(bad.out);
  assert.equal(report.ok, false);
  const failed = report.findings.filter(({ status }) => status === "fail");
  assert.deepEqual(
    failed.map(({ code, subject }) => `${code} ${subject}`),
    ["file_missing auth.key_file"],
  );
  const text = await run("--auth.key_file", "/nowhere/key");
  assert.match(text.out, /^fail {5}auth\.key_file: the key file \/nowhere\/key/m);
  assert.match(text.out, /^1 failed, \d+ to look at, \d+ findings$/m);
  assert.deepEqual(await run("--sysctl"), { code: 0, out: sysctlFile(loadConfig({}).config), err: "" });
  assert.equal((await run("--limits.sessions", "0")).code, 3);
});
