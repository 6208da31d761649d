/** Relays of the mesh that are known by their certificate: the native engine, a whole relay. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Certificate } from "../../moq/link.ts";
import { Broadcasts } from "../../moq/model/broadcasts.ts";
import { ChannelRegistry, codeOf, liteSession, openAccess } from "../../moq/session/index.ts";
import { type Relay, start } from "../../relay/main.ts";
import { createNative } from "../../transport/native/index.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";
import { authority } from "../engine/support/authority.ts";
import { missingEngine } from "../engine/support/available.ts";
import { captureLog, testConfig, until } from "../main/support.ts";
import { CACHE, LIMITS } from "../model/support.ts";
import { SESSION_LIMITS, TestPublisher } from "../session/support.ts";
import { revokeAt } from "../support/revoke.ts";

const LINK = { uniStreams: 100, bidiStreams: 100, idleTimeoutMs: 10_000, keepAliveMs: 2_000, queueMark: 1_000_000 };

/** Announces `path` at the relay. Rejects with the relay's refusal; tells the code that its session ends with. */
async function announce(relay: Relay, path: string, certificate?: Certificate): Promise<{ ended: Promise<number> }> {
  const engine = await createNative({ clock: systemClock, warn: () => {} }, { threads: 1, socketBuffer: 65_536 });
  const broadcasts = new Broadcasts({ clock: systemClock, limits: LIMITS, cache: CACHE });
  broadcasts.publish(path, { epoch: 1n, hops: [], cost: 0, ended: false }, new TestPublisher());
  const ended = Promise.withResolvers<number>();
  const attach = liteSession({
    broadcasts,
    clock: systemClock,
    limits: SESSION_LIMITS,
    channels: new ChannelRegistry(),
    hop: 77n,
    access: openAccess(""),
    defect: (error) => ended.reject(error),
    closed: ({ code }) => ended.resolve(code),
  });
  await engine.dial(
    {
      url: new URL(`https://127.0.0.1:${relay.address.port}/`),
      protocols: ["moq-lite-05"],
      trust: { kind: "insecure" },
      limits: LINK,
      timeoutMs: 20_000,
      ...(certificate !== undefined && { certificate }),
    },
    attach,
  );
  return { ended: ended.promise };
}

describe("a client certificate", { skip: missingEngine() ?? false }, () => {
  it("of a configured authority lets a relay in without a token, until its subject is revoked", async () => {
    const [ours, theirs] = [await authority("the mesh"), await authority("somebody else")];
    const folder = await mkdtemp(join(tmpdir(), "moqmesh-mtls-"));
    await writeFile(join(folder, "ca.pem"), ours.root);
    const { config, remove } = await testConfig({
      MOQMESH_SERVER_ENGINE: "native",
      MOQMESH_QUIC_CLIENT_CA: join(folder, "ca.pem"),
      MOQMESH_AUTH_PUBLIC_SUBSCRIBE: "demo",
    });
    const { log, entries } = captureLog();
    const relay = await start(config, { log });
    try {
      const { ended } = await announce(relay, "live/a", await ours.issue("client", ["edge-1"]));
      await until(() => relay.counters.broadcastsActive === 1);
      assert.ok(entries.some((entry) => entry["msg"] === "session opened" && entry["subject"] === "edge-1"));
      // Nobody else gets more than before.
      const { ended: guest } = await announce(relay, "live/b");
      assert.equal(await guest, codeOf("unauthorized"));
      await assert.rejects(announce(relay, "live/c", await theirs.issue("client", ["edge-1"])), {
        code: "dial_failed",
      });
      const revoked = await revokeAt(relay.adminAddress?.port, { sub: "edge-1" });
      assert.equal(revoked.status, 200);
      assert.equal(await ended, codeOf("token_revoked"));
      await assert.rejects(announce(relay, "live/a", await ours.issue("client", ["edge-1"])), { status: 401 });
      assert.equal(relay.counters.sessionsRefused.get("token_revoked"), 1);
    } finally {
      await relay.close();
      await remove();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
