import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { capabilities } from "../../moq/wire/lite/versions.ts";
import { type TestClient, TestRelay, VERSIONS } from "./support.ts";

/** Broadcasts that are announced to `client`, and those that end, in order. */
function listen(client: TestClient): string[] {
  const log: string[] = [];
  client.broadcasts.watch("", {
    changed: (broadcast) => {
      const route = broadcast.route();
      log.push(route === undefined ? `-${broadcast.path}` : `+${broadcast.path}`);
    },
  });
  return log;
}

describe("a client that subscribes to what it publishes", () => {
  for (const version of VERSIONS) {
    it(`is refused, and the relay does not subscribe at it (${version})`, async () => {
      const relay = await TestRelay.start();
      const client = await relay.connect(version);
      const broadcast = client.publish("live/a");
      await relay.pass(300);
      const viewer = client.watch("live/a");
      const answers: unknown[] = [];
      if (client.session.source.hasInfo) client.session.source.info("live/a", "video", (it) => answers.push(it));
      await relay.pass(100);
      assert.deepEqual(viewer.log, ["closed unroutable"]);
      assert.ok(answers.every((answer) => answer === "unroutable"));
      assert.equal(broadcast.requests.length, 0);
      const other = (await relay.connect(version)).watch("live/a");
      await relay.pass(100);
      broadcast.send(0, "a");
      await relay.pass(100);
      assert.deepEqual(other.groupLines, ["0 finished a"]);
    });
  }
});

describe("a publisher that sends GOAWAY", () => {
  for (const version of VERSIONS.filter((one) => one !== "moq-lite-03")) {
    it(`keeps its viewers and is not announced to new ones, and the next publisher takes over (${version})`, async () => {
      const relay = await TestRelay.start();
      const old = await relay.connect(version);
      const broadcast = old.publish("live/a");
      await relay.pass(300);
      const before = await relay.connect(version, "/", "");
      const heard = listen(before);
      const viewer = before.watch("live/a");
      await relay.pass(300);
      old.session.goaway("");
      await relay.pass(100);
      const after = await relay.connect(version, "/", "");
      const news = listen(after);
      const waiting = after.watch("live/a", undefined, "other");
      broadcast.send(0, "a");
      await relay.pass(300);
      assert.deepEqual(viewer.groupLines, ["0 finished a"]);
      assert.ok(!heard.includes("-live/a"), "viewers who have the broadcast keep it");
      assert.deepEqual(news, []);
      const next = (await relay.connect(version)).publish("live/a");
      await relay.pass(300);
      assert.deepEqual(news, ["+live/a"]);
      next.send(0, "b");
      await relay.pass(300);
      // Where the first hop stands for the content a viewer subscribes again to get another publisher's.
      if (capabilities(version)?.firstHopIdentity === true) assert.equal(viewer.log.at(-1), "closed unroutable");
      else assert.equal(viewer.groupLines.at(-1)?.endsWith("finished b"), true);
      assert.deepEqual(
        waiting.groupLines.map((one) => one.replace(/^\d+/, "")),
        [" finished b"],
      );
      assert.deepEqual(relay.defects, []);
    });
  }

  it("is announced as the most expensive route where announcements can be updated", async () => {
    const relay = await TestRelay.start();
    const old = await relay.connect();
    old.publish("live/a");
    await relay.pass(100);
    const watcher = await relay.connect("moq-lite-06-wip", "/", "");
    await relay.pass(100);
    old.session.goaway("");
    await relay.pass(100);
    assert.ok((watcher.broadcasts.broadcast("live/a")?.route()?.advertisement.cost ?? 0) > 1_000_000);
  });
});

describe("a broadcast beyond the bound on all broadcasts", () => {
  it("is reported once for its session, and published as soon as there is a place", async () => {
    const relay = await TestRelay.start({ model: { broadcasts: 1 } });
    const first = (await relay.connect()).publish("live/a");
    await relay.pass(100);
    const client = await relay.connect();
    for (const path of ["live/b", "live/c"]) client.publish(path);
    await relay.pass(100);
    assert.deepEqual(relay.refused, ["live/b limit"]);
    assert.equal(relay.counters.boundsHit.broadcasts, 2);
    first.end();
    await relay.pass(100);
    assert.deepEqual(
      [...relay.broadcasts.list()].map(({ path }) => path),
      ["live/b"],
    );
  });

  it("stops waiting for a place when its session ends", async () => {
    const relay = await TestRelay.start({ model: { broadcasts: 1 } });
    const first = (await relay.connect()).publish("live/a");
    const gone = await relay.connect();
    gone.publish("live/b");
    await relay.pass(100);
    gone.session.close(0, "");
    await relay.pass(100);
    first.end();
    await relay.pass(100);
    assert.deepEqual([...relay.broadcasts.list()], []);
  });
});
