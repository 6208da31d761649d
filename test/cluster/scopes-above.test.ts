import assert from "node:assert/strict";
import { it } from "node:test";
import { ScopesAbove } from "../../cluster/routes/scopes-above.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";

function scene(maxScopes = 40) {
  const clock = new ManualClock();
  const asked: string[] = [];
  let refused = 0;
  const above = new ScopesAbove({
    clock,
    lingerMs: 100,
    maxScopes,
    ask: (path) => {
      asked.push(path);
      return () => void asked.splice(asked.indexOf(path), 1);
    },
    refused: () => {
      refused++;
    },
  });
  return { clock, asked, above, refused: () => refused };
}

it("everything above a path is asked for once, and for a while after its last user has left", () => {
  const { clock, asked, above } = scene();
  const releases = [above.use("live/room/a"), above.use("live/room/b")];
  assert.deepEqual(asked, ["", "live", "live/room"]);
  for (const release of releases) release();
  clock.advance(99);
  const again = above.use("live/other");
  clock.advance(1);
  assert.deepEqual(asked, ["", "live"]);
  again();
  again();
  clock.advance(100);
  assert.deepEqual([asked, above.size], [[], 0]);
});

it("at a quarter of the bound on scopes further ones are refused, and those before stay", () => {
  const { asked, above, refused } = scene(8);
  above.use("a/b");
  const release = above.use("a/b/c");
  assert.deepEqual([asked, refused()], [["", "a"], 1]);
  release();
  assert.deepEqual(asked, ["", "a"]);
});

it("scopes without users give way to new ones at the bound", () => {
  const { asked, above, refused } = scene(8);
  above.use("a/b")();
  above.use("c/d");
  assert.deepEqual([asked, above.size, refused()], [["", "c"], 2, 0]);
});

it("a path with many segments has a share of the bound: what is deep below is not asked for", () => {
  const { asked, above, refused } = scene(8_192);
  above.use(Array.from({ length: 500 }, () => "x").join("/"));
  assert.deepEqual([asked.length, above.size, refused()], [32, 32, 0]);
});

it("nothing is asked for once it is closed", () => {
  const { clock, asked, above } = scene();
  above.use("a/b")();
  above.close();
  clock.advance(1_000);
  assert.deepEqual(asked, []);
});
