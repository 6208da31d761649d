import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Nodes } from "../../cluster/routes/nodes.ts";
import { nodeInfo } from "./support.ts";

const ME = { node: "me", hop: 1_000n };
const named = (nodes: Nodes) => [...nodes.values()].map(({ node }) => node);

describe("the relays that are known", () => {
  it("are taken from a root before the configuration, and from the configuration before DNS", () => {
    const nodes = new Nodes(ME);
    nodes.set(nodeInfo("o1", "origin", { hop: 5n, region: "dns" }), "dns");
    nodes.set(nodeInfo("o1", "origin", { hop: 0n, region: "root" }), "root");
    nodes.set(nodeInfo("o1", "origin", { hop: 6n, region: "static" }), "static");
    assert.equal(nodes.get("o1")?.region, "root");
    nodes.delete("o1", "root");
    assert.deepEqual([nodes.get("o1")?.region, nodes.named(6n), nodes.named(5n)], ["static", "o1", undefined]);
    nodes.delete("o1", "static");
    nodes.delete("o1", "dns");
    assert.deepEqual([nodes.get("o1"), nodes.size, nodes.delete("o1", "dns")], [undefined, 0, false]);
  });

  it("are listed once when DNS and a root both know one, also after it has restarted", () => {
    const nodes = new Nodes(ME);
    nodes.set(nodeInfo("dns-10.0.0.1-443", "regional", { hop: 5n }), "dns");
    nodes.set(nodeInfo("dns-fd00--1-443", "regional", { hop: 5n }), "dns");
    assert.deepEqual(named(nodes), ["dns-10.0.0.1-443"], "two addresses of one relay");
    nodes.set(nodeInfo("r1", "regional", { hop: 5n }), "root");
    assert.deepEqual([named(nodes), nodes.named(5n)], [["r1"], "r1"]);
    assert.equal(nodes.current("dns-10.0.0.1-443"), "r1");
    assert.equal(nodes.get("dns-10.0.0.1-443")?.hop, 5n, "links to it go on");
    nodes.set(nodeInfo("r1", "regional", { hop: 6n }), "root");
    assert.deepEqual([named(nodes), nodes.current("dns-fd00--1-443")], [["r1"], "r1"]);
    nodes.delete("r1", "root");
    assert.deepEqual([named(nodes), nodes.current("dns-10.0.0.1-443")], [["dns-10.0.0.1-443"], "dns-10.0.0.1-443"]);
  });

  it("do not include this relay itself, under any name", () => {
    const nodes = new Nodes(ME);
    assert.equal(nodes.set(nodeInfo("me", "origin", { hop: 3n }), "root"), false);
    nodes.set(nodeInfo("dns-10.0.0.1-443", "origin", { hop: ME.hop }), "dns");
    nodes.set(nodeInfo("other-me", "origin", { hop: 0n }), "static");
    assert.deepEqual(named(nodes), ["other-me"]);
    assert.equal(nodes.met("other-me", ME.hop), true);
    assert.deepEqual([named(nodes), nodes.size], [[], 0]);
  });

  it("have the hop id that a connection showed, unless a root announces one", () => {
    const nodes = new Nodes(ME);
    nodes.set(nodeInfo("o1", "origin", { hop: 0n }), "static");
    nodes.set(nodeInfo("o2", "origin", { hop: 7n }), "root");
    assert.deepEqual([nodes.met("o1", 5n), nodes.met("o1", 5n), nodes.met("o2", 8n)], [true, false, false]);
    assert.deepEqual([nodes.named(5n), nodes.named(7n), nodes.named(8n)], ["o1", "o2", undefined]);
  });
});
