import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig, sections } from "../../relay/config/config.ts";
import { changedKeys, liveKeys, withLiveValues } from "../../relay/config/live.ts";

const flags = (values: Readonly<Record<string, string>>) =>
  loadConfig({ flags: Object.entries(values).map(([key, value]) => ({ key, value, name: `--${key}` })) }).config;

const mesh = { "cluster.node": "edge-1", "cluster.token": "t", "cluster.peers": "a origin eu https://a.example" };

test("a reload applies the new values of live keys and keeps the old values of all others", () => {
  const running = flags({ ...mesh, "limits.sessions": "10", "limits.uni_streams": "10", "drain.grace": "1s" });
  const next = flags({ ...mesh, "limits.sessions": "20", "limits.uni_streams": "20", "drain.grace": "2s" });
  const used = withLiveValues(running, next);
  assert.deepEqual(used, {
    ...running,
    limits: { ...running.limits, sessions: 20 },
    drain: { ...running.drain, graceMs: 2_000 },
  });
});

test("a live key that the new configuration leaves out loses its value", () => {
  const running = flags({ ...mesh, "cluster.redirect": "https://b.example" });
  assert.equal(withLiveValues(running, flags(mesh)).cluster.redirect, undefined);
});

test("every key of [auth] but its file of revocations is live, and all of [cache]; those of sockets and threads need a restart", () => {
  const live = new Set(liveKeys());
  const keysOf = (name: string) => Object.keys(sections.get(name)?.schema.shape ?? {}).map((key) => `${name}.${key}`);
  assert.deepEqual(
    ["auth", "cache"].flatMap(keysOf).filter((key) => !live.has(key)),
    ["auth.revocations"],
  );
  const all = [...sections.keys()].flatMap(keysOf);
  for (const key of ["server.port", "server.threads", "quic.congestion", "limits.uni_streams", "cluster.node"]) {
    assert.ok(all.includes(key) && !live.has(key), key);
  }
});

test("every section of the program is one of the file, so that changes of its keys are seen", () => {
  const given = flags({ "load_balancer.server_id": "0011", "load_balancer.rotation": "2" });
  const changes = changedKeys({ config: flags({}), origins: new Map() }, { config: given, origins: new Map() });
  assert.deepEqual(
    changes.map(({ key, live }) => [key, live]),
    [
      ["load_balancer.server_id", false],
      ["load_balancer.rotation", false],
    ],
  );
  assert.deepEqual(Object.keys(withLiveValues(given, flags({}))).sort(), Object.keys(given).sort());
});
