/** What a reload changes in a running relay: every live value, or nothing. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { generateKey, publicJwk } from "../../auth/index.ts";
import { connect } from "../../relay/client/client.ts";
import { sections } from "../../relay/config/config.ts";
import { configValues } from "../../relay/config/describe.ts";
import { type FieldMeta, show } from "../../relay/config/fields.ts";
import { fieldOf } from "../../relay/config/layers.ts";
import { liveKeys } from "../../relay/config/live.ts";
import { formatBytes, formatDuration, parseBytes, parseDuration } from "../../relay/config/units.ts";
import { ADMIN_SECRET } from "../support/admin.ts";
import { testCertificate } from "../support/certificate.ts";
import { missingEngine } from "../support/engines.ts";
import { type Settings, TestRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";

let relays: TestRelay[] = [];
afterEach(async () => {
  await Promise.all(relays.map((relay) => relay.stop()));
  relays = [];
});

async function run(settings: Settings = {}): Promise<TestRelay> {
  const relay = await TestRelay.start(settings);
  relays.push(relay);
  return relay;
}

/** Status of `/access` for a path, as the relay decides on a new session. */
async function access(relay: TestRelay, path: string): Promise<string> {
  const answer: unknown = await (await fetch(new URL(`/access${path}`, relay.url))).json();
  const verdict = answer as { allowed: boolean; code?: string; subscribe?: string[] };
  return verdict.allowed ? `may watch ${verdict.subscribe?.join()}` : (verdict.code ?? "");
}

/** Another valid value, as a flag has it. Undefined where a value has a meaning that only a test of its own can give. */
function another({ kind, default: now, choices }: FieldMeta): string | undefined {
  switch (kind) {
    case "integer":
      return String(Number(now) > 1 ? Number(now) - 1 : Number(now) + 1);
    case "boolean":
      return now === "true" ? "false" : "true";
    case "choice":
      return choices?.find((one) => show(one) !== now);
    case "duration": {
      const ms = parseDuration(JSON.parse(now));
      return formatDuration(ms === 0 ? 1_000 : ms * 2);
    }
    case "size": {
      const text: string = JSON.parse(now);
      const bytes = text === "auto" ? 0 : parseBytes(text);
      return formatBytes(bytes === 0 ? 2 ** 20 : bytes * 2);
    }
    case "tables":
      return '[{"prefix": "live", "tracks": 3}]';
    case "list":
      return choices?.[0];
    case "text":
      return undefined;
  }
}

/** Values of the keys for which {@link another} has none. */
async function special(relay: TestRelay): Promise<Settings> {
  const at = (name: string) => join(relay.folder, name);
  const key = await generateKey({ alg: "ES256", kid: "one" });
  writeFileSync(at("set.jwk"), JSON.stringify(publicJwk(key)));
  writeFileSync(at("ca.pem"), (await testCertificate()).cert);
  for (const name of ["served", "further"]) await writePair(at(name));
  writeFileSync(at("other.secret"), OTHER_SECRET);
  return {
    "auth.key_file": at("set.jwk"),
    "auth.issuers": "https://id.example",
    "auth.audiences": "relay",
    "auth.origins": "https://app.example",
    "auth.public_subscribe": "live",
    "auth.public_publish": "up",
    "auth.allow": "127.0.0.0/8",
    "auth.deny": "10.0.0.0/8",
    "log.modules": "mesh=error",
    "tls.cert": at("served.pem"),
    "tls.key": at("served.key"),
    "tls.certificates": `${at("further.pem")} ${at("further.key")}`,
    "http.admin_token_file": at("other.secret"),
    "http.admin_origins": "https://ops.example",
    "cluster.allow": "127.0.0.0/8",
    "health.require": "key_url",
    "webhooks.urls": "https://hooks.example/",
    "webhooks.events": "session_closed",
    "webhooks.secret": `whsec_${"A".repeat(43)}=`,
    "cluster.token_file": "",
    "cluster.peers": "b origin eu https://b.example",
    "cluster.hitless": "live/vip",
    "cluster.redirect": "https://c.example",
    "cluster.fingerprints": "ab".repeat(32),
  };
}

