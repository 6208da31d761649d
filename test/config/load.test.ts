import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { memoryLimit } from "../../relay/config/cache.ts";
import { ConfigError, type ConfigSources, formatProblem, loadConfig, sections } from "../../relay/config/config.ts";
import { describeConfig } from "../../relay/config/describe.ts";

const folder = mkdtempSync(join(tmpdir(), "moqmesh-config-"));
after(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(toml: string): string {
  const path = join(folder, `${files++}.toml`);
  writeFileSync(path, toml);
  return path;
}

/** Problems as the user reads them, without the folder. */
function problemsOf(sources: ConfigSources): string[] {
  try {
    loadConfig(sources);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map((problem) =>
      formatProblem(problem)
        .replace(/^\S+?\d+\.toml/, "FILE")
        .replace(/ \[\w+\]$/, ""),
    );
  }
  return [];
}

test("every key has a default", () => {
  const { config, origins } = loadConfig({});
  assert.equal(config.server.port, 4443);
  assert.equal(config.limits.idleTimeoutMs, 30_000);
  assert.equal(config.limits.sessionQueueMark, 4 * 2 ** 20);
  assert.equal(config.tls.cert, undefined);
  assert.ok([...origins.values()].every(({ kind }) => kind === "default"));
});

test("the environment wins over the file and flags win over both, and each value has its origin", () => {
  const path = file('[server]\nport = 1\nhost = "10.0.0.1"\n\n[drain]\ngrace = "3s"\n');
  const { config, origins } = loadConfig({
    file: path,
    env: { MOQMESH_SERVER_PORT: "2", MOQMESH_DRAIN_GRACE: "4s", MOQMESH_LOG_LEVEL: "debug" },
    flags: [{ key: "server.port", value: "3", name: "--port" }],
  });
  assert.deepEqual(
    [config.server.port, config.server.host, config.drain.graceMs, config.log.level],
    [3, "10.0.0.1", 4_000, "debug"],
  );
  assert.deepEqual(origins.get("server.port"), { kind: "flag", name: "--port" });
  assert.deepEqual(origins.get("server.host"), { kind: "file", file: path, line: 3 });
  assert.deepEqual(origins.get("drain.grace"), { kind: "env", name: "MOQMESH_DRAIN_GRACE" });
  assert.deepEqual(origins.get("server.engine"), { kind: "default" });
});

test("every kind of value can be given as text", () => {
  const { config } = loadConfig({
    env: {
      MOQMESH_SERVER_WEBSOCKET: "false",
      MOQMESH_SERVER_EXPERIMENTAL: "moq-lite-06-wip",
      MOQMESH_SERVER_DEVELOPER_TOOLS: "true",
      MOQMESH_TLS_HOSTS: "a.example, b.example",
      MOQMESH_CACHE_BYTES: "1MiB",
      MOQMESH_LIMITS_SESSIONS: "7",
      MOQMESH_TLS_CERT: "",
    },
  });
  assert.equal(config.server.websocket, false);
  assert.deepEqual(config.server.experimental, ["moq-lite-06-wip"]);
  assert.deepEqual(config.tls.hosts, ["a.example", "b.example"]);
  assert.equal(config.cache.bytes, 2 ** 20);
  assert.equal(config.limits.sessions, 7);
  assert.equal(config.tls.cert, undefined, "an empty variable is an unset one");
});

test("a loaded configuration cannot be changed", () => {
  const { config } = loadConfig({});
  assert.throws(() => Object.assign(config.server, { port: 1 }), TypeError);
  assert.throws(() => Object.assign(config, { server: {} }), TypeError);
  assert.ok(Object.isFrozen(config.server.experimental));
});

test("all errors of a file are reported with their lines and with suggestions", () => {
  const path = file(`prot = 1
[server]
prot = 2
port = "x"
engine = "quic"
admin_port = 3
experimental = ["moq-lite-99"]
[limits]
idle_timeout = 3
frame_bytes = "1ZB"
path_bytes = 0
[lmits]
x = 1
`);
  assert.deepEqual(problemsOf({ file: path }), [
    'FILE:1: prot: this key is outside of any section; did you mean "port" under [server]?',
    'FILE:3: server.prot: unknown key; did you mean "port"?',
    'FILE:4: server.port: expected a whole number, got "x"',
    'FILE:5: server.engine: expected one of "auto", "native", "rwebtransport", "fails-components", got "quic"',
    'FILE:6: server.admin_port: unknown key; "admin_port" belongs to [http]',
    'FILE:7: server.experimental: expected one of "moq-lite-07-wip", "moq-lite-06-wip", got "moq-lite-99"',
    'FILE:9: limits.idle_timeout: expected a duration such as "10s" or "500ms", got 3',
    'FILE:10: limits.frame_bytes: expected a size such as "64KiB", "16MiB" or "1GB", or a number of bytes; got "1ZB"',
    "FILE:11: limits.path_bytes: must be at least 1",
    "FILE:12: lmits: unknown section; did you mean [limits]?",
  ]);
});

test("an invalid value is reported also when a variable replaces it", () => {
  const path = file("[server]\nport = 70000\n");
  const problems = problemsOf({ file: path, env: { MOQMESH_SERVER_PORT: "1" } });
  assert.deepEqual(problems, ["FILE:2: server.port: must be at most 65535"]);
});

test("errors in variables and flags are reported with their names", () => {
  const problems = problemsOf({
    env: { MOQMESH_SERVER_PROT: "1", MOQMESH_SERVER_WEBSOCKET: "yes", MOQMESH_DRAIN_GRACE: "10" },
    flags: [{ key: "cache.policy", value: "lfu", name: "--cache.policy" }],
  });
  assert.deepEqual(problems, [
    "env MOQMESH_SERVER_PROT: unknown variable; did you mean MOQMESH_SERVER_PORT?",
    'env MOQMESH_SERVER_WEBSOCKET: server.websocket: expected true or false, got "yes"',
    'env MOQMESH_DRAIN_GRACE: drain.grace: a duration needs a unit, such as "10s" or "10ms"; got "10"',
    'flag --cache.policy: cache.policy: expected one of "oldest", "lru", got "lfu"',
  ]);
});

test("variables of other programs are ignored, and a mistyped section is reported", () => {
  const env = {
    MOQMESH_REQUIRE_BROWSER: "1",
    MOQMESH_SERVICE_HOST: "10.0.0.1",
    MOQMESH_PORT: "tcp://10.0.0.1:4443",
    MOQMESH_SERVER_SERVICE_PORT_HTTP: "80",
    MOQMESH_HTTP_PORT_80_TCP_ADDR: "10.0.0.1",
  };
  assert.deepEqual(problemsOf({ env }), []);
  assert.deepEqual(problemsOf({ env: { MOQMESH_SEVER_PORT: "1" } }), [
    "env MOQMESH_SEVER_PORT: unknown variable; did you mean MOQMESH_SERVER_PORT?",
  ]);
});

test("an error in the TOML is explained, with its line", () => {
  const cases: [toml: string, line: number, message: RegExp][] = [
    ["[server]\nport = \n", 2, /port has no value/],
    ["[server]\nport: 443", 2, /a value is set with =/],
    ["[server]\nhost = localhost", 2, /.*put text in quotes, as in host = "TEXT"/],
    ["[server]\nwebsocket = yes", 2, /websocket is true or false, without quotes/],
    ["[server]\nport = 443 // public", 2, /a comment begins with #/],
    ["[server\nport = 443", 1, /the \] after the name of the section is missing/],
    ['[server]\nhost = "::', 2, /the closing quote of a text is missing/],
    ["[server]\nport = 1\nport = 2", 3, /port is set twice/],
    ["[server]\nport = 1\n[server]", 3, /\[server\] is set twice/],
    ['{"server": {"port": 443}}', 1, /it looks like JSON/],
    ['[auth]\nallow = ["a" "b"]', 2, /a comma between two values/],
  ];
  for (const [toml, line, message] of cases) {
    const [problem = "", ...more] = problemsOf({ file: file(toml) });
    assert.match(problem, new RegExp(`^FILE:${line}: this is not TOML: ${message.source}`), toml);
    assert.deepEqual(more, []);
  }
});

test("an error in the TOML quotes nothing that may be a token", () => {
  const token = "eyJhbGciOiJIUzI1NiJ9eyJyb290IjoibGl2ZSJ9c2lnbmF0dXJl";
  for (const toml of [`${token}==`, `[cluster]\ntoken = ${token}`, `[${token}]\n[${token}]`, `${token}: 1`, token]) {
    for (const problem of problemsOf({ file: file(toml) })) assert.doesNotMatch(problem, /eyJ/, toml);
  }
});

test("a missing file and a folder are reported", () => {
  const missing = join(folder, "none.toml");
  assert.deepEqual(problemsOf({ file: missing }), [`${missing}: no such file`]);
  assert.match(problemsOf({ file: folder })[0] ?? "", /this is a folder, not a file/);
});

test("values that contradict each other are reported with the line of one of them", () => {
  assert.deepEqual(problemsOf({ file: file('[tls]\nkey = "k.pem"\n') }), [
    "FILE:2: tls.key: a certificate needs both `cert` and `key`; `cert` is missing",
  ]);
  assert.deepEqual(problemsOf({ file: file('[limits]\nidle_timeout = "5s"\n') }), [
    "FILE:2: limits.idle_timeout: `keep_alive` must be at most half of `idle_timeout`, or one lost probe ends a session",
  ]);
  assert.deepEqual(problemsOf({ env: { MOQMESH_LIMITS_SESSION_QUEUE_MARK: "32MiB" } }), [
    "env MOQMESH_LIMITS_SESSION_QUEUE_MARK: limits.session_queue_mark: `session_queue_mark` must not be larger than `session_queue_bytes`",
  ]);
});

test("a parent region is another region, and probes begin before a relay counts as lost", () => {
  assert.deepEqual(problemsOf({ file: file('[cluster]\nregion = "eu"\nparent_region = "eu"\n') }), [
    "FILE:3: cluster.parent_region: a region is not its own parent: name another region in `parent_region`, or remove the key",
  ]);
  assert.deepEqual(problemsOf({ file: file('[cluster]\nprobe_after = "600ms"\n') }), [
    "FILE:2: cluster.probe_after: `probe_after` must be shorter than `peer_timeout`, or no relay is ever probed; `0s` switches probes off",
  ]);
  assert.deepEqual(problemsOf({ file: file('[cluster]\nparent_region = "eu"\nprobe_after = "0s"\n') }), []);
});

test("certificate and key may come from different places", () => {
  const { config } = loadConfig({ file: file('[tls]\ncert = "c.pem"\n'), env: { MOQMESH_TLS_KEY: "k.pem" } });
  assert.deepEqual([config.tls.cert, config.tls.key], ["c.pem", "k.pem"]);
});

test("the automatic cache is a quarter of the memory, at most 1GiB, in whole MiB", () => {
  const bytes = (memory: number) => loadConfig({ memory: () => memory }).config.cache.bytes;
  assert.equal(bytes(512 * 2 ** 20), 128 * 2 ** 20);
  assert.equal(bytes(64 * 2 ** 30), 2 ** 30);
  assert.equal(bytes(1_000_000_000), 238 * 2 ** 20);
});

test("the state folder follows the XDG specification", () => {
  assert.equal(loadConfig({ env: { XDG_STATE_HOME: "/var/x" } }).config.tls.stateDir, "/var/x/moqmesh");
  assert.equal(
    loadConfig({ env: { XDG_STATE_HOME: "not/absolute" } }).config.tls.stateDir,
    join(homedir(), ".local/state/moqmesh"),
  );
  assert.equal(loadConfig({ env: { MOQMESH_TLS_STATE_DIR: ".s" } }).config.tls.stateDir, ".s");
});

test("every key is described in a form that can be loaded again", () => {
  const loaded = loadConfig({ env: { MOQMESH_TLS_HOSTS: "a,b", MOQMESH_LIMITS_SUBSCRIBE_WAIT: "1500ms" } });
  const described = describeConfig(loaded);
  const keys = [...sections].flatMap(([name, { schema }]) => Object.keys(schema.shape).map((key) => `${name}.${key}`));
  assert.deepEqual(
    described.map(({ key }) => key),
    keys,
  );
  const lines = described.filter(({ value }) => value !== undefined).map(({ key, text }) => `${key} = ${text}`);
  assert.deepEqual(loadConfig({ file: file(lines.join("\n")) }).config, loaded.config);
});

test("the memory of the process is never more than that of the machine", () => {
  const limit = memoryLimit();
  assert.ok(limit > 0 && limit <= totalmem());
});

test("an admin listener that other machines reach needs a credential of the operator", () => {
  const open = { env: { MOQMESH_HTTP_ADMIN_HOST: "0.0.0.0" } };
  assert.deepEqual(problemsOf(open), [
    "env MOQMESH_HTTP_ADMIN_HOST: http.admin_host: other machines reach the admin listener, and nothing says who may use it; set `admin_token_file` to a file with a secret, `admin_client_ca` for certificates, or `[auth]` keys for tokens with the claim `admin`",
  ]);
  for (const more of [
    { MOQMESH_HTTP_ADMIN_TOKEN_FILE: "admin.token" },
    { MOQMESH_AUTH_KEY_FILE: "key.jwk" },
    { MOQMESH_HTTP_ADMIN: "false" },
    { MOQMESH_HTTP_ADMIN_HOST: "::1" },
  ]) {
    assert.deepEqual(problemsOf({ env: { ...open.env, ...more } }), []);
  }
});
