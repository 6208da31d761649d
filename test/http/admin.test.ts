import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { describe, test } from "node:test";
import * as z from "zod";
import { Places } from "../../auth/index.ts";
import { BOUNDS, Counters, DROP_REASONS } from "../../moq/counters.ts";
import { counter, MAX_LABEL_VALUES, metricGroup } from "../../moq/metrics.ts";
import { AdminServer } from "../../relay/http/admin.ts";
import type { ApiDeps } from "../../relay/http/api/deps.ts";
import { Audit, type Operation, operation } from "../../relay/http/api/index.ts";
import { DIRECT_CLIENTS } from "../../relay/http/clients.ts";
import type { RelayState, RelayView } from "../../relay/http/view.ts";

class FakeView implements RelayView {
  readonly version = "1.2.3";
  readonly engine = "memory";
  readonly counters = new Counters();
  current: RelayState = "starting";
  state(): RelayState {
    return this.current;
  }
  reasons(): string[] {
    return this.current === "ready" ? [] : [this.current];
  }
  health() {
    const ready = this.current === "ready";
    const reasons = this.current === "ready" ? [] : [{ code: this.current, message: "it starts or ends", since: 0 }];
    return { ready, live: true, reasons, warnings: [], checks: [] };
  }
  sessions() {
    return [
      { engine: "memory", protocol: "moq-lite-04", count: 2 },
      { engine: "websocket", protocol: "moq-lite-03", count: 1 },
    ];
  }
  uptimeMs(): number {
    return 4200;
  }
  certificate() {
    return { fingerprint: "ab", notAfter: new Date(1_700_000_000_000), selfSigned: true };
  }
  cluster() {
    return undefined;
  }
}

/** What an admin listener needs for its API: no operations and no credentials unless given. */
function apiOf(more: Partial<ApiDeps> = {}): ApiDeps {
  return {
    operations: [],
    version: "1.2.3",
    clients: DIRECT_CLIENTS,
    authority: { accept: async () => undefined },
    audit: new Audit({ wallNow: () => 0, log: () => {} }),
    rate: { take: () => undefined },
    scrapes: { take: () => undefined },
    openToRead: true,
    origins: () => [],
    refused: () => {},
    counted: () => {},
    failed: (error) => assert.fail(String(error)),
    ...more,
  };
}

/** An operation that ends as `run` does. */
function failing(method: "get" | "post", path: string, run: () => Promise<never>): Operation {
  return operation(
    {
      method,
      path,
      right: "read",
      tag: "test",
      id: path.slice(1),
      summary: "Fails.",
      ...(method === "post" && { body: z.looseObject({}) }),
      answer: z.object({}),
    },
    run,
  );
}

async function withAdmin(
  run: (get: (path: string, method?: string) => Promise<Response>, view: FakeView) => Promise<void>,
) {
  const view = new FakeView();
  const warn = (message: string) => assert.fail(message);
  const admin = await AdminServer.listen({
    host: "127.0.0.1",
    port: 0,
    view,
    places: new Places(10),
    warn,
    api: apiOf(),
  });
  try {
    await run((path, method = "GET") => fetch(`http://127.0.0.1:${admin.address.port}${path}`, { method }), view);
  } finally {
    await admin.close();
  }
}

