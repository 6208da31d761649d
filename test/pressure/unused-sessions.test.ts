import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { IdleTimes } from "../../relay/host/idle-times.ts";
import { UnusedSessions } from "../../relay/pressure/unused-sessions.ts";
import { dialling, openClient } from "../support/client.ts";
import { publishTo } from "../support/publisher.ts";
import { withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";

function checked() {
  const clock = new ManualClock();
  const use = { running: 0, announced: 0, viewing: 0, activity: 0, sentPayload: 0, queuedBytes: 0 };
  const ended: string[] = [];
  const session = {
    use: () => ({ ...use }),
    end: (reason: string, message: string) => ended.push(`${reason}: ${message}`),
  };
  const settings = { timeoutMs: 60_000, cluster: false };
  const idle = new IdleTimes(clock);
  let count = 0;
  const unused = new UnusedSessions({
    clock,
    sessions: () => [{ cluster: settings.cluster, session, idleMs: () => idle.of(session) }],
    timeoutMs: () => settings.timeoutMs,
    count: () => count++,
  });
  unused.start();
  return { clock, use, ended, settings, unused, count: () => count };
}

describe("a session that does nothing", () => {
  test("is closed after the time-out", () => {
    const { clock, ended, count, unused } = checked();
    clock.advance(60_000);
    assert.deepEqual(ended, []);
    clock.advance(10_000);
    assert.match(ended[0] ?? "", /^timeout: the session published nothing and asked for nothing for 60 s/);
    assert.ok(count() >= 1);
    unused.close();
    assert.equal(clock.pending, 0);
  });

  test("stays while it asks or publishes, and for the time-out after each request", () => {
    const { clock, use, ended } = checked();
    for (const key of ["running", "announced"] as const) {
      use[key] = 1;
      clock.advance(600_000);
      use[key] = 0;
    }
    for (let fetches = 0; fetches < 10; fetches++) {
      clock.advance(50_000);
      use.activity += 1;
    }
    assert.deepEqual(ended, []);
    clock.advance(70_000);
    assert.ok(ended.length > 0);
  });

  test("gets the whole time-out after its last request has ended", () => {
    const { clock, use, ended } = checked();
    use.running = 1;
    clock.advance(600_000);
    use.running = 0;
    clock.advance(50_000);
    assert.deepEqual(ended, []);
  });

  test("stays for ever with a time-out of 0, and when it is a relay of the mesh", () => {
    const { clock, ended, settings } = checked();
    settings.cluster = true;
    clock.advance(600_000);
    Object.assign(settings, { cluster: false, timeoutMs: 0 });
    clock.advance(600_000);
    assert.deepEqual(ended, []);
  });

  test("is closed by a relay, with a code; viewers and publishers stay", async () => {
    await withRelay({ "limits.unused_timeout": "400ms" }, async (relay) => {
      const { url } = relay;
      const dial = dialling(url, { trust: { kind: "system" }, protocol: "moq-lite-04", timeoutMs: 5_000 });
      const publisher = await publishTo(relay.url, "live", "video", [["frame"]]);
      const watcher = await openClient(dial, { announcePrefix: "" });
      const idle = await openClient(dial);
      const { message } = await idle.ended;
      assert.match(message, /published nothing and asked for nothing/);
      await until(() => relay.counters.boundsHit.unused_timeout === 1);
      const closed = await until(() => relay.entries.find((entry) => entry["msg"] === "session closed"));
      assert.equal(closed["reason"], "timeout");
      assert.equal(relay.counters.sessionsActive >= 2, true, "the publisher and the watcher are there");
      publisher.session.close(0, "done");
      watcher.client.session.close(0, "done");
    });
  });
});
