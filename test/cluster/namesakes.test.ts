import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { Namesakes } from "../../cluster/control/namesakes.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { nodeInfo } from "./support.ts";

const SETTLE_MS = 5_000;

let clock: ManualClock;
let found: string[];
let namesakes: Namesakes;

const own = nodeInfo("o1", "origin", { hop: 1n });
const other = nodeInfo("o1", "origin", { hop: 2n, url: "https://copy:443" });

beforeEach(() => {
  clock = new ManualClock();
  found = [];
  namesakes = new Namesakes({ clock, self: own, namesakeMs: SETTLE_MS, found: ({ url }) => found.push(url) });
});

describe("other relays with this relay's name", () => {
  it("are reported once they cannot be an earlier start of this relay, and have the name where this relay is not registered", () => {
    namesakes.announced("n/o1/other", other);
    clock.advance(SETTLE_MS - 1);
    assert.deepEqual([found, namesakes.taken], [[], false]);
    clock.advance(1);
    assert.deepEqual([found, namesakes.taken], [["https://copy:443"], true]);
    namesakes.announced("n/o1/own", own);
    assert.equal(namesakes.taken, false);
    namesakes.gone("n/o1/own");
    namesakes.gone("n/o1/other");
    assert.equal(namesakes.taken, false);
  });

  it("are reported once for each start, however often they change", () => {
    namesakes.announced("n/o1/other", other);
    clock.advance(SETTLE_MS);
    namesakes.announced("n/o1/draining", { ...other, draining: true });
    namesakes.gone("n/o1/other");
    clock.advance(SETTLE_MS);
    assert.equal(found.length, 1);
  });

  it("do not include an earlier start of this relay, this relay itself, or relays with other names", () => {
    namesakes.announced("n/o1/earlier", other);
    namesakes.announced("n/o1/own", own);
    namesakes.announced("n/o2/info", nodeInfo("o2", "origin", { hop: 3n }));
    clock.advance(SETTLE_MS / 2);
    namesakes.gone("n/o1/earlier");
    clock.advance(SETTLE_MS);
    assert.deepEqual([found, namesakes.taken, clock.pending], [[], false, 0]);
  });
});
