import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PeerUser } from "../../cluster/contract.ts";
import { PeerLinks } from "../../cluster/peers/links.ts";
import type { Session } from "../../relay/session/contract.ts";
import { ManualClock } from "../support/clock.ts";
import { FakeRelay, settle } from "./support.ts";

const LINGER_MS = 10_000;
const REDIAL_MS = 200;

function linksOf() {
  const clock = new ManualClock();
  const dials: { gone: () => void }[] = [];
  const links = new PeerLinks({
    clock,
    random: () => 0.5,
    lingerMs: LINGER_MS,
    dial: async (_node, on) => {
      dials.push(on);
      const session: Partial<Session> = { source: new FakeRelay(), close: () => on.gone() };
      return session as Session;
    },
    changed: () => {},
  });
  const log: string[] = [];
  const user: PeerUser = {
    up: () => void log.push("up"),
    down: () => void log.push("down"),
    leaving: () => void log.push("leaving"),
  };
  return { clock, links, dials, log, user };
}

describe("links to relays", () => {
  it("are not ended by what is left of a link before that was lost and forgotten", async () => {
    const { clock, links, dials, log, user } = linksOf();
    const leave = links.use("r1", user);
    await settle();
    dials[0]?.gone();
    leave();
    clock.advance(REDIAL_MS);
    assert.deepEqual([links.health("r1"), dials.length], ["unknown", 1]);
    links.use("r1", user);
    await settle();
    clock.advance(2 * LINGER_MS);
    assert.deepEqual([links.health("r1"), links.up, dials.length], ["up", ["r1"], 2]);
    assert.deepEqual(log, ["up", "down", "up"]);
    links.close();
    assert.equal(clock.pending, 0);
  });
});
