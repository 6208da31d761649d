import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { datagramGroup } from "../../moq/model/locations.ts";
import { EVERY_VERSION, TestRelay } from "./support.ts";

describe("between versions", () => {
  for (const from of EVERY_VERSION) {
    it(`a broadcast published in ${from} is watched in all others`, async () => {
      const relay = await TestRelay.start();
      const publisher = await relay.connect(from);
      const broadcast = publisher.publish("live/a");
      await relay.pass(300);
      const viewers = [];
      for (const version of EVERY_VERSION) viewers.push((await relay.connect(version)).watch("live/a"));
      await relay.pass(100);
      for (let i = 0; i < 5; i++) broadcast.send(i, `key ${i}`, "delta", "");
      await relay.pass(100);
      for (const { groupLines } of viewers) {
        assert.deepEqual(
          groupLines.toSorted(),
          [0, 1, 2, 3, 4].map((i) => `${i} finished key ${i}|delta|`),
        );
      }
      assert.equal(broadcast.sinks.size, 1);
      assert.deepEqual(relay.defects, []);
    });
  }

  it("datagrams are sent to the viewers whose version has them", async () => {
    const relay = await TestRelay.start();
    const broadcast = (await relay.connect("moq-lite-05")).publish("live/a");
    await relay.pass(100);
    const timed = (await relay.connect("moqmesh-1")).watch("live/a");
    const plain = (await relay.connect("moq-lite-04")).watch("live/a");
    await relay.pass(100);
    for (const sink of broadcast.sinks) sink.datagram(datagramGroup(7, 123, Buffer.from("d")));
    await relay.pass(100);
    assert.ok(timed.log.includes("datagram 7 123 d"));
    assert.ok(!plain.log.some((line) => line.startsWith("datagram")));
  });
});
