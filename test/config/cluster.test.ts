import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConfigError, loadConfig } from "../../relay/config/config.ts";
import { viewersUrl } from "../../relay/config/dialled-names.ts";

const RELAY = { "cluster.node": "e1", "cluster.token": "t" };

function loaded(settings: Readonly<Record<string, string>>) {
  const flags = Object.entries({ ...RELAY, ...settings }).map(([key, value]) => ({ key, value, name: `--${key}` }));
  return loadConfig({ flags }).config.cluster;
}

function problems(settings: Readonly<Record<string, string>>): string {
  try {
    loaded(settings);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ message }) => message).join();
    throw error;
  }
  return "";
}

describe("[cluster] public_url", () => {
  it("is `url`, unless that leads to a listener that refuses viewers", () => {
    const url = "https://edge-1.internal:4445";
    const other = "https://watch.example";
    assert.equal(viewersUrl(loaded({ "cluster.url": url })), url);
    assert.equal(viewersUrl(loaded({ "cluster.url": url, "cluster.listen": "[::]:4445" })), "");
    const named = { "cluster.url": url, "cluster.listen": "[::]:4445", "cluster.public_url": other };
    assert.equal(viewersUrl(loaded(named)), other);
    assert.equal(viewersUrl(loaded({})), "");
  });
});

describe("[cluster] dns", () => {
  it("has a role, a region and a URL in each entry, without a port for SRV records", () => {
    const dns =
      "origin eu https://o.example:4443,regional eu https://_moqmesh._udp.example,edge eu wss://e.example/base";
    assert.equal(loaded({ "cluster.dns": dns }).dns.length, 3);
    assert.match(problems({ "cluster.dns": "king eu https://o.example" }), /expected `ROLE REGION URL`/);
    assert.match(problems({ "cluster.dns": "origin https://o.example" }), /expected `ROLE REGION URL`/);
    assert.match(problems({ "cluster.dns": "origin eu https://_m._udp.example:443" }), /SRV records/);
  });
});
