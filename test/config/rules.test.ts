/** Rules over several sections, and over the URLs of peers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, loadConfig } from "../../relay/config/config.ts";
import { productionProblems } from "../../relay/config/exposure.ts";

/** Keys of the problems that `env` has. */
function brokenBy(env: Readonly<Record<string, string>>): string[] {
  try {
    loadConfig({ env });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ key }) => key);
    throw error;
  }
}

test("developer tools off loopback need a second setting, and production refuses them", () => {
  for (const [env, key] of [
    [{ MOQMESH_HTTP_PAGE: "true" }, "http.page"],
    [{ MOQMESH_SERVER_EXPERIMENTAL: "moq-lite-06-wip" }, "server.experimental"],
    [{ MOQMESH_QUIC_QLOG_DIR: "/tmp/qlog" }, "quic.qlog_dir"],
  ] as const) {
    assert.deepEqual(brokenBy(env), [key]);
    assert.deepEqual(brokenBy({ ...env, MOQMESH_SERVER_HOST: "127.0.0.1" }), []);
    const allowed = { ...env, MOQMESH_SERVER_DEVELOPER_TOOLS: "true" };
    assert.deepEqual(brokenBy(allowed), []);
    assert.ok(productionProblems(loadConfig({ env: allowed })).some((problem) => problem.key === key));
  }
});

test("relays and clients with certificates need listeners of their own", () => {
  const both = { MOQMESH_TLS_CLIENT_CA: "a.pem", MOQMESH_CLUSTER_CLIENT_CA: "b.pem" };
  assert.deepEqual(brokenBy(both), ["cluster.client_ca"]);
  assert.deepEqual(brokenBy({ ...both, MOQMESH_CLUSTER_LISTEN: "10.0.0.5:4445" }), []);
});

test("peers without TLS are refused unless they are on this machine", () => {
  const mesh = { MOQMESH_CLUSTER_NODE: "edge-1", MOQMESH_CLUSTER_TOKEN_FILE: "token" };
  for (const [name, before] of [
    ["ROOT", ""],
    ["PEERS", "origin-1 origin eu "],
    ["DNS", "origin eu "],
    ["CONNECT", ""],
  ] as const) {
    const set = (url: string) => brokenBy({ ...mesh, [`MOQMESH_CLUSTER_${name}`]: `${before}${url}` });
    assert.deepEqual(set("ws://10.0.0.5:4443"), [`cluster.${name.toLowerCase()}`]);
    for (const url of ["ws://127.0.0.1:4443", "ws://localhost:4443", "wss://10.0.0.5:4443"])
      assert.deepEqual(set(url), []);
  }
});

test("a command is refused when it has a NUL character or its program has no absolute path", () => {
  for (const [section, key] of [
    ["health", "on_change"],
    ["drain", "on_drained"],
  ] as const) {
    const broken = (command: readonly string[]) => {
      try {
        loadConfig({ env: {}, options: { [section]: { [key]: command } } });
        return [];
      } catch (error) {
        if (error instanceof ConfigError) return error.problems.map((problem) => problem.key);
        throw error;
      }
    };
    for (const command of [["hook"], ["/hook\0"], ["/hook", "a\0b"]])
      assert.deepEqual(broken(command), [`${section}.${key}`]);
    assert.deepEqual(broken(["/hook", "a\nb"]), []);
  }
});
