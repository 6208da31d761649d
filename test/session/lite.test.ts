import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MESH_PROTOCOLS } from "../../moq/session/index.ts";
import { codeOf } from "../../moq/session/lite/codes.ts";
import { describeThroughRelay } from "./suite.ts";
import { TestRelay, VERSIONS } from "./support.ts";

for (const version of VERSIONS) {
  describeThroughRelay(version, {
    timestamps: !["moq-lite-03", "moq-lite-04"].includes(version),
    goaway: version !== "moq-lite-03",
    priorities: true,
    fetches: true,
    everything: true,
  });
}

for (const mesh of MESH_PROTOCOLS)
  describe(mesh, () => {
    it("announces the epoch of the publisher that takes the path", async () => {
      const relay = await TestRelay.start();
      const publisher = await relay.connect(mesh);
      const first = publisher.publish("live/a");
      const viewer = await relay.connect(mesh, "/", "");
      await relay.pass(100);
      const [broadcast] = viewer.broadcasts.list();
      assert.equal(broadcast?.route()?.advertisement.epoch, first.epoch);
      const second = (await relay.connect(mesh)).publish("live/a");
      await relay.pass(100);
      assert.equal(broadcast?.route()?.advertisement.epoch, second.epoch, "ANNOUNCE_UPDATE has the new epoch");
    });
  });

describe("codes", () => {
  it("are those of moq-rs where it has the reason", () => {
    assert.equal(codeOf("cancelled"), 0);
    assert.equal(codeOf("not_found"), 13);
    assert.equal(codeOf("protocol"), 15);
    assert.equal(codeOf("lagged"), 26);
  });
});
