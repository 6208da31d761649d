import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { type DropCause, Endpoint } from "../../relay/webhooks/endpoint.ts";
import type { QueuedEvent } from "../../relay/webhooks/events.ts";

let ids = 0;

function event(key: string, id = `msg_${++ids}`): QueuedEvent {
  const data = { node: "edge-1", session: "s-1", tenant: "" };
  return { id, type: "publish", timestamp: "2026-01-01T00:00:00.000Z", data, key };
}

/** A receiver that answers when the test says so. */
function receiver({ queue = 100, retryForMs = 600_000 } = {}) {
  const clock = new ManualClock();
  const open: { readonly id: string; readonly body: string; readonly answer: (why?: string) => Promise<void> }[] = [];
  const dropped: [DropCause, string][] = [];
  const log: string[] = [];
  const endpoint = new Endpoint({
    clock,
    random: () => 1,
    post: ({ id }, body) =>
      new Promise((resolve) => {
        const answer = async (why?: string) => {
          resolve(why);
          await turn();
        };
        open.push({ id, body, answer });
      }),
    delivered: () => log.push("delivered"),
    failed: (why, first) => log.push(`${first ? "first " : ""}${why}`),
    recovered: () => log.push("recovered"),
    dropped: (cause, { id }) => dropped.push([cause, id]),
    queue: () => queue,
    retryForMs: () => retryForMs,
  });
  return { clock, endpoint, open, dropped, log };
}

describe("delivery of webhooks", () => {
  test("is in order for one broadcast, and does not wait for another one", async () => {
    const { endpoint, open } = receiver();
    endpoint.push(event("a", "a1"));
    endpoint.push(event("a", "a2"));
    endpoint.push(event("b", "b1"));
    assert.deepEqual(
      open.map(({ id }) => id),
      ["a1", "b1"],
    );
    await open[0]?.answer();
    assert.deepEqual(
      open.map(({ id }) => id),
      ["a1", "b1", "a2"],
    );
    assert.equal(endpoint.queued, 2);
  });

  test("has at most eight requests under way", async () => {
    const { endpoint, open } = receiver();
    for (let one = 0; one < 20; one++) endpoint.push(event(`key ${one}`));
    assert.equal(open.length, 8);
    await open[3]?.answer();
    assert.equal(open.length, 9);
  });

  test("is tried again, each time after about twice as long, with the same id", async () => {
    const { clock, endpoint, open, log } = receiver();
    endpoint.push(event("a", "a1"));
    for (const waitMs of [500, 1_000, 2_000]) {
      await open.at(-1)?.answer("status 503");
      const before = open.length;
      clock.advance(waitMs - 1);
      assert.equal(open.length, before);
      clock.advance(1);
      assert.equal(open.length, before + 1);
    }
    await open.at(-1)?.answer();
    assert.deepEqual(new Set(open.map(({ id }) => id)), new Set(["a1"]));
    assert.deepEqual(log, ["first status 503", "status 503", "status 503", "delivered", "recovered"]);
    assert.equal(endpoint.queued, 0);
  });

  test("ends after the time for retries, and the next event of the broadcast follows", async () => {
    const { clock, endpoint, open, dropped } = receiver({ retryForMs: 1_200 });
    endpoint.push(event("a", "a1"));
    endpoint.push(event("a", "a2"));
    await open[0]?.answer("ECONNREFUSED");
    clock.advance(500);
    await open[1]?.answer("ECONNREFUSED");
    assert.deepEqual(dropped, [["retried_out", "a1"]]);
    assert.equal(open.at(-1)?.id, "a2");
    assert.equal(JSON.parse(open.at(-1)?.body ?? "").missed, 1, "the receiver learns that it missed one");
  });

  test("drops new events when the queue is full, and says how many with the next one", async () => {
    const { endpoint, open, dropped } = receiver({ queue: 2 });
    for (const id of ["a1", "a2", "a3", "a4"]) endpoint.push(event("a", id));
    assert.deepEqual(dropped, [
      ["queue_full", "a3"],
      ["queue_full", "a4"],
    ]);
    await open[0]?.answer();
    assert.equal(JSON.parse(open[1]?.body ?? "").missed, 2);
    await open[1]?.answer();
    endpoint.push(event("a", "a5"));
    assert.equal(JSON.parse(open[2]?.body ?? "").missed, undefined, "once");
  });

  test("goes on for a moment when the relay ends, and drops the rest", async () => {
    const { clock, endpoint, open, dropped } = receiver();
    endpoint.push(event("a", "a1"));
    endpoint.push(event("a", "a2"));
    const closed = endpoint.close(2_000);
    await open[0]?.answer();
    endpoint.push(event("a", "a3"));
    clock.advance(2_000);
    await closed;
    assert.deepEqual(dropped, [
      ["closed", "a3"],
      ["closed", "a2"],
    ]);
    await open[1]?.answer("status 500");
    assert.equal(clock.pending, 0);
  });
});