describe("health", () => {
  test("is live in every state and ready only when the relay accepts sessions", () =>
    withAdmin(async (get, view) => {
      const states: [RelayState, number][] = [
        ["starting", 503],
        ["ready", 200],
        ["draining", 503],
      ];
      for (const [state, status] of states) {
        view.current = state;
        assert.equal((await get("/health/live")).status, 200);
        const ready = await get("/health/ready");
        assert.equal(ready.status, status);
        const body = status === 200 ? { status: "ready", reasons: [] } : { status: "not_ready", reasons: [state] };
        assert.deepEqual(await ready.json(), body);
      }
    }));

  test("shows the details as JSON", () =>
    withAdmin(async (get, view) => {
      view.counters.sessionsActive = 3;
      view.counters.boundsHit.sessions = 7;
      const response = await get("/health");
      assert.match(response.headers.get("content-type") ?? "", /^application\/json/);
      const { memory_bytes: memory, ...detail }: Record<string, unknown> = JSON.parse(await response.text());
      assert.ok(Number(memory) > 0);
      assert.deepEqual(detail, {
        status: "starting",
        reasons: ["starting"],
        version: "1.2.3",
        engine: "memory",
        uptime_seconds: 4,
        sessions: { active: 3, opened: 0, by: view.sessions() },
        broadcasts: 0,
        tracks: 0,
        subscriptions: 0,
        traffic: { bytes_in: 0, bytes_out: 0, groups_in: 0, groups_out: 0, groups_dropped: 0 },
        cache: { bytes: 0, budget: 0, groups: 0 },
        bounds_hit: { sessions: 7 },
        certificate: { fingerprint: "ab", not_after: "2023-11-14T22:13:20.000Z", self_signed: true },
      });
    }));

  test("answers HEAD with the headers of GET, and a query changes nothing", () =>
    withAdmin(async (get) => {
      for (const path of ["/livez", "/readyz?full", "/health", "/metrics?name=a"]) {
        const [head, whole] = [await get(path, "HEAD"), await get(path)];
        assert.equal(head.status, whole.status, path);
        for (const name of ["content-type", "cache-control", "x-content-type-options"])
          assert.equal(head.headers.get(name), whole.headers.get(name), `${name} of ${path}`);
        assert.ok(Number(head.headers.get("content-length")) > 0, path);
        assert.equal(await head.text(), "");
        await whole.body?.cancel();
      }
    }));

  test("answers 404 for unknown paths and other methods", () =>
    withAdmin(async (get) => {
      assert.equal((await get("/")).status, 404);
      assert.equal((await get("/health/")).status, 404);
      assert.equal((await get("/metrics", "POST")).status, 404);
    }));
});

describe("an admin listener on loopback", () => {
  const status = async (path: string, headers: Record<string, string>, bound = "127.0.0.1") => {
    const view = new FakeView();
    const warn = (message: unknown) => assert.fail(String(message));
    const api = apiOf({ openToRead: bound === "127.0.0.1", failed: warn });
    const admin = await AdminServer.listen({ host: bound, port: 0, view, places: new Places(10), warn, api });
    const asked = request({ host: "127.0.0.1", port: admin.address.port, path, headers }).end();
    const [response]: [IncomingMessage] = await new Promise((resolve) =>
      asked.once("response", (...all) => resolve(all)),
    );
    response.resume();
    await admin.close();
    return response.statusCode;
  };

  test("answers requests to loopback hosts, and refuses pages of other origins and rebound names", async () => {
    for (const path of ["/health", "/health/live", "/metrics", "/api/v1/openapi.json", "/api/v1/unknown"]) {
      const found = path === "/api/v1/unknown" ? 404 : 200;
      for (const headers of [
        { Host: "localhost:4444" },
        { Host: "[::1]" },
        { Host: "127.0.0.1", Origin: "http://localhost" },
      ]) {
        assert.equal(await status(path, headers), found, JSON.stringify(headers));
      }
      for (const headers of [
        { Host: "rebound.evil.example:4444" },
        { Host: "127.0.0.1", Origin: "https://evil.example" },
        { Host: "127.0.0.1", Origin: "null" },
        { Host: "10.0.0.1" },
      ]) {
        assert.equal(await status(path, headers), 403, JSON.stringify(headers));
      }
    }
  });

  test("lets a proxy of this machine read only with a credential, because it may serve other machines", async () => {
    const headers = { Host: "localhost", "X-Forwarded-For": "203.0.113.7" };
    for (const path of ["/health", "/metrics"]) assert.equal(await status(path, headers), 401, path);
    assert.equal(await status("/livez", headers), 200);
  });

  test("answers requests to every name when it is not on loopback: probes, and with a credential the rest", async () => {
    const headers = { Host: "relay-1.internal:4444" };
    for (const path of ["/health/live", "/livez"]) assert.equal(await status(path, headers, "0.0.0.0"), 200);
    for (const path of ["/health/ready", "/readyz", "/healthz"])
      assert.equal(await status(path, headers, "0.0.0.0"), 503);
    for (const path of ["/health", "/metrics"]) assert.equal(await status(path, headers, "0.0.0.0"), 401);
  });
});

