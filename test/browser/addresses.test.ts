import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { addressesOf } from "../../lab/addresses.ts";
import { readParameters } from "../../web/src/parameters.ts";

const at = (role: string, port: number) => ({ place: { role }, url: `https://127.0.0.1:${port}` });
const NODES = [at("root", 1), at("origin", 2), at("regional", 3), at("edge", 4), at("edge", 5)];
const TOKENS = { publisherToken: "e30.publish.x", viewerToken: "e30.watch.x" };

describe("the addresses that npm run mesh shows", () => {
  const lines = addressesOf(NODES, "live/clock", TOKENS);
  const pages = lines.filter((line) => line.startsWith("http")).map((line) => new URL(line));

  it("publish at an origin's page and watch at an edge's, each with its token", () => {
    const [publish, watch] = pages.map((page) => ({ page, ...readParameters(page) }));
    assert.deepEqual([publish?.page.port, watch?.page.port], ["2", "4"]);
    assert.equal(publish?.target.url.href, "http://127.0.0.1:2/?jwt=e30.publish.x");
    assert.equal(watch?.target.url.href, "http://127.0.0.1:4/?jwt=e30.watch.x");
    assert.deepEqual([publish?.publish, publish?.name, watch?.watch], ["pattern", "live/me.hang", "live/me.hang"]);
    assert.deepEqual([publish?.problems, watch?.problems], [[], []]);
  });

  it("come with the commands that list and fetch what the mesh carries", () => {
    const commands = lines.filter((line) => line.startsWith("npx moqmesh"));
    assert.deepEqual(
      commands.map((line) => line.split('"', 3)[1]),
      Array.from({ length: 2 }, () => "http://127.0.0.1:4/?jwt=e30.watch.x"),
    );
    assert.match(commands[1] ?? "", /live\/clock video/);
  });
});
