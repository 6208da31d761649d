/** Requests of one relay to another name the epoch that they mean, in each mesh version. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Source, SubscribeOptions } from "../../moq/model/contract.ts";
import { FetchIntoGroup } from "../../moq/model/fetched-group.ts";
import { groupRange } from "../../moq/model/locations.ts";
import { MESH_PROTOCOLS } from "../../moq/session/index.ts";
import { LIVE, type TestClient, TestGroup, TestRelay, TestViewer, TRACK } from "./support.ts";

const PATH = "live/a";
/** Milliseconds that a relay keeps a request for an epoch that it does not know yet. */
const BEHIND_MS = 250;

async function scene(mesh: string, version = mesh) {
  const relay = await TestRelay.start({ mesh: true });
  const first = (await relay.connect(mesh)).publish(PATH);
  const client = await relay.connect(version);
  await relay.pass(100);
  return { relay, first, client };
}

function atEpoch({ session }: TestClient, epoch: bigint): Source {
  const source = session.source.ofEpoch?.(epoch);
  assert.ok(source);
  return source;
}

/** Asks in each of the three ways, and collects how each one ends. */
function askAll(source: Source, options: SubscribeOptions = LIVE) {
  const viewer = new TestViewer();
  viewer.upstream = source.subscribe(PATH, TRACK, options, viewer);
  const fetched = new TestGroup(1, true);
  const cancelFetch = source.fetch(PATH, TRACK, groupRange(1), 0, new FetchIntoGroup(fetched));
  const infos: unknown[] = [];
  const cancelInfo = source.info(PATH, TRACK, (result) => infos.push(typeof result === "string" ? result : "known"));
  const cancel = () => {
    viewer.upstream?.cancel();
    cancelFetch();
    cancelInfo();
  };
  return { viewer, fetched, infos, cancel };
}

for (const mesh of MESH_PROTOCOLS) {
  describe(`a request that names an epoch in ${mesh}`, () => {
    for (const which of ["the present one", "any"]) {
      it(`is served where that is ${which}`, async () => {
        const { relay, first, client } = await scene(mesh);
        const asked = askAll(atEpoch(client, which === "any" ? 0n : first.epoch));
        await relay.pass(100);
        first.send(7, "seven");
        await relay.pass(100);
        assert.deepEqual(asked.viewer.groupLines, ["7 finished seven"]);
        assert.deepEqual([asked.fetched.state, asked.fetched.frames], ["finished", ["fetched 1", "more"]]);
        assert.deepEqual(asked.infos, ["known"]);
      });
    }

    it("is refused with `replaced` at once where a newer publisher has the path", async () => {
      const { relay, first, client } = await scene(mesh);
      (await relay.connect(mesh)).publish(PATH);
      await relay.pass(100);
      const asked = askAll(atEpoch(client, first.epoch));
      await relay.pass(20);
      assert.deepEqual(asked.viewer.log, ["closed replaced"]);
      assert.equal(asked.fetched.state, "replaced");
      assert.deepEqual(asked.infos, ["replaced"]);
      assert.deepEqual(relay.defects, []);
    });

    it("is refused with `replaced`, and gets nothing of the older publisher, where the relay does not learn of the newer one", async () => {
      const { relay, first, client } = await scene(mesh);
      (await relay.connect(mesh)).watch(PATH);
      await relay.pass(100);
      first.send(7, "old");
      const asked = askAll(atEpoch(client, first.epoch + 1n));
      await relay.pass(BEHIND_MS - 50);
      assert.deepEqual(
        [asked.viewer.log, asked.fetched.state, asked.infos],
        [[], "open", []],
        "it is kept for a while",
      );
      await relay.pass(100);
      assert.deepEqual(asked.viewer.log, ["closed replaced"]);
      assert.deepEqual(asked.viewer.groupLines, []);
      assert.deepEqual([asked.fetched.state, asked.fetched.frames], ["replaced", []]);
      assert.deepEqual(asked.infos, ["replaced"]);
    });

    it("is served by the newer publisher as soon as the relay learns of it", async () => {
      const { relay, first, client } = await scene(mesh);
      const publisher = await relay.connect(mesh);
      (await relay.connect(mesh)).watch(PATH);
      await relay.pass(100);
      first.send(7, "old");
      const asked = askAll(atEpoch(client, first.epoch + 1n));
      asked.viewer.upstream?.update({ ...LIVE, start: 2 });
      await relay.pass(BEHIND_MS - 100);
      const second = publisher.publish(PATH);
      assert.equal(second.epoch, first.epoch + 1n);
      await relay.pass(100);
      second.send(0, "before what it asks for by now");
      second.send(2, "new");
      await relay.pass(100);
      assert.deepEqual(asked.viewer.groupLines, ["2 finished new"]);
      assert.deepEqual([asked.fetched.state, asked.infos], ["finished", ["known"]]);
      assert.deepEqual([first.fetched, second.fetched], [[], [1]]);
    });

    it("leaves nothing behind when it is cancelled, or its session ends, while the relay waits", async () => {
      const { relay, first, client } = await scene(mesh);
      const before = relay.clock.pending;
      const other = await relay.connect(mesh);
      askAll(atEpoch(client, first.epoch + 1n)).cancel();
      askAll(atEpoch(other, first.epoch + 1n));
      await relay.pass(50);
      other.session.close(0, "");
      await relay.pass(BEHIND_MS - 100);
      assert.equal(relay.clock.pending, before);
      assert.equal(relay.counters.subscriptionsRefused, 0);
      assert.deepEqual(relay.defects, []);
    });

    it("names it in no other version: the present publisher serves it", async () => {
      const { relay, first, client } = await scene(mesh, "moq-lite-05");
      const asked = askAll(atEpoch(client, first.epoch + 1n));
      await relay.pass(100);
      first.send(7, "seven");
      await relay.pass(100);
      assert.deepEqual(asked.viewer.groupLines, ["7 finished seven"]);
      assert.deepEqual([asked.fetched.state, asked.infos], ["finished", ["known"]]);
    });
  });

  describe(`a running subscription in ${mesh}`, () => {
    it("that names an epoch ends with `replaced` when another publisher takes the path; one that names none goes on", async () => {
      const { relay, first, client } = await scene(mesh);
      const named = new TestViewer();
      atEpoch(client, first.epoch).subscribe(PATH, TRACK, LIVE, named);
      const viewer = (await relay.connect("moq-lite-05")).watch(PATH);
      await relay.pass(100);
      first.send(7, "old");
      await relay.pass(100);
      const second = (await relay.connect(mesh)).publish(PATH);
      await relay.pass(100);
      second.send(0, "new");
      await relay.pass(100);
      assert.deepEqual(named.groupLines, ["7 finished old"]);
      assert.equal(named.log.at(-1), "closed replaced");
      assert.deepEqual(viewer.groupLines, ["7 finished old", "8 finished new"]);
    });
  });
}