test("answers 500 for a request that hits a defect, and serves the next one", async () => {
  const view = new FakeView();
  const failures: unknown[] = [];
  const failed = (error: unknown) => void failures.push(error);
  const warn = (message: string) => assert.fail(message);
  const operations = [
    failing("get", "/broken", () => Promise.reject(new Error("at once"))),
    failing("post", "/broken", () => Promise.reject(new Error("later"))),
  ];
  const api = apiOf({ operations, failed });
  const admin = await AdminServer.listen({ host: "127.0.0.1", port: 0, view, places: new Places(10), warn, api });
  const url = `http://127.0.0.1:${admin.address.port}`;
  assert.equal((await fetch(`${url}/api/v1/broken`)).status, 500);
  const headers = { "content-type": "application/json" };
  assert.equal((await fetch(`${url}/api/v1/broken`, { method: "POST", headers, body: "{}" })).status, 500);
  assert.deepEqual(failures, [new Error("at once"), new Error("later")]);
  assert.equal((await fetch(`${url}/health/live`)).status, 200);
  await admin.close();
});

test("counts no defect for a client that leaves during its request", async () => {
  const warn = (message: string) => assert.fail(message);
  const asked = Promise.withResolvers<undefined>();
  const accept = async () => void asked.resolve(undefined);
  const operations = [failing("post", "/broken", () => Promise.reject(new Error("not reached")))];
  const failures: unknown[] = [];
  const failed = (error: unknown) => void failures.push(error);
  const api = apiOf({ operations, authority: { accept }, failed });
  const view = new FakeView();
  const admin = await AdminServer.listen({ host: "127.0.0.1", port: 0, view, places: new Places(10), warn, api });
  const socket = connect(admin.address.port, "127.0.0.1");
  socket.write(
    'POST /api/v1/broken HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"jti"',
  );
  await asked.promise;
  socket.destroy();
  await once(socket, "close");
  assert.equal((await fetch(`http://127.0.0.1:${admin.address.port}/health/live`)).status, 200);
  assert.deepEqual(failures, []);
  await admin.close();
});

test("answers one address while another holds every connection", async () => {
  const places = new Places(2);
  const warn = (message: string) => assert.fail(message);
  const view = new FakeView();
  const admin = await AdminServer.listen({ host: "127.0.0.1", port: 0, view, places, warn, api: apiOf() });
  const { port } = admin.address;
  const silent = [];
  for (let i = 0; i < 3; i++) {
    const socket = connect({ port, host: "127.0.0.1", localAddress: "127.0.0.7" });
    socket.on("error", () => {});
    await once(socket, "connect");
    silent.push(once(socket.resume(), "close"));
  }
  await silent[2];
  assert.equal((await fetch(`http://127.0.0.1:${port}/health/live`)).status, 200);
  await silent[0];
  await admin.close();
});

