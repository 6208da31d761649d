/** Relays found by DNS, with a resolver and relays that a test plays. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodeInfo } from "../../cluster/contract.ts";
import { Discovery } from "../../cluster/links/discovery.ts";
import { dnsEntries, type Resolver } from "../../cluster/links/dns.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { settle } from "./support.ts";

const INTERVAL_MS = 10_000;
/** Longer than an interval with its chance. */
const ROUND_MS = INTERVAL_MS * 1.3;
/** Longer than a name may take. */
const LATE_MS = 6_000;

class Names implements Resolver {
  readonly hosts = new Map<string, readonly string[] | "late">();
  readonly records = new Map<string, readonly { host: string; port: number }[]>();
  asked = 0;

  async addresses(host: string): Promise<readonly string[]> {
    this.asked++;
    const found = this.hosts.get(host);
    if (found === "late") return await new Promise(() => {});
    if (found === undefined) throw new Error(`no such host ${host}`);
    return found;
  }

  async services(name: string) {
    const found = this.records.get(name);
    if (found === undefined) throw new Error(`no such service ${name}`);
    return found;
  }
}

function discoveryOf(...lines: string[]) {
  const clock = new ManualClock();
  const names = new Names();
  const nodes = new Map<string, NodeInfo>();
  const log: string[] = [];
  /** Those that cannot be reached. */
  const away = new Set<string>();
  const asked: string[] = [];
  const discovery = new Discovery({
    clock,
    random: () => 0.5,
    entries: dnsEntries(lines),
    resolver: names,
    intervalMs: INTERVAL_MS,
    identify: async ({ node }) => {
      asked.push(node);
      if (away.has(node)) throw new Error("away");
      return BigInt(asked.length);
    },
    table: {
      node: (info, from) => void (from === "dns" && nodes.set(info.node, info)),
      nodeGone: (node, from) => void (from === "dns" && nodes.delete(node)),
    },
    refused: () => log.push("refused"),
    warn: (message) => log.push(message),
    unreachable: ({ node }) => log.push(`${node} cannot be reached`),
  });
  const pass = async (ms: number) => {
    clock.advance(ms);
    for (let n = 0; n < 5; n++) await settle();
  };
  return { clock, names, nodes, log, away, asked, discovery, pass };
}

