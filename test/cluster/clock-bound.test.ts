/** Times of other relays that are far ahead of this relay's clock: none of them wins. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MAX_AHEAD_MS } from "../../cluster/clock-bound.ts";
import { NULL_SOURCE } from "../../cluster/control/null-source.ts";
import { World } from "../../lab/sim/world.ts";
import { holdingOf } from "./support.ts";

const FAR = 2n ** 62n - 1n;

async function origin() {
  const world = new World(["o1"], () => 0.5);
  const relay = await world.start("o1", "origin");
  await world.pass(500);
  const ahead = (ms: number) => BigInt(world.wallNow("o1") + ms);
  return { world, relay, ahead };
}

describe("an epoch that is far ahead of the clock", () => {
  it("is refused from a publisher, in its first announcement and in an update", async () => {
    const { world, relay, ahead } = await origin();
    const advertisement = { epoch: ahead(MAX_AHEAD_MS), hops: [], cost: 0, ended: false };
    const { announcements } = relay.mesh.broadcasts;
    assert.equal(announcements.publish("live/a", { ...advertisement, epoch: FAR }, NULL_SOURCE), "limit");
    const publication = announcements.publish("live/a", advertisement, NULL_SOURCE);
    assert.ok(typeof publication !== "string");
    publication.update({ ...advertisement, epoch: FAR });
    assert.equal(relay.broadcasts.broadcast("live/a")?.route()?.advertisement.epoch, advertisement.epoch);
    assert.match(String(world.defects[0]), /far ahead/);
  });

  it("is refused from another relay, announced by a root or without one, and the earlier epoch stays", async () => {
    const { relay, ahead } = await origin();
    const good = holdingOf("live/a", "o2", { epoch: ahead(0) });
    for (const scope of ["under/live", "tiers/r1/live"]) {
      relay.mesh.routes.holding(good, scope);
      relay.mesh.routes.holding({ ...good, epoch: FAR }, scope);
      assert.equal(relay.mesh.routes.holders("live/a")?.epoch, good.epoch, scope);
    }
  });

  it("is refused from a relay at a root, and the earlier epoch stays registered", async () => {
    const { world, relay, ahead } = await origin();
    const other = await world.start("o2", "origin");
    await world.pass(500);
    const hold = (epoch: bigint) =>
      other.mesh.control.hold(holdingOf("live/a", "o2", { epoch, hops: [other.info.hop] }));
    hold(ahead(0));
    await world.pass(100);
    const before = relay.mesh.root?.registry.holding("live/a", "o2")?.epoch;
    hold(FAR);
    await world.pass(100);
    assert.deepEqual([before !== undefined, relay.mesh.root?.registry.holding("live/a", "o2")?.epoch], [true, before]);
    other.mesh.control.release("live/a");
    await world.pass(100);
    assert.equal(relay.mesh.root?.registry.holding("live/a", "o2"), undefined);
  });
});