test("accepts request targets in absolute form, and checks their host", () =>
  withAdmin(async (get) => {
    const { port } = new URL((await get("/health/live")).url);
    const ask = async (target: string) => {
      const socket = connect(Number(port), "127.0.0.1");
      socket.setEncoding("utf8");
      socket.write(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
      let text = "";
      for await (const chunk of socket) text += String(chunk);
      return text.split("\r\n")[0];
    };
    assert.equal(await ask("http://localhost:1/health/live"), "HTTP/1.1 200 OK");
    assert.equal(await ask("http://rebound.example/health/live"), "HTTP/1.1 403 Forbidden");
  }));

describe("metrics", () => {
  const scrape = async (get: (path: string) => Promise<Response>) => {
    const response = await get("/metrics");
    assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
    return (await response.text()).split("\n");
  };

  test("follow the counters from scrape to scrape", () =>
    withAdmin(async (get, view) => {
      for (const value of [5, 8]) {
        view.counters.bytesIn = value;
        view.counters.cacheBytes = value;
        view.counters.groupsDropped.expired = value;
        view.counters.sessionsClosed.remote = value;
        const lines = await scrape(get);
        assert.ok(lines.includes(`moqmesh_received_payload_bytes_total ${value}`));
        assert.ok(lines.includes(`moqmesh_cache_bytes ${value}`));
        assert.ok(lines.includes(`moqmesh_groups_dropped_total{reason="expired"} ${value}`));
        assert.ok(lines.includes(`moqmesh_sessions_closed_total{reason="remote"} ${value}`));
      }
    }));

  test("show sessions by engine and protocol, the build and the certificate", () =>
    withAdmin(async (get, view) => {
      const wanted = [
        'moqmesh_sessions{engine="memory",protocol="moq-lite-04"} 2',
        'moqmesh_sessions{engine="websocket",protocol="moq-lite-03"} 1',
        'moqmesh_build_info{version="1.2.3",engine="memory"} 1',
        "moqmesh_certificate_expiry_timestamp_seconds 1700000000",
        "moqmesh_ready 0",
      ];
      const lines = await scrape(get);
      for (const line of wanted) assert.ok(lines.includes(line), line);
      view.current = "ready";
      assert.ok((await scrape(get)).includes("moqmesh_ready 1"));
    }));

  test("show every bound and drop reason from the start, and limit labels without a closed set", () =>
    withAdmin(async (get, view) => {
      const counts = new Map(Array.from({ length: MAX_LABEL_VALUES + 10 }, (_, i) => [`page-${i}`, 1]));
      const group = metricGroup("Test", { pages: counter("pages_total", "Pages.", { page: "The name of the page." }) });
      view.counters.attach(group, () => ({ pages: counts }));
      const lines = await scrape(get);
      for (const bound of BOUNDS) assert.ok(lines.includes(`moqmesh_bounds_hit_total{bound="${bound}"} 0`));
      for (const reason of DROP_REASONS)
        assert.ok(lines.includes(`moqmesh_groups_dropped_total{reason="${reason}"} 0`));
      const pages = lines.filter((line) => line.startsWith("moqmesh_pages_total{"));
      assert.equal(pages.length, MAX_LABEL_VALUES + 1);
      assert.ok(pages.includes('moqmesh_pages_total{page="other"} 10'));
    }));

  test("all have a prefix and a help text, counters end in _total, and the process and its event loop are included", () =>
    withAdmin(async (get) => {
      const lines = await scrape(get);
      const types = lines.filter((line) => line.startsWith("# TYPE ")).map((line) => line.split(" ").slice(2));
      const helped = lines.filter((line) => /^# HELP \S+ \S/.test(line)).map((line) => line.split(" ")[2]);
      const names = types.map(([name]) => name);
      for (const [name, type] of types) {
        assert.match(name ?? "", /^moqmesh_[a-z0-9_]+$/);
        assert.ok(helped.includes(name), name);
        if (type === "counter") assert.match(name ?? "", /_total$/);
      }
      assert.equal(new Set(names).size, names.length);
      assert.ok(names.includes("moqmesh_process_cpu_seconds_total"));
      assert.ok(names.includes("moqmesh_nodejs_eventloop_lag_p99_seconds"));
    }));

  test("show a group that is declared while the relay runs, at once and with 0", () =>
    withAdmin(async (get, view) => {
      const group = metricGroup("Test", { hits: counter("hits_total", "Hits.") });
      await scrape(get);
      view.counters.declare([group]);
      assert.ok((await scrape(get)).includes("moqmesh_hits_total 0"));
      view.counters.numbers(group).hits++;
      view.counters.numbers(group).hits++;
      assert.ok((await scrape(get)).includes("moqmesh_hits_total 2"));
      view.counters.attach(group, () => undefined);
      assert.ok((await scrape(get)).includes("moqmesh_hits_total 0"));
    }));

  test("are separate for several relays in one process", () =>
    withAdmin((first, one) =>
      withAdmin(async (second, two) => {
        one.counters.joins = 1;
        two.counters.joins = 2;
        assert.ok((await scrape(first)).includes("moqmesh_joins_from_cache_total 1"));
        assert.ok((await scrape(second)).includes("moqmesh_joins_from_cache_total 2"));
      }),
    ));
});
