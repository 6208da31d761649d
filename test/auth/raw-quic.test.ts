/** Raw QUIC, where path and token come in SETUP: the native engine, a whole relay, and clients of the command line's kind. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { type ClaimsInput, generateKey, publicJwk, signToken } from "../../auth/index.ts";
import type { Link, LinkClosed } from "../../moq/link.ts";
import { codeOf } from "../../moq/session/index.ts";
import { encodeSetupStream } from "../../moq/wire/lite/setup.ts";
import { capabilities } from "../../moq/wire/lite/versions.ts";
import { connect } from "../../relay/client/client.ts";
import { type Relay, start } from "../../relay/main.ts";
import { createNative } from "../../transport/native/index.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";
import { missingEngine } from "../engine/support/available.ts";
import { captureLog, publishTo, testConfig, until } from "../main/support.ts";
import { forged } from "./support.ts";

const skip = missingEngine() ?? false;
const TIMEOUT_MS = 20_000;
const key = await generateKey({ alg: "ES256", kid: "raw" });
const folder = await mkdtemp(join(tmpdir(), "moqmesh-raw-"));
await writeFile(join(folder, "raw.jwk"), JSON.stringify(publicJwk(key)));
const scoped = await generateKey({ alg: "ES256", kid: "scoped", scope: { root: "live", get: [""] } });
await writeFile(join(folder, "scoped.jwk"), JSON.stringify(publicJwk(scoped)));
after(() => rm(folder, { recursive: true, force: true }));

const token = (claims: ClaimsInput) => signToken(key, { exp: Math.floor(Date.now() / 1000) + 3_600, ...claims });

async function withRelay(settings: Record<string, string>, work: (relay: Relay, log: unknown[]) => Promise<void>) {
  const { config, remove } = await testConfig({
    MOQMESH_AUTH_KEY_DIR: folder,
    MOQMESH_SERVER_ENGINE: "native",
    ...settings,
  });
  const { log, entries } = captureLog();
  const relay = await start(config, { log });
  try {
    await work(relay, entries);
  } finally {
    await relay.close();
    await remove();
  }
}

const urlOf = (relay: Relay, target: string) => new URL(target, `moql://127.0.0.1:${relay.address.port}`);
const trusting = { kind: "insecure" } as const;

/** A link that speaks only what the case writes. */
async function bare(relay: Relay): Promise<{ link: Link; ended: Promise<LinkClosed> }> {
  const engine = await createNative({ clock: systemClock, warn: () => {} }, { threads: 1, socketBuffer: 65_536 });
  const ended = Promise.withResolvers<LinkClosed>();
  const none = { data: () => {}, fin: () => {}, reset: () => {}, stop: () => {} };
  const link = await engine.dial(
    {
      url: urlOf(relay, "/"),
      protocols: ["moq-lite-05"],
      trust: trusting,
      limits: { uniStreams: 100, bidiStreams: 100, idleTimeoutMs: 10_000, keepAliveMs: 2_000, queueMark: 1_000_000 },
      timeoutMs: TIMEOUT_MS,
    },
    () => ({
      uni: () => none,
      bidi: () => none,
      datagram: () => {},
      capacity: () => {},
      backlog: () => {},
      drained: () => {},
      closed: ended.resolve,
    }),
  );
  return { link, ended: ended.promise };
}