/** Values that exclude each other, or need something outside this machine; other tests have them. */
const APART = [
  "http.admin_token",
  "http.admin_read_token",
  "http.admin_read_token_file",
  "auth.key",
  "auth.key_dir",
  "auth.key_url",
  "auth.key_url_file",
  "auth.api",
  "auth.api_file",
  "cluster.token",
  "cluster.token_file",
  "cluster.key",
  "cluster.key_file",
  "cluster.ca",
  "cluster.client_cert",
  "cluster.client_key",
  "policies.file",
  "webhooks.urls_file",
  "webhooks.secret_file",
];

const OTHER_SECRET = "0123456789abcdef".repeat(4);

/** A certificate and its key, as `PLACE.pem` and `PLACE.key`. */
async function writePair(place: string): Promise<string> {
  const { cert, key } = await testCertificate();
  writeFileSync(`${place}.pem`, cert);
  writeFileSync(`${place}.key`, key);
  return new X509Certificate(cert).fingerprint256;
}

/** The fingerprint of the certificate that the public port presents over TCP. */
function presented(relay: TestRelay): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: "127.0.0.1", port: relay.port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256);
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

/** The status of an answer of the admin API to a client with this secret. */
async function apiStatus(relay: TestRelay, secret: string): Promise<number> {
  const response = await fetch(relay.admin("/api/v1/whoami"), { headers: { Authorization: `Bearer ${secret}` } });
  await response.text();
  return response.status;
}

