/** The operations of the admin API, asked of a relay with a publisher and a viewer. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { generateKey, publicJwk, signToken } from "../../auth/index.ts";
import { connect } from "../../relay/client/index.ts";
import { publishTo } from "../support/publisher.ts";
import { type Settings, type TestRelay, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { ask, codeOf, itemsOf } from "./support.ts";

/** Of the document, what the tests read. */
interface OpenApi {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { parameters: { name: string; schema: object }[] }>>>
  >;
}

const GROUPS = [["a0", "a1"], ["b0"]];

/** Runs `work` with a relay at which `live/room` is published over WebSocket. */
function withPublisher(
  work: (relay: TestRelay, publisher: Awaited<ReturnType<typeof publishTo>>) => Promise<void>,
  settings: Settings = {},
): Promise<void> {
  return withRelay({ "log.level": "info", ...settings }, async (relay) => {
    const publisher = await publishTo(relay.at("ws"), "live/room", "video", GROUPS);
    await until(() => relay.counters.broadcastsActive === 1);
    await work(relay, publisher);
  });
}

describe("sessions", () => {
  it("are listed with what they do, by filters and one by one", () =>
    withPublisher(async (relay) => {
      const viewer = await connect(relay.at("ws", "/live"), { trust: { kind: "system" }, timeoutMs: 5_000 });
      const all = await ask(relay, "GET", "/sessions");
      assert.equal(all.body["total"], 2);
      const [publisher] = itemsOf(await ask(relay, "GET", "/sessions?role=publisher"));
      assert.equal(publisher?.["broadcasts"], 1);
      assert.equal(publisher?.["engine"], "qmux");
      assert.match(String(publisher?.["address"]), /^127\.0\.0\.1:\d+$/);
      assert.equal(itemsOf(await ask(relay, "GET", "/sessions?path=/live"))[0]?.["path"], "/live");
      assert.equal((await ask(relay, "GET", "/sessions?path=other")).body["total"], 0);
      assert.equal(itemsOf(await ask(relay, "GET", "/sessions?sort=rate_in&limit=1&offset=1")).length, 1);
      assert.ok(Number(publisher?.["idle_seconds"]) < 60);
      assert.equal((await ask(relay, "GET", "/sessions?sort=idle&min_idle=0")).body["total"], 2);
      assert.equal((await ask(relay, "GET", "/sessions?min_idle=1000")).body["total"], 0);
      const one = await ask(relay, "GET", `/sessions/${String(publisher?.["id"])}`);
      assert.equal(one.body["id"], publisher?.["id"]);
      assert.equal(codeOf(await ask(relay, "GET", "/sessions/none")), "no_such_session");
      await viewer.close();
    }));

  it("are ended one by one and by filters, and their peers read the reason", () =>
    withPublisher(async (relay, publisher) => {
      const [first] = itemsOf(await ask(relay, "GET", "/sessions"));
      assert.equal((await ask(relay, "DELETE", `/sessions/${String(first?.["id"])}?reason=moved`)).status, 200);
      assert.equal((await publisher.closed).message, "moved");
      const again = await publishTo(relay.at("ws"), "live/room", "video", GROUPS);
      assert.equal((await ask(relay, "POST", "/sessions/close", { reason: "all out" })).status, 400);
      assert.deepEqual((await ask(relay, "POST", "/sessions/close", { engine: "qmux" })).body, { closed: 1 });
      assert.equal((await again.closed).message, "closed by an operator");
    }));
});

describe("broadcasts", () => {
  it("are listed under a prefix, with the session that publishes each", () =>
    withPublisher(async (relay) => {
      const [session] = itemsOf(await ask(relay, "GET", "/sessions"));
      const [broadcast] = itemsOf(await ask(relay, "GET", "/broadcasts?prefix=/live/"));
      assert.equal(broadcast?.["path"], "live/room");
      const route = { epoch: "0", hops: 1, cost: 1, ended: false, leaving: false, session: session?.["id"] };
      assert.deepEqual(broadcast?.["routes"], [route]);
      assert.equal((await ask(relay, "GET", "/broadcasts?prefix=liv")).body["total"], 0);
    }));

  it("are ended by ending the session that publishes them", () =>
    withPublisher(async (relay, publisher) => {
      assert.equal(codeOf(await ask(relay, "POST", "/broadcasts/kick", { path: "live" })), "no_such_broadcast");
      const kick = { path: "/live/room", reason: "not on this channel" };
      assert.deepEqual((await ask(relay, "POST", "/broadcasts/kick", kick)).body, { closed: 1 });
      assert.equal((await publisher.closed).message, "not on this channel");
    }));

  it("lose their cached groups by a purge, whose answer counts them", () =>
    withPublisher(async (relay) => {
      const viewer = await connect(relay.at("ws"), { trust: { kind: "system" }, timeoutMs: 5_000 });
      await viewer.fetch({ broadcast: "live/room", track: "video", group: 0, timeoutMs: 5_000 });
      assert.equal(relay.counters.cacheGroups, 1);
      assert.deepEqual((await ask(relay, "POST", "/cache/purge", { prefix: "live", track: "audio" })).body, {
        groups: 0,
        bytes: 0,
      });
      const { body } = await ask(relay, "POST", "/cache/purge", { prefix: "live", track: "video" });
      assert.equal(body["groups"], 1);
      assert.ok(Number(body["bytes"]) >= 4);
      assert.deepEqual([relay.counters.cacheGroups, relay.counters.cacheBytes], [0, 0]);
      await viewer.close();
    }));
});

