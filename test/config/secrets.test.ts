/** Every secret can be given by itself, by a variable, or in a file, and is shown to no one. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { ConfigError, type ConfigSources, filesToLoad, formatProblem, loadConfig } from "../../relay/config/config.ts";
import { configValues, describeConfig } from "../../relay/config/describe.ts";
import { changedKeys } from "../../relay/config/live.ts";
import { inlineSecrets, secretPaths } from "../../relay/config/secret-places.ts";

const folder = mkdtempSync(join(tmpdir(), "moqmesh-secrets-"));
after(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(text: string): string {
  const path = join(folder, `${files++}`);
  writeFileSync(path, text);
  return path;
}

/** What no output may contain. */
const HIDDEN = "hunter2";
const hex = Buffer.from(HIDDEN).toString("hex").padEnd(64, "0");
const url = `https://user:${HIDDEN}@a.example/`;
const mesh = { MOQMESH_CLUSTER_NODE: "a", MOQMESH_CLUSTER_ROLE: "root" };

/** Every secret that can be given by itself: what else it needs, and whether its file is read with the configuration. */
const SECRETS: [key: string, value: string, needs: Record<string, string>, loaded: boolean][] = [
  ["auth.key", `{"kty":"oct","alg":"HS256","k":"${HIDDEN}"}`, {}, false],
  ["auth.key_url", url, {}, true],
  ["auth.api", url, {}, true],
  ["quic.reset_key", hex, {}, false],
  ["http.admin_token", HIDDEN.repeat(5), {}, false],
  ["http.admin_read_token", HIDDEN.repeat(5), {}, false],
  ["cluster.registry", `redis://:${HIDDEN}@r.example/0`, mesh, true],
  ["cluster.token", HIDDEN, mesh, false],
  ["cluster.key", `{"kty":"oct","alg":"HS256","k":"${HIDDEN}"}`, mesh, false],
  ["cluster.connect", `https://b.example/?jwt=${HIDDEN}`, mesh, true],
  ["webhooks.urls", `https://hooks.example/?s=${HIDDEN}`, {}, true],
  ["webhooks.secret", `whsec_${HIDDEN.repeat(4)}`, {}, false],
];

const variable = (key: string) => `MOQMESH_${key.replace(".", "_").toUpperCase()}`;
const valuesOf = (sources: ConfigSources, key: string) => [configValues(loadConfig(sources).config).get(key)].flat();

function problemsOf(sources: ConfigSources): string[] {
  try {
    loadConfig(sources);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map(formatProblem);
  }
}

for (const [key, value, needs, loaded] of SECRETS) {
  describe(`the secret ${key}`, () => {
    const quoted = key === "cluster.connect" || key === "webhooks.urls" ? `['${value}']` : `'${value}'`;
    const [section = "", name = ""] = key.split(".");
    const inline = () => ({ env: needs, file: file(`[${section}]\n${name} = ${quoted}\n`) });
    const byVariable = { env: { ...needs, [variable(key)]: value } };
    const byFile = { env: { ...needs, [`${variable(key)}_FILE`]: file(`${value}\n`) } };

    test("is taken from the configuration file, a variable, or a file of its own, without its last newline", () => {
      for (const sources of [inline(), byVariable, ...(loaded ? [byFile] : [])]) {
        assert.deepEqual(valuesOf(sources, key), [value]);
      }
      const [path] = valuesOf(byFile, `${key}_file`);
      assert.equal(path, byFile.env[`${variable(key)}_FILE`]);
      assert.deepEqual(filesToLoad(byFile), loaded ? [path] : []);
    });

    test("is shown to no one", () => {
      for (const sources of [inline(), byVariable, byFile]) {
        const described = describeConfig(loadConfig(sources));
        const empty = loadConfig({ env: needs });
        assert.doesNotMatch(JSON.stringify([described, changedKeys(empty, loadConfig(sources))]), /hunter2/);
        assert.doesNotMatch(JSON.stringify(described), new RegExp(hex));
      }
    });

    test("is an error when it is given twice, with both places", () => {
      const text = problemsOf({ ...inline(), env: { ...byFile.env } });
      assert.equal(text.length, 1, text.join("\n"));
      assert.match(text[0] ?? "", /is given twice: .*:2 sets `\w+`, env MOQMESH_\w+_FILE sets `\w+_file`; remove one/);
      assert.doesNotMatch(text.join(), /hunter2/);
    });

    test("is a warning in production where the configuration file or a flag has it", () => {
      const flag = { env: needs, flags: [{ key, value, name: `--${key}` }] };
      const codes = (sources: ConfigSources) => inlineSecrets(loadConfig(sources)).map((one) => [one.code, one.key]);
      assert.deepEqual(codes(inline()), [["secret_inline", key]]);
      assert.deepEqual(codes(flag), [["secret_inline", key]]);
      assert.deepEqual([codes(byVariable), codes(byFile)], [[], []]);
    });

    test("names its file among those whose permissions count", () => {
      const { config } = loadConfig(byFile);
      assert.deepEqual(
        secretPaths(config).map((one) => one.key),
        [`${key}_file`],
      );
    });
  });
}

