import assert from "node:assert/strict";
import { it } from "node:test";
import { MeshSessions } from "../../cluster/sessions/index.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { CACHE, LIMITS, SESSION_LIMITS } from "../../lab/sim/settings.ts";
import { Broadcasts } from "../../moq/model/index.ts";
import { ChannelRegistry, MESH_PROTOCOLS } from "../../moq/session/index.ts";
import { nodeInfo } from "./support.ts";

/** What a relay offers that dials `https://other.example/`. */
async function offered(experimental?: readonly string[]): Promise<readonly string[]> {
  const clock = new ManualClock();
  const broadcasts = new Broadcasts({ clock, limits: LIMITS, cache: CACHE });
  const asked: (readonly string[])[] = [];
  const never = () => assert.fail("no session opens here");
  const sessions = new MeshSessions({
    self: nodeInfo("e1", "edge"),
    roots: [],
    broadcasts,
    channels: new ChannelRegistry(),
    limits: SESSION_LIMITS,
    clock,
    wallNow: () => 0,
    random: () => 0,
    dial: async ({ protocols }) => {
      asked.push(protocols);
      throw new Error("unreachable");
    },
    nextId: () => "1",
    tokenExpiry: async () => undefined,
    ...(experimental && { experimental }),
    events: {
      rootReached: never,
      relayReached: never,
      relayUnreachable: never,
      sessionClosed: never,
      sessionDefect: never,
      tokenExpires: never,
    },
  });
  await assert.rejects(sessions.external("https://other.example/", broadcasts, () => {}));
  return asked.flat();
}

it("a relay outside the mesh is offered experimental versions where the configuration names them, and no version of the mesh", async () => {
  const stable = await offered();
  assert.equal(stable.includes("moq-lite-06"), true);
  assert.deepEqual(
    stable.filter((name) => name.endsWith("-wip") || MESH_PROTOCOLS.includes(name)),
    [],
  );
  assert.deepEqual(await offered(["moq-lite-07-wip"]), [...stable, "moq-lite-07-wip"]);
});
