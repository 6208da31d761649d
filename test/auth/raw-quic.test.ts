/** Raw QUIC, where path and token come in SETUP: the native engine, a whole relay, and clients of the command line's kind. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { generateKey, signToken } from "../../auth/index.ts";
import type { Link, LinkClosed } from "../../moq/link.ts";
import { codeOf } from "../../moq/session/lite/codes.ts";
import { encodeSetupStream } from "../../moq/wire/lite/setup.ts";
import { capabilities } from "../../moq/wire/lite/versions.ts";
import { connect } from "../../relay/client/client.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { missingEngine, nativeClient } from "../support/engines.ts";
import { TestKey } from "../support/keys.ts";
import { publishTo } from "../support/publisher.ts";
import { type Settings, type TestRelay, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { forged } from "./support.ts";

const TIMEOUT_MS = patient(20_000);
const keys = await TestKey.make("raw");
const scoped = await generateKey({ alg: "ES256", kid: "scoped", scope: { root: "live", get: [""] } });
await keys.add(scoped);
after(() => keys.remove());

function withGuarded(settings: Settings, work: (relay: TestRelay) => Promise<void>): Promise<void> {
  return withRelay({ "auth.key_dir": keys.folder, "server.engine": "native", ...settings }, work);
}

const trusting = { kind: "insecure" } as const;

/** A link that speaks only what the case writes. */
async function bare(relay: TestRelay): Promise<{ link: Link; ended: Promise<LinkClosed> }> {
  const engine = await nativeClient();
  const ended = Promise.withResolvers<LinkClosed>();
  const none = { data: () => {}, fin: () => {}, reset: () => {}, stop: () => {} };
  const link = await engine.dial(
    {
      url: relay.at("moql", "/"),
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

describe("a client over raw QUIC", { skip: missingEngine() }, () => {
  it("is accepted by the path and the token in its SETUP, and sees what they grant", () =>
    withGuarded({}, async (relay) => {
      const jwt = await keys.token({ root: "live", put: "", get: "" });
      const publisher = await publishTo(
        relay.at("moql", `/live?jwt=${jwt}`),
        "room/cam",
        "video",
        [["a", "b"]],
        trusting,
      );
      publisher.publish("hall/cam");
      await until(() => relay.counters.broadcastsActive === 2);
      const viewer = await keys.token({ root: "live/room", get: "" });
      const client = await connect(relay.at("moql", `/live/room?jwt=${viewer}`), {
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
      const log = JSON.stringify(relay.entries);
      assert.equal(log.includes(jwt.slice(-20)), false);
      assert.match(log, /"path":"\/live\/room"/);
    }));

  it("is refused with a code when its token is missing, invalid or for another path", () =>
    withGuarded({}, async (relay) => {
      const other = await signToken(await generateKey({ alg: "ES256", kid: "raw" }), { get: "" });
      const elsewhere = await keys.token({ root: "other", get: "" });
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

  it("is disconnected and no longer counted when it sends no SETUP, or too much before it", () =>
    withGuarded({ "limits.handshake_timeout": "1s", "limits.sessions": "1" }, async (relay) => {
      const silent = await bare(relay);
      assert.equal((await silent.ended).code, codeOf("timeout"));
      const noisy = await bare(relay);
      const none = { data() {}, fin() {}, reset() {}, stop() {} };
      for (let n = 0; n < 4; n++) noisy.link.openBidi(1, none)?.write(Buffer.alloc(32_768));
      assert.equal((await noisy.ended).code, codeOf("limit"));
      const jwt = await keys.token({ get: "" });
      const client = await connect(relay.at("moql", `/?jwt=${jwt}`), { trust: trusting, timeoutMs: TIMEOUT_MS });
      await client.close();
    }));

  it("gets what is public when its version has no SETUP", () =>
    withGuarded({ "auth.public_subscribe": "open" }, async (relay) => {
      const jwt = await keys.token({ put: "" });
      const publisher = await publishTo(relay.at("moql", `/?jwt=${jwt}`), "open/cam", "video", [["a"]], trusting);
      publisher.publish("closed/cam");
      await until(() => relay.counters.broadcastsActive === 2);
      const client = await connect(relay.at("moql", "/"), {
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