test("a list in a file has one value a line", () => {
  const env = { MOQMESH_WEBHOOKS_URLS_FILE: file("https://a.example/\n\n  https://b.example/ \n") };
  assert.deepEqual(loadConfig({ env }).config.webhooks.urls, ["https://a.example/", "https://b.example/"]);
});

test("what a file has is checked like any value, and the error names the file and not its content", () => {
  const path = file(`mysql://${HIDDEN}`);
  assert.deepEqual(problemsOf({ env: { ...mesh, MOQMESH_CLUSTER_REGISTRY_FILE: path } }), [
    `${path}: cluster.registry: \`registry\` is "memory" or such as "redis://10.0.0.5:6379/0" [conflict]`,
  ]);
});

test("a file that cannot be used is named, with the key", () => {
  const large = file("x".repeat(70_000));
  for (const [path, why] of [
    [join(folder, "none"), "no such file"],
    [folder, "it is not a regular file"],
    ["/dev/zero", "it is not a regular file"],
    [large, "longer than 65536 bytes"],
    [file(""), ""],
  ] as const) {
    const [problem = "", more] = problemsOf({ env: { MOQMESH_AUTH_API_FILE: path } });
    assert.ok(problem.includes(path) || problem.includes("MOQMESH_AUTH_API_FILE"), problem);
    assert.match(problem, new RegExp(`auth\\.api.*${why}`));
    assert.equal(more, undefined);
  }
});

test("a path in place of a key is an error that says what to write", () => {
  for (const [key, value] of [
    ["auth.key", "/etc/moqmesh/keys.jwk"],
    ["auth.key", "keys.jwk"],
    ["cluster.key", "private/mesh.jwk"],
    ["quic.reset_key", "/etc/moqmesh/reset.key"],
    ["http.admin_token", "admin.token"],
  ] as const) {
    const [problem = ""] = problemsOf({ env: { ...mesh, [variable(key)]: value } });
    assert.match(problem, new RegExp(`${key}: .*file with \`\\w+_file\``), key);
  }
  const pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA/w==\n-----END PUBLIC KEY-----";
  assert.deepEqual(problemsOf({ env: { MOQMESH_AUTH_KEY: pem } }), []);
});

describe("the key of a certificate", () => {
  const pem = `-----BEGIN PRIVATE KEY-----\n${HIDDEN}\n-----END PRIVATE KEY-----\n`;
  const cert = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";

  test("is a file, or its own text, which no one is shown and no one looks for as a file", () => {
    const byVariable = loadConfig({ env: { MOQMESH_TLS_CERT: cert, MOQMESH_TLS_KEY: pem } });
    assert.equal(byVariable.config.tls.key, pem);
    assert.deepEqual(secretPaths(byVariable.config), []);
    assert.deepEqual(inlineSecrets(byVariable), []);
    const shown = describeConfig(byVariable).find(({ key }) => key === "tls.key");
    assert.deepEqual([shown?.text, shown?.secret], ['"[redacted]"', true]);
    const byFile = loadConfig({ env: { MOQMESH_TLS_CERT: "a.pem", MOQMESH_TLS_KEY: "a.key" } });
    assert.deepEqual(secretPaths(byFile.config), [{ key: "tls.key", path: "a.key" }]);
    assert.equal(describeConfig(byFile).find(({ key }) => key === "tls.key")?.text, '"a.key"');
  });

  test("is warned of in the configuration file and in a flag", () => {
    const path = file(`[tls]\ncert = "a.pem"\nkey = """\n${pem}"""\n`);
    const [warning] = inlineSecrets(loadConfig({ env: {}, file: path }));
    const advice = "put it into a file and name that with `key`, or set MOQMESH_TLS_KEY";
    assert.ok(warning !== undefined);
    assert.ok(warning.message.endsWith(advice), warning.message);
    assert.ok(!warning.message.includes(HIDDEN));
  });
});
