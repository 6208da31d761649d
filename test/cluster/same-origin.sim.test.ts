/** Two sessions whose announcements have one first hop: the same origin, reached twice (moq-lite Routing). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { World } from "../../lab/sim/world.ts";

const VERSION = "moq-lite-06";

/** Two publishers of one path and a viewer at another relay. `same`: they declare one hop id. */
async function scene(same: boolean) {
  const world = new World(["root-1"], () => 0.5);
  for (const role of ["root", "origin", "edge"] as const) await world.start(`${role}-1`, role);
  await world.pass(1_000);
  const first = await world.client("origin-1", VERSION);
  if (same) world.hops--;
  const second = await world.client("origin-1", VERSION);
  const publishers = [first, second].map((client) => ({ client, broadcast: client.publish("live/a") }));
  await world.pass(1_000);
  const viewer = (await world.client("edge-1", VERSION)).watch("live/a");
  await world.pass(1_000);
  const serving = publishers.find(({ broadcast }) => broadcast.sinks.size > 0);
  const other = publishers.find((one) => one !== serving);
  assert.ok(serving !== undefined && other !== undefined);
  return { world, serving, other, viewer };
}

describe("a publisher that goes while another session has the path", () => {
  it("is followed by one with the same first hop, under the same numbers and without a break", async () => {
    const { world, serving, other, viewer } = await scene(true);
    serving.broadcast.send(4, "a");
    await world.pass(500);
    serving.client.session.close(0, "");
    await world.pass(1_000);
    other.broadcast.send(5, "b");
    await world.pass(1_000);
    assert.deepEqual(viewer.groupLines, ["4 finished a", "5 finished b"]);
    assert.ok(!viewer.log.some((line) => line.startsWith("closed")));
    assert.deepEqual(world.defects, []);
  });

  it("ends the subscriptions of moq-lite 06 where the other one has another first hop", async () => {
    const { world, serving, viewer } = await scene(false);
    serving.broadcast.send(4, "a");
    await world.pass(500);
    serving.client.session.close(0, "");
    await world.pass(1_000);
    assert.match(viewer.log.at(-1) ?? "", /^closed/);
    assert.deepEqual(world.defects, []);
  });
});