describe("a client over raw QUIC", { skip }, () => {
  it("is let in by the path and the token of its SETUP, and sees what they grant", () =>
    withRelay({}, async (relay, log) => {
      const jwt = await token({ root: "live", put: "", get: "" });
      const publisher = await publishTo(urlOf(relay, `/live?jwt=${jwt}`), "room/cam", "video", [["a", "b"]], trusting);
      publisher.publish("hall/cam");
      await until(() => relay.counters.broadcastsActive === 2);
      const viewer = await token({ root: "live/room", get: "" });
      const client = await connect(urlOf(relay, `/live/room?jwt=${viewer}`), {
        trust: trusting,
        timeoutMs: TIMEOUT_MS,
      });
      const seen: string[] = [];
      const { ready } = client.announced("", ({ path }) => seen.push(path));
      await ready;
      assert.deepEqual(seen, ["cam"]);
      const group = await client.fetch({ broadcast: "cam", track: "video", timeoutMs: TIMEOUT_MS });
      assert.deepEqual(
        group.frames.map(({ payload }) => Buffer.from(payload).toString()),
        ["a", "b"],
      );
      await client.close();
      publisher.session.close(0, "");
      assert.equal(JSON.stringify(log).includes(jwt.slice(-20)), false);
      assert.match(JSON.stringify(log), /"path":"\/live\/room"/);
    }));

  it("is refused with a code where its token is missing, wrong or for something else", () =>
    withRelay({}, async (relay) => {
      const other = await signToken(await generateKey({ alg: "ES256", kid: "raw" }), { get: "" });
      const elsewhere = await token({ root: "other", get: "" });
      const beyond = await forged(scoped, { root: "live", get: "", cluster: true });
      for (const [target, why] of [
        ["/live", "token_missing"],
        ["/live?jwt=nonsense", "token_malformed"],
        [`/live?jwt=${other}`, "signature_invalid"],
        [`/live?jwt=${elsewhere}`, "path_unrelated"],
        [`/live?jwt=${beyond}`, "key_scope_exceeded"],
        [`/.moqmesh?jwt=${beyond}`, "key_scope_exceeded"],
        [`/live?node=edge-1&role=edge&jwt=${beyond}`, "key_scope_exceeded"],
        [`/live/../other?jwt=${elsewhere}`.replace("..", "%2e%2e%2f"), "path_"],
      ] as const) {
        const { link, ended } = await bare(relay);
        const caps = capabilities("moq-lite-05");
        assert.ok(caps);
        const stream = link.openUni(1, { stop: () => {} });
        stream?.write(encodeSetupStream({ probe: 0, role: "both", path: target }, caps));
        stream?.finish();
        const { code, reason } = await ended;
        assert.ok([codeOf("unauthorized"), codeOf("unroutable")].includes(code), `${target}: ${code}`);
        assert.ok(reason.includes(why), `${target}: ${reason}`);
      }
    }));

  it("that sends no SETUP, or much else before it, is cut off, and counted no more", () =>
    withRelay({ MOQMESH_LIMITS_HANDSHAKE_TIMEOUT: "1s", MOQMESH_LIMITS_SESSIONS: "1" }, async (relay) => {
      const silent = await bare(relay);
      assert.equal((await silent.ended).code, codeOf("timeout"));
      const noisy = await bare(relay);
      const none = { data() {}, fin() {}, reset() {}, stop() {} };
      for (let n = 0; n < 4; n++) noisy.link.openBidi(1, none)?.write(Buffer.alloc(32_768));
      assert.equal((await noisy.ended).code, codeOf("limit"));
      const jwt = await token({ get: "" });
      const client = await connect(urlOf(relay, `/?jwt=${jwt}`), { trust: trusting, timeoutMs: TIMEOUT_MS });
      await client.close();
    }));

  it("gets what is public where its version has no SETUP", () =>
    withRelay({ MOQMESH_AUTH_PUBLIC_SUBSCRIBE: "open" }, async (relay) => {
      const jwt = await token({ put: "" });
      const publisher = await publishTo(urlOf(relay, `/?jwt=${jwt}`), "open/cam", "video", [["a"]], trusting);
      publisher.publish("closed/cam");
      await until(() => relay.counters.broadcastsActive === 2);
      const client = await connect(urlOf(relay, "/"), {
        trust: trusting,
        timeoutMs: TIMEOUT_MS,
        protocols: ["moq-lite-04"],
      });
      const seen: string[] = [];
      await client.announced("", ({ path }) => seen.push(path)).ready;
      assert.deepEqual(seen, ["open/cam"]);
      await client.close();
      publisher.session.close(0, "");
    }));
});
