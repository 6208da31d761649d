import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { ServiceState, serviceStatus } from "../../machine/service/state.ts";

function service(env: NodeJS.ProcessEnv = {}) {
  const clock = new ManualClock();
  const sent: string[] = [];
  const relay = { live: true, status: "Ready: 0 sessions" };
  const state = new ServiceState({
    send: (lines) => sent.push(lines.join(" ")),
    clock,
    env,
    pid: 10,
    live: () => relay.live,
    status: () => relay.status,
    monotonicUs: () => 1_234n,
  });
  const take = () => sent.splice(0);
  return { clock, relay, state, take };
}

describe("a service of systemd", () => {
  test("says that it is ready, what it does, that it reloads, and for how long it ends", () => {
    const { clock, relay, state, take } = service();
    state.ready();
    assert.deepEqual(take(), ["READY=1 STATUS=Ready: 0 sessions"]);
    clock.advance(60_000);
    assert.deepEqual(take(), [], "an unchanged status is not sent again, and there is no watchdog");
    relay.status = "Ready: 1 session";
    clock.advance(5_000);
    assert.deepEqual(take(), ["STATUS=Ready: 1 session"]);
    state.reloading();
    state.reloaded();
    assert.deepEqual(take(), ["RELOADING=1 MONOTONIC_USEC=1234 STATUS=Reloading", "READY=1 STATUS=Ready: 1 session"]);
    state.stopping("Draining (SIGTERM)", 40_000);
    assert.deepEqual(take(), ["STOPPING=1 STATUS=Draining (SIGTERM) EXTEND_TIMEOUT_USEC=40000000"]);
    state.reloading();
    state.reloaded();
    clock.advance(60_000);
    assert.deepEqual(take(), [], "a relay that ends is not ready again");
  });

  test("feeds the watchdog three times in its time-out, while the relay is live", () => {
    const { clock, relay, state, take } = service({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "10" });
    state.ready();
    take();
    clock.advance(30_000);
    assert.deepEqual(take(), ["WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]);
    relay.live = false;
    clock.advance(30_000);
    assert.deepEqual(take(), []);
    relay.live = true;
    state.stopping("Draining", 1);
    take();
    clock.advance(10_000);
    assert.deepEqual(take(), ["WATCHDOG=1"], "a drain is watched as well");
    state.close();
    clock.advance(60_000);
    assert.deepEqual(take(), []);
  });

  test("leaves the watchdog of another process alone", () => {
    for (const [pid, fed] of [
      ["77", false],
      ["10", true],
    ] as const) {
      const { clock, state, take } = service({ WATCHDOG_USEC: "3000000", WATCHDOG_PID: pid });
      state.ready();
      clock.advance(1_000);
      assert.equal(take().includes("WATCHDOG=1"), fed, pid);
    }
  });

  test("has a status line with the load and the reasons", () => {
    assert.equal(serviceStatus({ reasons: [], sessions: 1, broadcasts: 2 }), "Ready: 1 session, 2 broadcasts");
    assert.equal(
      serviceStatus({ reasons: ["no_root", "memory_high"], sessions: 0, broadcasts: 1 }),
      "Not ready (no_root, memory_high): 0 sessions, 1 broadcast",
    );
  });
});
