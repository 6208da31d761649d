import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisConnection } from "../../cluster/registry/redis/connection.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";

const LEASE_MS = 2_000;

test("a root tries a lost Redis again at least four times in a lease, however long Redis is down", async () => {
  const clock = new ManualClock();
  const attempts: number[] = [];
  const dial = () => {
    attempts.push(clock.now());
    return Promise.reject(new Error("refused"));
  };
  const events = { up: () => {}, down: () => {}, message: () => {} };
  const connection = new RedisConnection({ clock, random: () => 1, dial, leaseMs: LEASE_MS }, events);
  for (let passed = 0; passed < 20 * LEASE_MS; passed += 50) {
    clock.advance(50);
    await new Promise((resolve) => setImmediate(resolve));
  }
  connection.close();
  const waits = attempts.slice(1).map((at, index) => at - (attempts[index] ?? 0));
  assert.ok(Math.max(...waits) <= LEASE_MS / 4 + 50, waits.join());
  assert.ok(attempts.length >= 4 * 19, `${attempts.length} attempts`);
});