describe("discovery by DNS", () => {
  it("finds one relay for each address, dials the address, and trusts the certificate of the host", async () => {
    const { names, nodes, discovery, pass } = discoveryOf("origin eu https://o.example:4443/base");
    names.hosts.set("o.example", ["10.0.0.1", "fd00::1"]);
    discovery.start();
    await pass(0);
    assert.deepEqual([...nodes.keys()], ["dns-10.0.0.1-4443", "dns-fd00--1-4443"]);
    assert.deepEqual(nodes.get("dns-fd00--1-4443"), {
      node: "dns-fd00--1-4443",
      hop: 2n,
      role: "origin",
      region: "eu",
      url: "https://o.example:4443/base",
      address: "fd00::1",
      publicUrl: "",
      draining: false,
      startedAt: 0,
    });
    discovery.close();
  });

  it("resolves again: new relays are asked for their hop id, and missing ones are removed", async () => {
    const { clock, names, nodes, asked, discovery, pass } = discoveryOf("edge eu https://e.example");
    names.hosts.set("e.example", ["10.0.0.1", "10.0.0.2"]);
    discovery.start();
    await pass(0);
    names.hosts.set("e.example", ["10.0.0.2", "10.0.0.3"]);
    await pass(INTERVAL_MS * 0.7);
    assert.equal(names.asked, 1);
    await pass(INTERVAL_MS * 0.6);
    assert.deepEqual([...nodes.keys()], ["dns-10.0.0.2-443", "dns-10.0.0.3-443"]);
    assert.deepEqual(asked, ["dns-10.0.0.1-443", "dns-10.0.0.2-443", "dns-10.0.0.3-443"]);
    discovery.close();
    await pass(ROUND_MS);
    assert.deepEqual([names.asked, clock.pending], [2, 0]);
  });

  it("keeps the last addresses while a name cannot be resolved, has no record or gets no answer, and warns once", async () => {
    const { names, nodes, log, discovery, pass } = discoveryOf("origin eu https://o.example");
    names.hosts.set("o.example", ["10.0.0.1"]);
    discovery.start();
    await pass(0);
    names.hosts.delete("o.example");
    await pass(ROUND_MS);
    names.hosts.set("o.example", []);
    await pass(ROUND_MS);
    names.hosts.set("o.example", "late");
    await pass(ROUND_MS);
    await pass(LATE_MS);
    assert.deepEqual([...nodes.keys()], ["dns-10.0.0.1-443"]);
    assert.deepEqual(log, ["o.example cannot be resolved (no such host o.example); its last addresses are used"]);
    names.hosts.set("o.example", ["10.0.0.2"]);
    await pass(ROUND_MS);
    assert.deepEqual([...nodes.keys()], ["dns-10.0.0.2-443"]);
    discovery.close();
  });

  it("adds a relay once it has answered with its hop id, and asks again until then", async () => {
    const { names, nodes, away, log, asked, discovery, pass } = discoveryOf("origin eu https://o.example");
    names.hosts.set("o.example", ["10.0.0.1", "10.0.0.2"]);
    away.add("dns-10.0.0.1-443");
    discovery.start();
    await pass(0);
    await pass(ROUND_MS);
    assert.deepEqual([...nodes.keys()], ["dns-10.0.0.2-443"]);
    assert.deepEqual(log, ["dns-10.0.0.1-443 cannot be reached"]);
    away.clear();
    await pass(ROUND_MS);
    assert.deepEqual([...nodes.keys()], ["dns-10.0.0.2-443", "dns-10.0.0.1-443"]);
    assert.equal(asked.length, 4);
    discovery.close();
  });

  it("takes hosts and ports from SRV records, and keeps the last addresses of a target that does not resolve", async () => {
    const { names, nodes, discovery, pass } = discoveryOf("regional eu https://_moqmesh._udp.example");
    names.records.set("_moqmesh._udp.example", [
      { host: "a.example.", port: 1001 },
      { host: "b.example", port: 1002 },
    ]);
    names.hosts.set("a.example", ["10.0.0.1"]).set("b.example", ["10.0.0.2"]);
    discovery.start();
    await pass(0);
    names.hosts.delete("b.example");
    names.hosts.set("a.example", ["10.0.0.3"]);
    await pass(ROUND_MS);
    assert.deepEqual(
      [...nodes.values()].map(({ node, url, address }) => [node, url, address]),
      [
        ["dns-10.0.0.2-1002", "https://b.example:1002/", "10.0.0.2"],
        ["dns-10.0.0.3-1001", "https://a.example:1001/", "10.0.0.3"],
      ],
    );
    discovery.close();
  });

  it("is bounded in relays, and in relays that are asked at once", async () => {
    const { names, nodes, log, discovery, pass } = discoveryOf("origin eu https://o.example");
    names.hosts.set(
      "o.example",
      Array.from({ length: 200 }, (_, n) => `10.0.0.${n}`),
    );
    discovery.start();
    for (let n = 0; n < 50; n++) await pass(0);
    assert.equal(nodes.size, 200);
    names.hosts.set(
      "o.example",
      Array.from({ length: 300 }, (_, n) => `10.0.${n >> 8}.${n & 255}`),
    );
    await pass(ROUND_MS);
    await pass(ROUND_MS);
    assert.equal(nodes.size, 256);
    assert.ok(log.includes("refused"));
    assert.equal(log.filter((line) => line.startsWith("DNS has more than 256")).length, 1);
    discovery.close();
  });

  it("needs a role and a URL", () => {
    for (const line of ["origin eu", "king eu https://o.example", ""]) {
      assert.throws(() => dnsEntries([line]), RangeError, line);
    }
  });
});
