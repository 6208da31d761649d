import assert from "node:assert/strict";
import { request } from "node:http";
import { createServer } from "node:net";
import { describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { HealthThread } from "../../relay/health/port.ts";
import { SharedState } from "../../relay/health/shared-state.ts";
import { systemClock } from "../../transport/shared/index.ts";
import { withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";

const MS = 1_000_000n;

test("the shared state is not ready when the main thread is silent, and not live when it is so for long", () => {
  const silence = { blockedMs: 1_000, stuckMs: 30_000 };
  const written = new SharedState();
  const read = new SharedState(written.memory);
  const at = (ms: bigint) => Object.values(read.read(ms * MS, silence));
  assert.deepEqual(at(0n), [false, false], "before the first beat");
  written.beat(5_000n * MS, { ready: true, live: true });
  assert.deepEqual(at(5_999n), [true, true]);
  assert.deepEqual(at(6_000n), [false, true]);
  assert.deepEqual(at(34_999n), [false, true]);
  assert.deepEqual(at(35_000n), [false, false]);
  written.beat(40_000n * MS, { ready: false, live: true });
  assert.deepEqual(at(40_000n), [false, true]);
});

async function withPort(use: (port: HealthThread, state: { ready: boolean; live: boolean }) => Promise<void>) {
  const state = { ready: true, live: true };
  const silence = { blockedMs: 1_000, stuckMs: 2_000 };
  const warn = (message: string) => assert.fail(message);
  const port = await HealthThread.open({
    clock: systemClock,
    host: "127.0.0.1",
    port: 0,
    silence,
    state: () => state,
    warn,
  });
  try {
    await use(port, state);
  } finally {
    await port.close();
  }
}

function get(port: HealthThread, path: string, method = "GET"): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  request({ host: "127.0.0.1", port: port.address?.port, path, method, agent: false }, (response) => {
    let body = "";
    response.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    response.once("end", () => resolve({ status: response.statusCode ?? 0, body }));
  })
    .once("error", reject)
    .end();
  return promise;
}

describe("the health port", () => {
  test("answers 200 or 503 and nothing else", () =>
    withPort(async (port, state) => {
      const answers = async () => {
        const paths = ["/health/ready", "/readyz?x=1", "/healthz", "/health/live", "/livez"];
        const all = await Promise.all(paths.map((path) => get(port, path)));
        assert.ok(all.every(({ body }) => body === ""));
        return all.map(({ status }) => status);
      };
      assert.deepEqual(await answers(), [200, 200, 200, 200, 200]);
      state.ready = false;
      await until(async () => (await answers()).join() === "503,503,503,200,200");
      state.live = false;
      await until(async () => (await answers()).join() === "503,503,503,503,503");
      assert.deepEqual(await get(port, "/metrics"), { status: 404, body: "" });
      assert.deepEqual(await get(port, "/health/ready", "POST"), { status: 405, body: "" });
    }));

  test("answers while the event loop of the relay is blocked: soon not ready, in the end not live, and well again afterwards", () =>
    withPort(async (port) => {
      // This thread is blocked, so another one asks.
      const asked = new Worker(
        `const { workerData, parentPort } = require("node:worker_threads");
         const ask = async (path) => (await fetch("http://127.0.0.1:" + workerData + path)).status;
         const seen = new Set();
         let begun = false;
         const round = async () => {
           const ready = await ask("/health/ready");
           seen.add(ready + " " + (await ask("/health/live")));
           if (seen.size === 1 && !begun) parentPort.postMessage("begins"), (begun = true);
           if (seen.has("503 503")) parentPort.postMessage([...seen]);
           else setTimeout(round, 20);
         };
         round();`,
        { eval: true, workerData: port.address?.port },
      );
      const seen: unknown[] = [];
      asked.on("message", (message) => seen.push(message));
      await until(() => seen.length === 1);
      const end = performance.now() + 2_600;
      while (performance.now() < end);
      await until(() => seen.length === 2);
      assert.deepEqual(seen[1], ["200 200", "503 200", "503 503"]);
      await until(async () => (await get(port, "/readyz")).status === 200);
      assert.equal((await get(port, "/livez")).status, 200);
      await asked.terminate();
    }));

  test("that is taken fails to open with the system's error", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const address = taken.address();
    assert.ok(address !== null && typeof address === "object");
    const options = { host: "127.0.0.1", port: address.port, silence: { blockedMs: 1_000, stuckMs: 2_000 } };
    const opened = HealthThread.open({
      clock: systemClock,
      ...options,
      state: () => ({ ready: true, live: true }),
      warn: () => {},
    });
    await assert.rejects(opened, { code: "EADDRINUSE" });
    taken.close();
  });
});

describe("a relay", () => {
  test("answers on its health port and, where that is switched on, on its public port", () =>
    withRelay(
      { "http.health_port": "0", "http.health_host": "127.0.0.1", "http.public_health": "true" },
      async (relay) => {
        const port = relay.relay.healthAddress?.port;
        const ask = async (url: URL | string) => {
          const response = await fetch(url);
          return [response.status, await response.text()];
        };
        await until(async () => (await ask(`http://127.0.0.1:${port}/readyz`))[0] === 200);
        assert.deepEqual(await ask(relay.at("http", "/health/ready")), [200, ""]);
        assert.deepEqual(await ask(relay.at("http", "/health/live")), [200, ""]);
        const draining = relay.relay.drain("the test says so");
        await until(async () => (await ask(`http://127.0.0.1:${port}/readyz`).catch(() => [503]))[0] === 503);
        await draining;
      },
    ));

  test("says nothing of its health on the public port by default", () =>
    withRelay({}, async (relay) => {
      assert.equal((await fetch(relay.at("http", "/health/ready"))).status, 404);
      assert.equal(relay.relay.healthAddress, undefined);
    }));
});