describe("a drain by the API", () => {
  it("refuses new sessions, asks the open ones to leave, and is taken back", () =>
    withPublisher(
      async (relay, publisher) => {
        assert.equal((await ask(relay, "POST", "/drain", { reason: "patch" })).status, 200);
        assert.equal(codeOf(await ask(relay, "POST", "/drain", {})), "not_serving");
        assert.equal((await fetch(relay.admin("/readyz"))).status, 503);
        await assert.rejects(publishTo(relay.at("ws"), "live/other", "video", GROUPS));
        assert.equal((await publisher.closed).message, "patch");
        assert.equal((await ask(relay, "POST", "/undrain")).status, 200);
        assert.equal(codeOf(await ask(relay, "POST", "/undrain")), "not_drained");
        assert.equal((await fetch(relay.admin("/readyz"))).status, 200);
        const again = await publishTo(relay.at("ws"), "live/room", "video", GROUPS);
        await until(() => relay.counters.broadcastsActive === 1);
        assert.equal((await ask(relay, "POST", "/drain", { exit: true })).status, 200);
        await again.closed;
        await relay.relay.ended;
      },
      { "drain.grace": "50ms" },
    ));

  it("leaves open sessions alone when it is taken back within the grace", () =>
    withPublisher(
      async (relay) => {
        await ask(relay, "POST", "/drain", {});
        await ask(relay, "POST", "/undrain");
        assert.equal(relay.counters.sessionsActive, 1);
        assert.equal(relay.relay.state(), "ready");
      },
      { "drain.grace": "1m" },
    ));
});

describe("the log level", () => {
  it("is read and set, for all or for one part of the relay", () =>
    withRelay({ "log.level": "info" }, async (relay) => {
      assert.deepEqual((await ask(relay, "GET", "/log-level")).body, { level: "info", modules: {} });
      await ask(relay, "PUT", "/log-level", { level: "debug", module: "mesh" });
      const { body } = await ask(relay, "PUT", "/log-level", { level: "warn" });
      assert.deepEqual(body, { level: "warn", modules: { mesh: "debug" } });
      assert.equal((await ask(relay, "PUT", "/log-level", { level: "loud" })).status, 400);
    }));
});

describe("a heap snapshot", () => {
  it("needs a folder, and is refused within a minute of the last one", () =>
    withRelay({}, async (relay) => {
      assert.equal(codeOf(await ask(relay, "POST", "/heap-snapshot")), "not_configured");
      const folder = join(relay.folder, "heap");
      await withRelay({ "http.snapshot_dir": folder }, async (other) => {
        const { body } = await ask(other, "POST", "/heap-snapshot");
        assert.equal((await readFile(String(body["file"]))).length, body["bytes"]);
        assert.equal(codeOf(await ask(other, "POST", "/heap-snapshot")), "too_soon");
      });
    }));
});

