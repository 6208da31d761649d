import assert from "node:assert/strict";
import { connect as connectTcp } from "node:net";
import { describe, test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { connect } from "../../relay/client/client.ts";
import { HANDSHAKE_METRICS, HandshakeRate } from "../../relay/pressure/handshake-rate.ts";
import { createEngine } from "../../transport/engines.ts";
import { systemClock } from "../../transport/shared/index.ts";
import { type TestRelay, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";

/** A TCP connection: true when the relay keeps it until it gets a request, false when the relay cuts it. */
async function kept(port: number): Promise<boolean> {
  const socket = connectTcp(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write("GET /certificate.sha256 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  let bytes = 0;
  socket.on("data", (chunk) => {
    bytes += chunk.length;
  });
  // A connection that is cut may have an error before its close.
  await new Promise((resolve) => socket.once("close", resolve));
  return bytes > 0;
}

function limited({ counters }: TestRelay) {
  return Object.fromEntries(
    counters.samples(HANDSHAKE_METRICS.metrics.limited).map(([{ plane = "" }, count]) => [plane, Number(count)]),
  );
}

const engine = await createEngine("auto", { clock: systemClock, warn: () => {} });
const skip = engine.name === "native" ? false : "only the native engine bounds its handshakes";

describe("the handshake rate", () => {
  test("takes a burst of TCP connections, then the rate; 0 is no bound", () => {
    const clock = new ManualClock();
    const rate = new HandshakeRate(clock, { perSecond: 10, burst: 3 });
    const take = (count: number) => Array.from({ length: count }, rate.takeTcp).filter(Boolean).length;
    assert.equal(take(8), 3);
    assert.equal(rate.limited.tcp, 5);
    clock.advance(200);
    assert.equal(take(8), 2);
    rate.set({ perSecond: 0, burst: 3 });
    assert.equal(take(100), 100);
  });

  test("gives its bound to the engine, also after a reload", () => {
    const calls: [number, number][] = [];
    const rate = new HandshakeRate(new ManualClock(), { perSecond: 10, burst: 3 });
    rate.use({ limitHandshakes: (perSecond, burst) => calls.push([perSecond, burst]) });
    rate.set({ perSecond: 10, burst: 3 });
    rate.set({ perSecond: 20, burst: 3 });
    assert.deepEqual(calls, [
      [10, 3],
      [20, 3],
    ]);
  });

  test("cuts TCP connections above the rate, until a reload raises it", async () => {
    const settings = { "limits.handshake_rate": "1", "limits.handshake_burst": "2" };
    await withRelay(settings, async (relay) => {
      const results = await Promise.all(Array.from({ length: 6 }, () => kept(relay.port)));
      const served = results.filter(Boolean).length;
      assert.ok(served >= 2 && served < 6, `${served} of 6 were served`);
      assert.equal(limited(relay)["tcp"], 6 - served);
      await relay.reload({ "limits.handshake_rate": "0" });
      assert.ok((await Promise.all(Array.from({ length: 20 }, () => kept(relay.port)))).every(Boolean));
    });
  });

  test("ignores QUIC clients above the rate, which come in later", { skip }, async () => {
    const settings = { "limits.handshake_rate": "4", "limits.handshake_burst": "4" };
    await withRelay(settings, async (relay) => {
      const url = relay.at("moql");
      const { trust } = relay;
      const clients = await Promise.all(Array.from({ length: 10 }, () => connect(url, { trust, timeoutMs: 20_000 })));
      await until(() => relay.counters.sessionsActive === 10);
      assert.ok((limited(relay)["quic"] ?? 0) > 0, "some were ignored at first");
      assert.equal(limited(relay)["tcp"], 0);
      for (const client of clients) await client.close();
    });
  });
});
