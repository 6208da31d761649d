import assert from "node:assert/strict";
import { test } from "node:test";
import { type BannerFacts, banner, reachableHosts } from "../../cli/banner.ts";
import { columnsOf } from "../../cli/io.ts";
import { loadConfig } from "../../relay/config/config.ts";
import { recordedIo } from "./support/io.ts";

const FINGERPRINT = "0123456789abcdef".repeat(4);

const facts: BannerFacts = {
  version: "1.2.3",
  engine: "rwebtransport",
  address: { address: "127.0.0.1", port: 4443 },
  adminAddress: { address: "127.0.0.1", port: 4444 },
  fingerprint: FINGERPRINT,
  hasPage: true,
};

function shown(change: Partial<BannerFacts> = {}): string {
  return banner({ ...facts, ...change }, loadConfig({}).config, recordedIo());
}

test("shows the address, the fingerprint, the health page and the next steps, in 80 columns", () => {
  const text = shown();
  for (const part of [
    "moqmesh 1.2.3",
    "http://127.0.0.1:4443/",
    FINGERPRINT,
    "http://127.0.0.1:4444/ui/",
    "Open http://127.0.0.1:4443/ in a browser",
    "npx moqmesh ls http://127.0.0.1:4443/",
  ]) {
    assert.ok(text.includes(part), part);
  }
  for (const line of text.split("\n")) assert.ok(line.length <= 80, line);
});

test("says that clients need a token when they do", () => {
  const text = (env: Record<string, string>) => banner(facts, loadConfig({ env }).config, recordedIo());
  const keys = { MOQMESH_AUTH_KEY_DIR: "keys" };
  assert.match(text(keys), /need a token.*\n.*ls --token FILE http/);
  for (const line of text(keys).split("\n")) assert.ok(line.length <= 80, line);
  for (const env of [{}, { ...keys, MOQMESH_AUTH_PUBLIC_SUBSCRIBE: "demo" }]) assert.doesNotMatch(text(env), /token/);
});

test("fits 80 columns when the terminal does not know its size, and never fewer than 40", () => {
  assert.deepEqual([undefined, 0, 7, 60, 200].map(columnsOf), [80, 80, 40, 60, 80]);
});

test("shows https and no fingerprint with a certificate that clients trust", () => {
  const text = shown({ fingerprint: undefined, hasPage: false });
  assert.match(text, /https:\/\/127\.0\.0\.1:4443\//);
  assert.doesNotMatch(text, /Fingerprint|http:\/\/127\.0\.0\.1:4443|browser/);
});

test("shows the relay's node, role and region in its mesh, and its roots", () => {
  const text = (more: Record<string, string>) => {
    const env = {
      MOQMESH_CLUSTER_NODE: "edge-1",
      MOQMESH_CLUSTER_ROLE: "edge",
      MOQMESH_CLUSTER_REGION: "west",
      ...more,
    };
    return banner(facts, loadConfig({ env }).config, recordedIo());
  };
  const root = "https://root-1.example:443";
  assert.match(
    text({ MOQMESH_CLUSTER_ROOT: root, MOQMESH_CLUSTER_KEY_FILE: "k.jwk" }),
    /edge-1: edge in region west[\s\S]*root-1\.example/,
  );
  assert.match(text({}), /none; this relay asks the relays in peers and dns/);
  assert.match(text({ MOQMESH_CLUSTER_ROLE: "root" }), /edge-1: root in region west\n.*Root +itself/);
  assert.match(text({ MOQMESH_CLUSTER_SERVE_ROOT: "true" }), /edge-1: edge and root in/);
  assert.doesNotMatch(shown(), /Mesh|Root/);
});

test("omits the admin listener when there is none", () => {
  assert.doesNotMatch(shown({ adminAddress: undefined }), /Health/);
});

test("names hosts at which a listener answers, and localhost only when it answers over IPv4 and IPv6", () => {
  assert.deepEqual(reachableHosts("127.0.0.1"), ["127.0.0.1"]);
  assert.deepEqual(reachableHosts("::1"), ["[::1]"]);
  assert.equal(reachableHosts("0.0.0.0")[0], "127.0.0.1");
  assert.deepEqual(reachableHosts("192.0.2.1"), ["192.0.2.1"]);
  assert.deepEqual(reachableHosts("2001:db8::1"), ["[2001:db8::1]"]);
  assert.equal(reachableHosts("::")[0], "localhost");
});