describe("a reload", () => {
  test("gives the running relay the new value of every live key", async () => {
    const relay = await run({ "cluster.node": "a", "cluster.token": "none" });
    const given = await special(relay);
    const settings: Record<string, string> = { ...given };
    for (const key of liveKeys()) {
      const [name = "", field = ""] = key.split(".");
      const meta = fieldOf(sections.get(name), field);
      assert.ok(meta !== undefined);
      settings[key] ??= APART.includes(key) ? "" : (another(meta) ?? assert.fail(`this test has no value for ${key}`));
      if (settings[key] === "") delete settings[key];
    }
    const before = configValues(relay.relay.settings.config);
    const report = await relay.reload(settings);
    assert.deepEqual(report.failed, {});
    const after = configValues(relay.relay.settings.config);
    const expected = liveKeys().filter((key) => !APART.includes(key));
    for (const key of expected) assert.notDeepEqual(after.get(key), before.get(key), key);
    assert.deepEqual(report.applied.map(({ key }) => key).sort(), expected.sort());
    assert.deepEqual(report.restart, []);
    assert.equal(relay.counters.cacheBudget, relay.relay.settings.config.cache.bytes);
  });

  test("bounds new sessions and broadcasts by the new limits", async () => {
    const relay = await run();
    await relay.reload({ "limits.sessions": "1" });
    const first = await connect(relay.at("ws"), { trust: { kind: "system" }, timeoutMs: 5_000 });
    assert.equal(await access(relay, "/"), "relay_full");
    await relay.reload({ "limits.sessions": "2" });
    assert.equal(await access(relay, "/"), "may watch ");
    await first.close();
  });

  test("makes the cache fit a smaller budget at once", async () => {
    const relay = await run({ "cache.bytes": "2MiB" });
    await relay.reload({ "cache.bytes": "1MiB" });
    assert.equal(relay.counters.cacheBudget, 2 ** 20);
  });

  test("opens and closes public prefixes, addresses and tenants", async () => {
    const relay = await run({ "auth.public_subscribe": "a" });
    assert.deepEqual([await access(relay, "/a"), await access(relay, "/b")], ["may watch ", "token_missing"]);
    await relay.reload({ "auth.public_subscribe": "b" });
    assert.deepEqual([await access(relay, "/a"), await access(relay, "/b")], ["token_missing", "may watch "]);
    await relay.reload({ "auth.public_subscribe": "b", "auth.deny": "127.0.0.1" });
    assert.equal(await access(relay, "/b"), "address_denied");
    await relay.reload({ "auth.public_subscribe": "b", "auth.sessions_per_tenant": "1" });
    const one = await connect(relay.at("ws", "/b"), { trust: { kind: "system" }, timeoutMs: 5_000 });
    assert.equal(await access(relay, "/b"), "tenant_sessions");
    await one.close();
  });

  test("takes a key file that was not configured before", async () => {
    const relay = await run();
    const file = join(relay.folder, "one.jwk");
    const key = await generateKey({ alg: "ES256", kid: "one" });
    writeFileSync(file, JSON.stringify(publicJwk(key)));
    const { applied } = await relay.reload({ "auth.key_file": file });
    assert.deepEqual(
      applied.map(({ key: name }) => name),
      ["auth.key_file"],
    );
    assert.equal(await access(relay, "/"), "token_missing");
  });

  // The other engines keep their certificate until a restart.
  const skip = missingEngine();
  test("serves the certificate of other files, and of those files when they are replaced; a broken pair changes nothing", {
    skip,
  }, async () => {
    const relay = await run();
    const made = await presented(relay);
    const place = join(relay.folder, "served");
    const first = await writePair(place);
    const named = { "tls.cert": `${place}.pem`, "tls.key": `${place}.key` };
    const { applied, files } = await relay.reload(named);
    assert.deepEqual([applied.map(({ key }) => key), files], [["tls.cert", "tls.key"], ["[tls]"]]);
    assert.notEqual(first, made);
    assert.equal(await presented(relay), first);
    const second = await writePair(place);
    assert.match((await relay.reload(named)).files.join(), /^\[tls\]/);
    assert.equal(await presented(relay), second);
    const other = join(relay.folder, "other");
    await writePair(other);
    const broken = await relay.reload({ "tls.cert": `${other}.pem`, "tls.key": `${place}.key` });
    assert.notDeepEqual(broken.failed, {});
    assert.equal(await presented(relay), second);
    await relay.reload();
    assert.equal(await presented(relay), made);
  });

  test("gives the admin API another secret and another rate", async () => {
    const relay = await run();
    const file = join(relay.folder, "other.secret");
    writeFileSync(file, OTHER_SECRET);
    assert.equal(await apiStatus(relay, ADMIN_SECRET), 200);
    assert.equal(await apiStatus(relay, OTHER_SECRET), 401);
    const settings = { "http.admin_token_file": file };
    assert.deepEqual((await relay.reload(settings)).failed, {});
    assert.equal(await apiStatus(relay, ADMIN_SECRET), 401);
    assert.equal(await apiStatus(relay, OTHER_SECRET), 200);
    const broken = await relay.reload({ "http.admin_token_file": join(relay.folder, "none") });
    assert.ok(broken.failed["http.admin_token_file"] !== undefined, JSON.stringify(broken));
    assert.equal(await apiStatus(relay, OTHER_SECRET), 200);
    await relay.reload({ ...settings, "http.admin_rate": "1", "http.admin_burst": "1" });
    const statuses = [];
    for (let n = 0; n < 2; n++) statuses.push(await apiStatus(relay, OTHER_SECRET));
    assert.deepEqual(statuses, [200, 429]);
  });

  test("changes which viewers are slow, which services are required, and from where relays may come", async () => {
    const relay = await run({ "cluster.node": "a", "cluster.role": "root", "auth.api": "http://127.0.0.1:1/" });
    const severity = async () => {
      const { checks } = relay.relay.health();
      return checks.find(({ code }) => code === "auth_api_unreachable")?.severity;
    };
    assert.equal(await severity(), "not_ready");
    await relay.reload({ "health.require": "registry", "log.slow_groups": "7" });
    assert.equal(await severity(), "warning");
    const slow: unknown = await (await fetch(relay.admin("/api/v1/slow"))).json();
    assert.deepEqual(slow, { total: 0, items: [], threshold: 7, length: 128 });
  });

  test("keeps revocations that are in no file when keys change", async () => {
    const relay = await run();
    assert.equal((await relay.revoke({ jti: "x" })).status, 200);
    const file = join(relay.folder, "one.jwk");
    writeFileSync(file, JSON.stringify(publicJwk(await generateKey({ alg: "ES256", kid: "one" }))));
    await relay.reload({ "auth.key_file": file });
    const metrics = await (await fetch(relay.admin("/metrics"))).text();
    assert.match(metrics, /^moqmesh_auth_revocations 1$/m);
  });

  test("changes nothing when one value cannot be used", async () => {
    const relay = await run();
    const before = relay.relay.settings.config;
    const broken: [Settings, string][] = [
      [{ "limits.sessions": "5", "auth.key_file": join(relay.folder, "none.jwk") }, "auth.key_file"],
      [{ "limits.sessions": "5", "cluster.token": "x", "limits.track_linger": "1 parsec" }, "limits.track_linger"],
      [{ "limits.sessions": "5", "tls.cert": "/none.pem", "tls.key": "/none.key" }, "tls.cert"],
      [{ "limits.sessions": "5", "auth.key_url": "http://127.0.0.1:1/jwks.json" }, "auth.key_url"],
    ];
    for (const [settings, key] of broken) {
      const report = await relay.reload(settings);
      assert.ok(report.failed[key] !== undefined, `${key}: ${JSON.stringify(report)}`);
      assert.deepEqual([report.applied, report.restart, report.files], [[], [], []]);
      assert.equal(relay.relay.settings.config, before);
      assert.notEqual(await access(relay, "/"), "relay_full");
    }
  });

  test("names the keys that need a restart, and the configuration shows what a restart would use", async () => {
    const relay = await run();
    const { restart, applied } = await relay.reload({ "server.threads": "3", "drain.grace": "3s" });
    assert.deepEqual(
      restart.map(({ key, to }) => [key, to]),
      [["server.threads", "3"]],
    );
    assert.deepEqual(
      applied.map(({ key, from, to }) => [key, from, to]),
      [["drain.grace", '"10s"', '"3s"']],
    );
    const { values } = relay.relay.settings.configuration();
    const threads = values.find(({ key }) => key === "server.threads");
    assert.deepEqual([threads?.text, threads?.applies, threads?.pending], ["0", "restart", "3"]);
  });

  test("shows no credential in its report or in the configuration", async () => {
    const relay = await run({ "cluster.node": "a", "cluster.token": "first-secret" });
    const report = await relay.reload({ "cluster.token": "second-secret" });
    assert.deepEqual(
      report.applied.map(({ key }) => key),
      ["cluster.token"],
    );
    assert.doesNotMatch(JSON.stringify([report, relay.relay.settings.configuration(), relay.entries]), /-secret/);
  });

  test("runs once for calls at the same time", async () => {
    const relay = await run();
    const reports = await Promise.all(Array.from({ length: 50 }, () => relay.relay.settings.reload()));
    assert.equal(new Set(reports).size, 1);
    assert.equal(relay.entries.filter(({ msg }) => msg === "configuration checked: unchanged").length, 1);
  });
});

