import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { optionsOf } from "../../cli/args.ts";
import { COMMANDS } from "../../cli/commands.ts";
import { runProgram } from "../../cli/main.ts";
import { VERSION } from "../../relay/version.ts";
import { testCertificate } from "../support/certificate.ts";
import { recordedIo } from "./support/io.ts";

const folder = mkdtempSync(join(tmpdir(), "moqmesh-cli-"));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, toml: string): string {
  const path = join(folder, name);
  writeFileSync(path, toml);
  return path;
}

/** The claims of a token for relays, which nothing here verifies. */
const CLUSTER = Buffer.from('{"cluster":true}').toString("base64url");

async function run(...args: string[]) {
  const io = recordedIo();
  const code = await runProgram(args, io);
  return { code, out: io.stdout(), err: io.stderr() };
}

const HELPS = [
  ["--help"],
  ["-h"],
  ["help"],
  ...COMMANDS.flatMap(({ name }) => [
    [name, "--help"],
    ["help", name],
  ]),
];

for (const args of HELPS) {
  test(`moqmesh ${args.join(" ")} fits 80 columns and ends with the exit codes`, async () => {
    const { code, out, err } = await run(...args);
    assert.equal(code, 0);
    assert.equal(err, "");
    for (const line of out.split("\n")) assert.ok(line.length <= 80, line);
    assert.match(out, /Usage: moqmesh /);
    assert.match(
      out,
      /Exit codes:\n {2}0 {4}Done\.\n[\s\S]*\n {2}6 {4}The relay refused the session or the request\.\n[\s\S]*\n {2}130 {2}Ctrl-C ended the command\.\n$/,
    );
  });
}

test("no command has two options of one name", () => {
  for (const command of COMMANDS.flatMap((one) => [one, ...(one.parts ?? [])])) {
    const names = optionsOf(command).map(({ name }) => name);
    const twice = names.filter((name, index) => names.indexOf(name) !== index);
    assert.deepEqual(twice, [], command.name);
  }
});

test("prints the version for the program and for each command", async () => {
  for (const args of [["--version"], ["-V"], ["version"], ...COMMANDS.map(({ name }) => [name, "--version"])]) {
    assert.deepEqual(await run(...args), { code: 0, out: `moqmesh ${VERSION}\n`, err: "" });
  }
});

test("without a command prints the help on standard error and exits with 2", async () => {
  const { code, out, err } = await run();
  assert.equal(code, 2);
  assert.equal(out, "");
  assert.match(err, /^moqmesh .*\n\nUsage:/);
});

test("suggests the nearest command", async () => {
  const { code, err } = await run("sevre");
  assert.equal(code, 2);
  assert.match(err, /^moqmesh: unknown command "sevre"; did you mean "serve"\?\n/);
});

test("suggests the nearest option, of the command and of the configuration", async () => {
  const cases: [string[], RegExp][] = [
    [["serve", "--prot", "1"], /unknown option --prot; did you mean --port\?/],
    [["serve", "--server.prot=1"], /unknown option --server\.prot; did you mean --server\.port\?/],
    [["ls", "http://localhost/", "--jsno"], /unknown option --jsno; did you mean --json\?/],
    [["check", "-x"], /unknown option -x\n/],
  ];
  for (const [args, message] of cases) {
    const { code, out, err } = await run(...args);
    assert.equal(code, 2, args.join(" "));
    assert.equal(out, "");
    assert.match(err, message);
    assert.match(err, /See "moqmesh \w+ --help"/);
  }
});