describe("rights", () => {
  it("a JWT with `admin` reads or acts as it says, and other credentials do neither", () =>
    withRelay({}, async (outer) => {
      const key = await generateKey({ alg: "ES256", kid: "ops" });
      const file = join(outer.folder, "ops.jwk");
      await import("node:fs/promises").then(({ writeFile }) => writeFile(file, JSON.stringify(publicJwk(key))));
      await withRelay({ "auth.key_file": file, "auth.public_subscribe": "" }, async (relay) => {
        const as = async (claims: Parameters<typeof signToken>[1], method: string, path: string, body?: object) =>
          await ask(relay, method, path, body, { Authorization: `Bearer ${await signToken(key, claims)}` });
        assert.equal((await as({ admin: "read", sub: "ann" }, "GET", "/sessions")).status, 200);
        assert.equal(codeOf(await as({ admin: "read", sub: "ann" }, "POST", "/drain", {})), "right_missing");
        assert.equal((await as({ admin: "write", sub: "ann" }, "POST", "/cache/purge", { prefix: "" })).status, 200);
        assert.equal(codeOf(await as({ get: "" }, "GET", "/sessions")), "admin_required");
        const [entry] = itemsOf(await ask(relay, "GET", "/audit"));
        assert.equal(entry?.["actor"], "token ann of key ops");
        const lines = relay.entries.filter(({ audit }) => audit === true);
        assert.deepEqual(
          lines.map(({ action, status }) => [action, status]),
          [["purgeCache", 200]],
        );
      });
    }));

  it("each action is in the audit with who, what and the result, those that failed too", () =>
    withRelay({}, async (relay) => {
      await ask(relay, "POST", "/cache/purge", { prefix: "a" });
      await ask(relay, "DELETE", "/sessions/none");
      const entries = itemsOf(await ask(relay, "GET", "/audit")).map(({ action, target, status, code, actor }) => [
        action,
        target,
        status,
        code,
        actor,
      ]);
      assert.deepEqual(entries, [
        ["closeSession", "/sessions/none", 404, "no_such_session", "admin_token_file"],
        ["purgeCache", "/cache/purge", 200, undefined, "admin_token_file"],
      ]);
    }));

  it("one address gets 429 beyond its rate, and the answer says when to come back", () =>
    withRelay({ "http.admin_rate": "1", "http.admin_burst": "3" }, async (relay) => {
      for (let n = 0; n < 3; n++) assert.equal((await ask(relay, "GET", "/status")).status, 200);
      const response = await fetch(relay.admin("/api/v1/status"));
      assert.equal(response.status, 429);
      assert.equal(response.headers.get("retry-after"), "1");
      const status = async (path: string) => (await fetch(relay.admin(path))).status;
      // Scrapes have a bound of their own, and probes none.
      for (const path of ["/metrics", "/health", "/metrics"]) assert.equal(await status(path), 200);
      for (const path of ["/metrics", "/health"]) assert.equal(await status(path), 429);
      for (let n = 0; n < 20; n++) assert.equal(await status("/health/live"), 200);
      for (const path of ["/livez", "/readyz", "/healthz", "/health/ready"]) assert.equal(await status(path), 200);
    }));

  it("pages of other origins are refused unless [http] admin_origins names them", () =>
    withRelay({ "http.admin_origins": "http://ops.localhost:81" }, async (relay) => {
      const of = async (origin: string) => await fetch(relay.admin("/api/v1/status"), { headers: { Origin: origin } });
      assert.equal(
        (await of("http://ops.localhost:81")).headers.get("access-control-allow-origin"),
        "http://ops.localhost:81",
      );
      assert.equal((await of("https://evil.example")).status, 403);
    }));
});

describe("the document", () => {
  it("has every operation, and each answers a request with the schema that the document shows", () =>
    withPublisher(async (relay) => {
      const { body } = await ask(relay, "GET", "/openapi.json");
      const paths = body["paths"];
      assert.ok(typeof paths === "object" && paths !== null);
      assert.ok(Object.keys(paths).includes("/api/v1/sessions/{id}"));
      for (const [path, methods] of Object.entries(paths)) {
        if (!("get" in methods) || path.includes("{")) continue;
        const { status } = await ask(relay, "GET", path.slice("/api/v1".length));
        assert.ok([200, 400, 404].includes(status), path);
      }
    }));

  it("gives each parameter a type", () =>
    withRelay({}, async (relay) => {
      const { paths } = (await (await fetch(relay.admin("/api/v1/openapi.json"))).json()) as OpenApi;
      const all = Object.values(paths).flatMap((methods) => Object.values(methods).flatMap((one) => one.parameters));
      assert.ok(all.length > 20);
      for (const { name, schema } of all) assert.ok("type" in schema || "enum" in schema, name);
    }));

  it("requests that fit no operation or no schema get a code", () =>
    withRelay({}, async (relay) => {
      assert.equal(codeOf(await ask(relay, "GET", "/none")), "no_such_path");
      assert.equal(codeOf(await ask(relay, "PUT", "/status", {})), "method_not_allowed");
      for (const query of [
        "?limit=x",
        "?limit=-1",
        "?limit=1&limit=2",
        "?limit=",
        "?limit=0x1",
        "?unknown=1",
        "?role=king",
      ]) {
        assert.equal(codeOf(await ask(relay, "GET", `/sessions${query}`)), "bad_request", query);
      }
      assert.equal(codeOf(await ask(relay, "POST", "/cache/purge", { prefix: 1 })), "bad_request");
      assert.equal(codeOf(await ask(relay, "POST", "/cache/purge")), "not_json");
      // Read as 0, `null` would fit every session.
      assert.equal(codeOf(await ask(relay, "POST", "/sessions/close", { min_age: null })), "bad_request");
      assert.equal(codeOf(await ask(relay, "POST", "/sessions/close", { reason: "no filter" })), "bad_request");
      assert.equal(codeOf(await ask(relay, "DELETE", "/revocations")), "no_such_revocation");
      const { headers } = await fetch(relay.admin("/api/v1/sessions/close"), { method: "PUT" });
      assert.equal(headers.get("allow"), "POST");
    }));
});
