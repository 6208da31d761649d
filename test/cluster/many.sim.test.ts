/** More scopes over one control session than a link allows streams at first. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { World } from "../../lab/sim/world.ts";
import { holdingOf } from "./support.ts";

/** Over the 256 streams that a link between relays begins with. */
const SCOPES = 600;

describe("a relay that asks for hundreds of broadcasts by path", () => {
  it("learns of each from the root, over one session", async () => {
    const world = new World(["root"], () => 0.5);
    await world.start("root", "root");
    const origin = await world.start("o1", "origin");
    const edge = await world.start("e1", "edge");
    await world.pass(500);
    const paths = Array.from({ length: SCOPES }, (_, n) => `live/${n}`);
    for (const path of paths) origin.mesh.control.hold(holdingOf(path, "o1", { hops: [origin.info.hop] }));
    const told = new Set<string>();
    let complete = 0;
    const stops = paths.map((path) =>
      edge.mesh.control.ask(
        { kind: "exact", path },
        {
          node: () => {},
          nodeGone: () => {},
          holding: (holding) => void told.add(holding.path),
          holdingGone: (gone) => void told.delete(gone),
          complete: () => void complete++,
        },
      ),
    );
    await world.pass(2_000);
    assert.deepEqual([told.size, complete, edge.mesh.control.connected], [SCOPES, SCOPES, 1]);
    origin.mesh.control.release("live/599");
    await world.pass(500);
    assert.deepEqual([told.size, told.has("live/599")], [SCOPES - 1, false]);
    for (const stop of stops) stop();
    assert.deepEqual(world.defects, []);
  });
});
