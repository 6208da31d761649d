/** What each cloud's metadata service says about the end of a machine, against a stub of it. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import type { Notice, NoticeSource } from "../../machine/notices/contract.ts";
import { isMetadataUrl, noticesOf } from "../../machine/notices/index.ts";
import { NoticeWatch } from "../../machine/notices/watch.ts";
import { awsReply, MetadataServer } from "../support/metadata-server.ts";
import { until } from "../support/until.ts";

const NOW = Date.parse("2026-11-29T12:00:00Z");

let server: MetadataServer;
let clock: ManualClock;
before(async () => {
  server = await MetadataServer.open();
});
after(() => server.close());
beforeEach(() => {
  clock = new ManualClock();
  server.seen.length = 0;
});

const source = (cloud: "aws" | "google" | "azure") =>
  noticesOf({ cloud, url: server.url, clock, wallNow: () => NOW + clock.now(), everyMs: 5_000 });

describe("AWS", () => {
  test("says nothing, then names an interruption, a scale-in and a recommendation", async () => {
    const entries = new Map<string, string>([["autoscaling/target-lifecycle-state", "InService"]]);
    server.reply = awsReply(entries);
    const aws = source("aws");
    assert.deepEqual(await aws.poll(), []);
    entries.set("spot/instance-action", '{"action":"terminate","time":"2026-11-29T12:02:00Z"}');
    entries.set("autoscaling/target-lifecycle-state", "Terminated");
    entries.set("events/recommendations/rebalance", '{"noticeTime":"2026-11-29T11:59:00Z"}');
    const notices = await aws.poll();
    assert.deepEqual(
      notices.map(({ kind, endsAt }) => [kind, endsAt]),
      [
        ["interruption", NOW + 120_000],
        ["scale_in", undefined],
        ["rebalance", undefined],
      ],
    );
    assert.equal(notices[0]?.text, "AWS will terminate this spot instance at 2026-11-29T12:02:00Z");
    assert.equal(server.seen.filter(({ method }) => method === "PUT").length, 1);
  });

  test("renews its token in time, and after a refusal", async () => {
    server.reply = awsReply(new Map());
    const aws = source("aws");
    const tokens = () => server.seen.filter(({ method }) => method === "PUT").length;
    await aws.poll();
    clock.advance(10_801_000);
    await aws.poll();
    assert.equal(tokens(), 2);
    const sound = server.reply;
    server.reply = ({ method }) => (method === "PUT" ? { text: "other" } : { status: 401 });
    await assert.rejects(aws.poll(), /401/);
    server.reply = sound;
    assert.deepEqual(await aws.poll(), []);
    assert.equal(tokens(), 3);
  });

  test("is not believed when its answer is no notice", async () => {
    const aws = source("aws");
    for (const text of ["{}", "null", "<html>", '{"action":"dance","time":"2026-11-29T12:02:00Z"}']) {
      server.reply = awsReply(new Map([["spot/instance-action", text]]));
      await assert.rejects(aws.poll(), Error, text);
    }
  });
});

describe("Google Cloud", () => {
  const google = { "Metadata-Flavor": "Google" };

  test("is asked to wait for a change, and names preemption and maintenance", async () => {
    let preempted = "FALSE";
    let maintenance = "NONE";
    server.reply = ({ target, headers }) => {
      assert.equal(headers["metadata-flavor"], "Google");
      return target.includes("maintenance-event")
        ? { headers: google, text: maintenance }
        : { headers: { ...google, ETag: "abc/1" }, text: preempted };
    };
    const one = source("google");
    assert.deepEqual(await one.poll(), []);
    assert.deepEqual(await one.poll(), []);
    assert.deepEqual(
      server.seen.filter(({ target }) => target.includes("preempted")).map(({ target }) => target.split("?")[1]),
      [undefined, "wait_for_change=true&timeout_sec=5&last_etag=abc%2F1"],
    );
    maintenance = "MIGRATE_ON_HOST_MAINTENANCE";
    assert.deepEqual(await one.poll(), []);
    preempted = "TRUE";
    maintenance = "TERMINATE_ON_HOST_MAINTENANCE";
    const first = (await one.poll()).map(({ kind, endsAt }) => [kind, endsAt]);
    assert.deepEqual(first, [
      ["interruption", NOW + 30_000],
      ["maintenance", NOW + 60_000],
    ]);
    // The time counts from the first answer that said so.
    clock.advance(10_000);
    assert.deepEqual((await one.poll())[0]?.endsAt, NOW + 30_000);
  });

  test("is not believed when another server answers", async () => {
    server.reply = () => ({ text: "TRUE" });
    await assert.rejects(source("google").poll(), /not Google's/);
  });
});

describe("Azure", () => {
  const event = (more: object = {}) => ({
    EventId: "e1",
    EventType: "Preempt",
    EventStatus: "Scheduled",
    ResourceType: "VirtualMachine",
    Resources: ["relays_3"],
    NotBefore: "Sun, 29 Nov 2026 12:00:30 GMT",
    ...more,
  });
  const reply =
    (...events: object[]): MetadataServer["reply"] =>
    ({ target, method, headers }) => {
      if (headers["metadata"] !== "true") return { status: 400 };
      if (target.includes("/compute/name")) return { text: "relays_3" };
      return method === "POST" ? { text: "" } : { text: JSON.stringify({ DocumentIncarnation: 1, Events: events }) };
    };

  test("names events of this machine that end it, and learns that they may begin", async () => {
    const azure = source("azure");
    server.reply = reply(
      event({ EventId: "other", Resources: ["relays_4"] }),
      event({ EventId: "pause", EventType: "Freeze" }),
    );
    assert.deepEqual(await azure.poll(), []);
    server.reply = reply(event(), event({ EventId: "e2", EventType: "Terminate", NotBefore: "" }));
    const notices = await azure.poll();
    assert.deepEqual(
      notices.map(({ kind, id, endsAt }) => [kind, id, endsAt]),
      [
        ["interruption", "e1", NOW + 30_000],
        ["scale_in", "e2", NOW],
      ],
    );
    await azure.acknowledge?.(notices[0] as Notice);
    const { method, body } = server.seen.at(-1) ?? {};
    assert.deepEqual([method, body], ["POST", '{"StartRequests":[{"EventId":"e1"}]}']);
  });
});

describe("a metadata service", () => {
  test("that does not answer, redirects or answers too much is refused", async () => {
    const aws = source("aws");
    server.reply = () => ({ status: 302, headers: { Location: "http://127.0.0.1:1/" } });
    await assert.rejects(aws.poll());
    server.reply = () => ({ text: "x".repeat(70_000) });
    await assert.rejects(aws.poll(), /more than 65536 bytes/);
    server.reply = () => new Promise(() => {});
    const late = assert.rejects(aws.poll(), /no answer within 5000 ms/);
    await until(() => {
      clock.advance(1_000);
      return server.seen.length === 3 && clock.now() > 20_000;
    });
    await late;
  });

  test("has an address that is this machine's or link-local", () => {
    for (const url of [
      "http://169.254.169.254",
      "http://127.0.0.1:1338/",
      "http://[::1]:80",
      "http://[fe80::1]",
      "http://[fd00:ec2::254]",
      "http://[fd20:ce::254]",
    ]) {
      assert.equal(isMetadataUrl(url), true, url);
    }
    for (const url of [
      "https://169.254.169.254",
      "http://10.0.0.1",
      "http://metadata.google.internal",
      "http://localhost",
      "http://169.254.169.254.example.com",
      "http://user@169.254.169.254",
      "http://[fd00:ec2::253]",
      "http://[::ffff:10.0.0.1]",
      "file:///etc/passwd",
      "169.254.169.254",
    ]) {
      assert.equal(isMetadataUrl(url), false, url);
    }
  });
});

describe("the watch of notices", () => {
  const notice = (id: string, kind: Notice["kind"] = "interruption"): Notice => ({ kind, id, endsAt: 1, text: id });

  function watching(rebalance = false) {
    let answer: readonly Notice[] | Error = [];
    const events: string[] = [];
    let polls = 0;
    const polled: NoticeSource = {
      poll: () => {
        polls += 1;
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
      },
    };
    const watch = new NoticeWatch({
      source: polled,
      clock,
      everyMs: 5_000,
      rebalance,
      noticed: ({ id }) => void events.push(`noticed ${id}`),
      recommended: ({ id }) => void events.push(`recommended ${id}`),
      withdrawn: ({ id }) => void events.push(`withdrawn ${id}`),
      log: { warn: () => void events.push("warned"), info: () => void events.push("recovered") },
    });
    const next = async (then: readonly Notice[] | Error) => {
      answer = then;
      const before = polls;
      if (before === 0) watch.start();
      else {
        await until(() => {
          clock.advance(5_000);
          return polls > before;
        });
      }
      await until(() => watch.polls.ok + watch.polls.failed === polls);
    };
    return { watch, events, next };
  }

  test("tells of a notice once, and of its withdrawal after two polls without it", async () => {
    const { watch, events, next } = watching();
    await next([]);
    await next([notice("a")]);
    await next([notice("a")]);
    assert.deepEqual(events, ["noticed a"]);
    await next([]);
    await next([notice("a")]);
    await next([]);
    assert.equal(watch.current?.id, "a");
    await next([]);
    assert.deepEqual(events, ["noticed a", "withdrawn a"]);
    assert.equal(watch.current, undefined);
  });

  test("counts and reports a service that does not answer once, and keeps its notice", async () => {
    const { watch, events, next } = watching();
    await next([notice("a")]);
    for (let poll = 0; poll < 3; poll++) await next(new Error("down"));
    await next([notice("a")]);
    assert.deepEqual(events, ["noticed a", "warned", "recovered"]);
    assert.deepEqual(watch.polls, { ok: 2, failed: 3 });
  });

  test("leaves a recommendation to the operator, unless it is asked to act", async () => {
    const cautious = watching();
    await cautious.next([notice("r", "rebalance")]);
    await cautious.next([notice("r", "rebalance")]);
    assert.deepEqual(cautious.events, ["recommended r"]);
    await cautious.next([notice("r", "rebalance"), notice("a")]);
    assert.deepEqual(cautious.events, ["recommended r", "noticed a"]);
    const eager = watching(true);
    await eager.next([notice("r", "rebalance")]);
    assert.deepEqual(eager.events, ["noticed r"]);
  });
});
