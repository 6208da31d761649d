/** Relays of the mesh that are known by their certificate: the native engine, a whole relay. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Certificate } from "../../moq/link.ts";
import { codeOf } from "../../moq/session/lite/codes.ts";
import { Authority } from "../support/authority.ts";
import { openClient, type SessionEnd } from "../support/client.ts";
import { missingEngine, nativeClient } from "../support/engines.ts";
import { type TestRelay, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";

const LINK = { uniStreams: 100, bidiStreams: 100, idleTimeoutMs: 10_000, keepAliveMs: 2_000, queueMark: 1_000_000 };

/** Announces `path` at the relay. Rejects with the relay's refusal. */
async function announce(
  relay: TestRelay,
  path: string,
  certificate?: Certificate,
): Promise<{ ended: Promise<SessionEnd> }> {
  const engine = await nativeClient();
  const { client, ended } = await openClient((attach) =>
    engine.dial(
      {
        url: relay.at("https"),
        protocols: ["moq-lite-05"],
        trust: { kind: "insecure" },
        limits: LINK,
        timeoutMs: 20_000,
        ...(certificate !== undefined && { certificate }),
      },
      attach,
    ),
  );
  client.publish(path);
  return { ended };
}

describe("a client certificate", { skip: missingEngine() }, () => {
  it("of a configured authority lets a relay in without a token, until its subject is revoked", async () => {
    const [ours, theirs] = [await Authority.make("the mesh"), await Authority.make("another mesh")];
    const folder = await mkdtemp(join(tmpdir(), "moqmesh-mtls-"));
    const authority = join(folder, "ca.pem");
    await writeFile(authority, ours.root);
    const edge = { use: "client", names: ["edge-1"] } as const;
    const settings = {
      "server.engine": "native",
      "cluster.client_ca": authority,
      "auth.public_subscribe": "demo",
    };
    await withRelay(settings, async (relay) => {
      const { ended } = await announce(relay, "live/a", await ours.issue(edge));
      await until(() => relay.counters.broadcastsActive === 1);
      assert.ok(relay.entries.some((entry) => entry["msg"] === "session opened" && entry["subject"] === "edge-1"));
      // Clients without a certificate get no more than before.
      const { ended: guest } = await announce(relay, "live/b");
      assert.equal((await guest).code, codeOf("unauthorized"));
      await assert.rejects(announce(relay, "live/c", await theirs.issue(edge)), { code: "dial_failed" });
      const revoked = await relay.revoke({ sub: "edge-1" });
      assert.equal(revoked.status, 200);
      assert.equal((await ended).code, codeOf("token_revoked"));
      await assert.rejects(announce(relay, "live/a", await ours.issue(edge)), { status: 401 });
      assert.equal(relay.counters.sessionsRefused.get("token_revoked"), 1);
    });
    await rm(folder, { recursive: true, force: true });
  });
});
