import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ChannelRegistry } from "../../moq/session/index.ts";
import type { HealthReport } from "../../relay/health/contract.ts";
import { Damped } from "../../relay/health/damped.ts";
import { OwnSessions } from "../../relay/health/own-sessions.ts";
import { selfProbe } from "../../relay/health/self-probe.ts";
import { createQmux } from "../../transport/qmux/index.ts";
import { systemClock } from "../../transport/shared/index.ts";
import { missingEngine } from "../support/engines.ts";
import { TestKey } from "../support/keys.ts";
import { type Settings, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";

const OFTEN = { "health.probe_interval": "50ms" };
const PLANES = ["quic_unreachable", "websocket_unreachable"];

/** The checks of the relay's sessions with itself. */
function probes({ checks }: HealthReport) {
  return checks.filter(({ code }) => PLANES.includes(code));
}

for (const engine of ["native", "rwebtransport"]) {
  describe(`a relay on ${engine} that probes itself`, { skip: engine === "native" && missingEngine() }, () => {
    const cases: [what: string, settings: Settings][] = [
      ["", {}],
      ["with IPv6", { "server.host": "::" }],
      ["that serves no address", { "auth.allow": "192.0.2.1" }],
      ["that is full", { "limits.sessions": "1", "auth.sessions_per_address": "1" }],
    ];
    for (const [what, settings] of cases) {
      test(`reaches both its ports, and counts and logs no session: a relay ${what}`, () =>
        withRelay({ ...OFTEN, ...settings, "server.engine": engine }, async ({ relay, counters, captured }) => {
          for (let round = 0; round < 2; round++) {
            await until(() => probes(relay.health()).every(({ ageMs }) => (ageMs ?? 1_000) < 40));
          }
          assert.deepEqual(
            probes(relay.health()).map(({ code, state, message }) => [code, state, message]),
            PLANES.map((code) => [code, "ok", undefined]),
          );
          assert.deepEqual([counters.sessionsOpened, counters.sessionsActive, relay.sessions()], [0, 0, []]);
          assert.deepEqual(
            captured.messages().filter((line) => /session/.test(line)),
            [],
          );
        }));
    }

    test("needs no token where clients need one", async () => {
      const key = await TestKey.make("a");
      const settings = { ...OFTEN, "server.engine": engine, "auth.key_dir": key.folder };
      await withRelay(settings, async ({ relay }) => {
        await until(() => probes(relay.health()).every(({ state }) => state === "ok"));
        assert.deepEqual(relay.reasons(), []);
      });
    });
  });
}

test("a ticket admits one request, until the probe is over; no other request is admitted", () => {
  const own = new OwnSessions({
    clock: systemClock,
    channels: new ChannelRegistry(),
    hop: 1n,
    defect: (error) => assert.fail(String(error)),
  });
  assert.equal(own.take({ query: "" }), undefined);
  const first = own.issue();
  const second = own.issue();
  assert.notEqual(first.query, second.query);
  assert.match(first.query, /^jwt=[\w-]{43}$/);
  for (const query of ["", "jwt=", "jwt=a", `${first.query}x`, first.query.slice(4)]) {
    assert.equal(own.take({ query }), undefined, query);
  }
  assert.equal(typeof own.take(first), "function");
  assert.equal(own.take(first), undefined, "used up");
  second.void();
  assert.equal(own.take(second), undefined, "the probe is over");
});

test("a probe has the time limit and the damping that are configured now", () => {
  const settings = { failures: 3, successes: 2, probeTimeoutMs: 3_000 };
  const own = new OwnSessions({
    clock: systemClock,
    channels: new ChannelRegistry(),
    hop: 1n,
    defect: (error) => assert.fail(String(error)),
  });
  const plane = { code: "quic_unreachable", name: "UDP port 1", url: new URL("https://127.0.0.1:1/") } as const;
  const engine = createQmux({ clock: systemClock, warn: () => {} });
  const trust = () => ({ kind: "insecure" }) as const;
  const deps = { own, warn: () => {}, everyMs: 5_000, settings: () => settings };
  const check = selfProbe({ ...plane, engine, trust, shed: () => 0 }, deps);
  const state = new Damped(check.damping);
  state.add(false);
  Object.assign(settings, { failures: 1, probeTimeoutMs: 9_000 });
  assert.equal(check.timeoutMs, 9_000);
  assert.equal(state.add(true), true);
});
