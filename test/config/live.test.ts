import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig, sections } from "../../relay/config/config.ts";
import { fieldOf } from "../../relay/config/layers.ts";
import { withLiveValues } from "../../relay/config/live.ts";

const flags = (values: Readonly<Record<string, string>>) =>
  loadConfig({ flags: Object.entries(values).map(([key, value]) => ({ key, value, name: `--${key}` })) }).config;

const mesh = { "cluster.node": "edge-1", "cluster.token": "t", "cluster.peers": "a origin eu https://a.example" };

test("a reload applies the new values of live keys and keeps the old values of all others", () => {
  const running = flags({ ...mesh, "limits.sessions": "10", "limits.broadcasts": "10", "drain.grace": "1s" });
  const next = flags({ ...mesh, "limits.sessions": "20", "limits.broadcasts": "20", "drain.grace": "2s" });
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

test("these keys are live", () => {
  const live = [...sections.values()].flatMap((section) =>
    Object.keys(section.schema.shape)
      .filter((key) => fieldOf(section, key)?.live)
      .map((key) => `${section.name}.${key}`),
  );
  assert.deepEqual(live, [
    "health.event_loop",
    "health.memory",
    "limits.sessions",
    "limits.handshake_rate",
    "limits.handshake_burst",
    "limits.announcements_per_session",
    "limits.announce_streams_per_session",
    "limits.subscriptions_per_session",
    "limits.fetches_per_session",
    "limits.pending_streams_per_session",
    "limits.unanswered_per_viewer",
    "limits.session_queue_bytes",
    "limits.request_timeout",
    "limits.header_timeout",
    "limits.handshake_timeout",
    "limits.unused_timeout",
    "log.level",
    "log.modules",
    "log.burst",
    "drain.grace",
    "drain.spread",
    "cluster.peers",
    "cluster.redirect",
    ...["urls", "events", "secret", "secret_file", "timeout", "retry_for", "queue"].map((key) => `webhooks.${key}`),
  ]);
});