describe("the admin API", () => {
  const ask = async (relay: TestRelay, method: string, path: string, body?: object) => {
    const headers = { Authorization: `Bearer ${ADMIN_SECRET}`, "Content-Type": "application/json" };
    const response = await fetch(relay.admin(`/api/v1${path}`), {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    });
    const answer: unknown = await response.json();
    return answer as { applied: { key: string }[]; failed: Record<string, string>; values: Record<string, unknown>[] };
  };

  test("sets live keys over all other values, also through a reload, until null removes them", async () => {
    const relay = await run({ "limits.sessions": "7" });
    const sessions = () => relay.relay.settings.config.limits.sessions;
    const { applied } = await ask(relay, "PATCH", "/config", { "limits.sessions": "9", "log.level": "error" });
    assert.deepEqual(
      applied.map(({ key }) => key),
      ["limits.sessions", "log.level"],
    );
    assert.equal(sessions(), 9);
    await until(() => relay.relay.logLevels.current.level === "error");
    await ask(relay, "POST", "/reload");
    assert.equal(sessions(), 9);
    const { values } = await ask(relay, "GET", "/config?section=limits");
    const shown = values.find(({ key }) => key === "limits.sessions");
    assert.deepEqual([shown?.["value"], shown?.["origin"]], [9, { kind: "run_time" }]);
    await ask(relay, "PATCH", "/config", { "limits.sessions": null });
    assert.equal(sessions(), 7);
  });

  test("refuses to set keys that need a restart or do not exist, and changes none of the others", async () => {
    const relay = await run();
    const { failed } = await ask(relay, "PATCH", "/config", {
      "server.port": "1",
      "limits.sesions": "1",
      "limits.sessions": "9",
    });
    assert.deepEqual(failed, { "server.port": "this key needs a restart", "limits.sesions": "there is no such key" });
    assert.equal(relay.relay.settings.config.limits.sessions, 10_000);
  });
});