test("says which argument is missing, surplus or without its value", async () => {
  const cases: [string[], RegExp][] = [
    [["fetch", "http://localhost/"], /BROADCAST is missing\nmoqmesh: TRACK is missing/],
    [["check", "a.toml", "b.toml"], /unexpected argument "b\.toml"/],
    [["serve", "--port"], /--port needs a value: --port VALUE/],
    [["serve", "--port", "--host", "::1"], /--port needs a value/],
    [["ls", "http://localhost/", "--json=1"], /--json takes no value/],
    [["ls", "localhost:4443"], /"localhost:4443" is not the URL of a relay/],
    [["ls", "ftp://localhost/"], /is not the URL of a relay/],
    [["ls", "http://localhost/", "--timeout", "5"], /--timeout: a duration needs a unit/],
    [["ls", "https://localhost/", "--fingerprint", "abc"], /expected 64 hexadecimal digits/],
    [["ls", "https://localhost/", "--ca", join(folder, "none.pem")], /cannot be read \(ENOENT\)/],
    [["ls", "https://localhost/", "--insecure", "--ca", "x"], /use only one of/],
    [["fetch", "http://localhost/", "a", "b", "-1"], /unknown option -1/],
    [["fetch", "http://localhost/", "a", "b", "1.5"], /GROUP must be a whole number/],
  ];
  for (const [args, message] of cases) {
    const { code, err } = await run(...args);
    assert.equal(code, 2, args.join(" "));
    assert.match(err, message);
  }
});

test("check prints the merged configuration as TOML, with the origin of each value", async () => {
  const path = file("good.toml", '[server]\nport = 1\n\n[drain]\ngrace = "3s"\n');
  const io = recordedIo({ env: { MOQMESH_LOG_LEVEL: "warn" } });
  assert.equal(await runProgram(["check", path, "--running", "--host", "::1"], io), 0);
  const lines = io.stdout().split("\n");
  for (const line of [
    "[server]",
    'host = "::1"  # flag --host',
    `port = 1  # ${path}:2`,
    'engine = "auto"  # default',
    "# cert is not set",
    `grace = "3s"  # ${path}:5`,
    'level = "warn"  # env MOQMESH_LOG_LEVEL',
  ]) {
    assert.ok(lines.includes(line), line);
  }
  const again = recordedIo();
  assert.equal(await runProgram(["check", file("again.toml", io.stdout()), "--running"], again), 0, again.stderr());
});

test("check shows no credential, whatever its source, and says that there is one", async () => {
  const token = `eyJhbGciOiJFUzI1NiJ9.${CLUSTER}.of-them-1`;
  const alone = `[cluster]\nnode = "a"\nserve_root = true\ntoken = "${token}"\n`;
  const more = '[auth]\nkey_url = "https://u:of-them-5@keys.example/?key=of-them-6"\n';
  const path = file("secret.toml", `${alone}connect = ["https://of-them-3@x.example/?jwt=of-them-4"]\n${more}`);
  const env = { MOQMESH_CLUSTER_REGISTRY: "rediss://u:p@of-them-2@redis.example:6380/3" };
  for (const flags of [[], ["--json"], ["--cluster.token", token.replaceAll("-1", "-7"), "--json"]]) {
    const io = recordedIo({ env });
    assert.equal(await runProgram(["check", path, "--running", ...flags], io), 0, io.stderr());
    assert.doesNotMatch(io.stdout() + io.stderr(), /of-them/);
    for (const shown of [
      "rediss://[redacted]@redis.example:6380/3",
      "https://[redacted]@x.example/?[redacted]",
      "https://[redacted]@keys.example/?[redacted]",
    ]) {
      assert.ok(io.stdout().includes(`"${shown}"`), shown);
    }
    assert.match(io.stdout(), /token = "\[redacted\]" {2}# .*:4|"cluster\.token",\s+"value": "\[redacted\]"/);
  }
});

test("check quotes no credential that it refuses", async () => {
  const alone = '[cluster]\nnode = "a"\nserve_root = true\n';
  const wrong = [
    `${alone}registry = "redis://:of-them@h:1/x"\n`,
    `${alone}registry = "redis://u:1/of-them@h:1/0"\n`,
    `${alone}registry = "http://u:of-them@h/"\n`,
    `${alone}connect = ["https://x.example/?jwt=of-them#x"]\n`,
    `${alone}connect = ["ftp://u:of-them@x.example/"]\n`,
    `${alone}connect = [["of-them"]]\n`,
    `${alone}connect = "of-them"\n`,
    `${alone}token = ["of-them"]\n`,
    '[cluster]\nnode = "a"\ntoken = "of-them"\ntoken_file = "x"\n',
    '[auth]\nkey_url = "ftp://u:of-them@keys.example/"\n',
    '[auth]\napi = ["of-them"]\n',
  ];
  for (const toml of wrong) {
    for (const more of [[], ["--json"]]) {
      const { code, out, err } = await run("check", file("refused.toml", toml), ...more);
      assert.equal(code, 3, toml);
      assert.doesNotMatch(out + err, /of-them/);
    }
  }
});

test("check marks its output only on a terminal that wants colours", async () => {
  const escaped = async (env: Record<string, string>, terminal: boolean) => {
    const io = recordedIo({ env, terminal });
    await runProgram(["check", "--running"], io);
    return io.stdout().includes("\u001b[");
  };
  assert.equal(await escaped({}, true), true);
  assert.equal(await escaped({}, false), false);
  assert.equal(await escaped({ NO_COLOR: "1" }, true), false);
});

test("check exits with 3 and lists every problem", async () => {
  const path = file("bad.toml", "[server]\nprot = 1\nport = 99999\n");
  const { code, out, err } = await run("check", path);
  assert.equal(code, 3);
  assert.equal(out, "");
  assert.equal(
    err,
    `moqmesh: ${path}:2: server.prot: unknown key; did you mean "port"? [unknown_key]\n` +
      `moqmesh: ${path}:3: server.port: must be at most 65535 [bad_value]\n` +
      "moqmesh: 2 problems; nothing was started\n",
  );
});

test("check finds certificate files that cannot be read", async () => {
  const path = file("tls.toml", '[tls]\ncert = "/nowhere/cert.pem"\nkey = "/nowhere/key.pem"\n');
  const { code, err } = await run("check", path);
  assert.equal(code, 3);
  assert.match(err, /tls\.toml:2: tls\.cert: the certificate file \/nowhere\/cert\.pem does not exist/);
  assert.match(err, /tls\.toml:3: tls\.key: the key file \/nowhere\/key\.pem does not exist/);
});

test("check and serve refuse a `cluster.ca` when the engine cannot check certificates against it", async () => {
  const ca = file("ca.pem", (await testCertificate()).cert);
  const mesh = `[cluster]\nnode = "a"\nurl = "https://a.example"\nroot = ["https://root.example"]\ntoken = "eyJhbGciOiJFUzI1NiJ9.${CLUSTER}.x"\nca = "${ca}"\n`;
  const path = file("ca.toml", mesh);
  const why = /cluster\.ca.*the engine rwebtransport cannot.*native engine.*wss: URLs.*cluster\.fingerprints/;
  const checked = await run("check", path, "--server.engine", "rwebtransport", "--server.port", "0");
  assert.equal(checked.code, 3);
  assert.match(checked.err, why);
  const served = await run(
    "serve",
    path,
    "--server.engine",
    "rwebtransport",
    "--tls.state_dir",
    folder,
    "--log.level",
    "fatal",
  );
  assert.equal(served.code, 3);
  assert.match(served.err, why);
  const websockets = file("wss.toml", mesh.replaceAll("https:", "wss:"));
  assert.equal((await run("check", websockets, "--running", "--server.engine", "rwebtransport")).code, 0);
});

test("check --json prints values and origins, or problems, as one object", async () => {
  const good = await run("check", file("one.toml", '[limits]\nidle_timeout = "1m"\n'), "--json", "--running");
  const { ok, values }: { ok: boolean; values: { key: string; value: unknown; origin: object }[] } = JSON.parse(
    good.out,
  );
  assert.equal(ok, true);
  const { value, origin } = values.find(({ key }) => key === "limits.idle_timeout") ?? {};
  assert.equal(value, 60_000);
  assert.deepEqual(origin, { kind: "file", file: join(folder, "one.toml"), line: 2 });

  const bad = await run("check", file("two.toml", "[limits]\nidle_timeot = 1\n"), "--json");
  assert.equal(bad.code, 3);
  const report: { ok: boolean; problems: { code: string; key: string; hint: string }[] } = JSON.parse(bad.out);
  assert.equal(report.ok, false);
  assert.equal(report.problems.length, 1);
  assert.deepEqual(
    report.problems.map(({ code, key, hint }) => [code, key, hint]),
    [["unknown_key", "limits.idle_timeot", 'did you mean "idle_timeout"?']],
  );
});
