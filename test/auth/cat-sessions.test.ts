/** Sessions whose client has a Common Access Token, at a whole relay over a simulated network. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { scopesOfJson, signCat } from "../../auth/index.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { TestGroup } from "../../lab/sim/client.ts";
import type { LinkInfo } from "../../moq/link.ts";
import { FetchIntoGroup } from "../../moq/model/fetched-group.ts";
import { groupRange } from "../../moq/model/locations.ts";
import { type PresentedAccess, permits } from "../../moq/session/index.ts";
import { codeOf } from "../../moq/session/lite/codes.ts";
import { AuthGate, ClusterPlane } from "../../relay/host/index.ts";
import { TestKey } from "../support/keys.ts";
import { configOf } from "../support/relay.ts";
import { GuardedRelay } from "./relay.ts";
import { NOW } from "./support.ts";

const VERSION = "moq-lite-05";
const setup = '["client_setup"]';

describe("a session with a Common Access Token", () => {
  let relay: GuardedRelay;
  const tokens: string[] = [];

  before(async () => {
    relay = await GuardedRelay.start();
    const insider = await relay.connect(VERSION, await relay.token({ put: "", get: "" }));
    for (const path of ["live/a1", "live/b1", "other/a1"]) insider.publish(path);
    await relay.pass(100);
  });
  after(() => relay.stop());

  async function join(scopes: string, about = {}) {
    const token = await signCat(relay.key.key, { scopes: scopesOfJson(`[[${setup}], ${scopes}]`), about });
    tokens.push(token);
    return await relay.connect(VERSION, undefined, `/?cat=${token}`);
  }

  it("sees the namespaces, subscribes to the tracks and fetches the tracks that its scopes have, and no others", async () => {
    const client = await join(
      '[["subscribe_namespace"], ["live", ["prefix", "a"]]], [["subscribe"], ["live", ["prefix", "a"]], ["prefix", "vid"]], [["fetch"], [["suffix", "her"]]]',
    );
    await relay.pass(500);
    assert.deepEqual(
      [...client.broadcasts.list()].map(({ path }) => path),
      ["live/a1"],
    );
    const watch = async (path: string, track: string) => {
      const viewer = client.watch(path, undefined, track);
      await relay.pass(100);
      return viewer.log.join();
    };
    assert.doesNotMatch(await watch("live/a1", "video"), /closed/);
    for (const [path, track] of [
      ["live/a1", "audio"],
      ["live/b1", "video"],
      ["other/a1", "video"],
    ] as const) {
      assert.equal(await watch(path, track), "closed unauthorized", `${path} ${track}`);
    }
    const fetched = async (path: string) => {
      const group = new TestGroup(0, true);
      client.session.source.fetch(path, "video", groupRange(0), 0, new FetchIntoGroup(group));
      await relay.pass(100);
      return group.state;
    };
    assert.equal(await fetched("live/a1"), "unauthorized");
    assert.equal(await fetched("other/a1"), "finished");
    client.session.close(0, "");
  });

  it("publishes in the namespaces that its scopes have, and ends when it announces another one", async () => {
    const client = await join('[["publish_namespace"], ["live", ["suffix", "-x"], null]]');
    client.publish("live/1-x");
    await relay.pass(100);
    assert.equal(client.reports.length, 0);
    client.publish("live/1-x/deeper");
    await relay.pass(100);
    assert.equal(client.reports[0]?.code, codeOf("unauthorized"));
  });

  it("is refused where the token does not permit to open one", async () => {
    const token = await signCat(relay.key.key, { scopes: scopesOfJson('[[["subscribe"]]]'), about: {} });
    await assert.rejects(relay.connect(VERSION, undefined, `/?cat=${token}`), { status: 403 });
    await assert.rejects(relay.connect(VERSION, undefined, `/?cat=${token}&jwt=a.b.c`), { status: 401 });
  });

  it("ends when its token expires, and when it is revoked", async () => {
    const scope = '[["subscribe"], ["live"]]';
    const [expiring, revoked] = [await join(scope, { exp: relay.seconds(60) }), await join(scope, { jti: "cat-1" })];
    await relay.revoke({ jti: "cat-1" });
    await relay.pass(100);
    assert.equal(revoked.reports[0]?.code, codeOf("token_revoked"));
    assert.equal(expiring.reports.length, 0);
    await relay.pass(60_000);
    assert.equal(expiring.reports[0]?.code, codeOf("token_expired"));
  });

  it("leaves no token in the log", () => {
    const text = JSON.stringify(relay.entries);
    assert.match(text, /cat-1/);
    for (const token of tokens) assert.equal(text.includes(token), false);
  });
});

describe("tokens in messages", () => {
  const info = (tokens: LinkInfo["tokens"] = []): LinkInfo => ({
    engine: "memory",
    binding: "quic",
    protocol: "moqt-18",
    dialled: false,
    authority: "",
    path: "/",
    query: "",
    headers: new Map(),
    tokens,
    peer: { address: "203.0.113.9", port: 1 },
  });
  let key: TestKey;
  let gate: AuthGate;
  const clock = new ManualClock();
  before(async () => {
    key = await TestKey.make("k1", { alg: "EdDSA" }, () => NOW / 1_000);
    const config = configOf({ "auth.key_dir": key.folder, "auth.public_subscribe": "open" });
    const deps = { config, cluster: new ClusterPlane(config.cluster), clock, wallNow: () => NOW + clock.now() };
    gate = new AuthGate({ ...deps, warn: assert.fail, changed: () => {} });
    await gate.open();
  });
  after(async () => {
    gate.close();
    await key.remove();
  });

  const cat = async (scopes: string, about = {}) => ({
    type: 1,
    value: new Uint8Array(
      Buffer.from(await signCat(key.key, { scopes: scopesOfJson(`[${scopes}]`), about }), "base64url"),
    ),
  });

  it("admit a client by those of its SETUP", async () => {
    const { access, who, release } = await gate.admit(
      info([await cat(`[${setup}], [["fetch"], ["live"]]`, { sub: "a" })]),
      "",
      "public",
    );
    assert.equal(who.subject, "a");
    assert.equal(permits(access, "fetch", "live/x", "video"), true);
    assert.equal(permits(access, "subscribe", "live/x", "video"), false);
    release();
    // A type that is not known is ignored, so this client has no token.
    const other = await gate.admit(info([{ type: 5, value: new Uint8Array(1) }]), "", "public");
    assert.deepEqual([other.who, permits(other.access, "fetch", "live/x", "video")], [{}, false]);
    other.release();
  });

  it("permit one request what its tokens grant, a JSON Web Token like a Common Access Token", async () => {
    const { access, release } = await gate.admit(info(), "open", "public");
    const present = async (token: { type: number; value: Uint8Array }) => {
      const answer = await access.present?.([token], "subscribe", "open/live", "video");
      assert.ok(answer);
      return answer;
    };
    const granted = async (token: { type: number; value: Uint8Array }): Promise<PresentedAccess> => {
      const answer = await present(token);
      assert.ok(!("refused" in answer));
      return answer;
    };
    const exp = NOW / 1_000 + 60;
    const one = await granted(await cat('[["subscribe"], ["open", "live"], "video"]', { exp, jti: "r1" }));
    assert.equal(permits(one, "subscribe", "open/live", "video"), true);
    assert.equal(permits(one, "subscribe", "open/live", "audio"), false);
    assert.deepEqual([one.expiresIn(), one.check()], [60_000, undefined]);
    const jwt = { type: 0, value: new Uint8Array(Buffer.from(await key.token({ root: "open", put: "live" }))) };
    assert.equal(permits(await granted(jwt), "publish", "open/live", "video"), true);
    const ignored = await granted({ type: 9, value: new Uint8Array() });
    assert.equal(permits(ignored, "subscribe", "open/live", "video"), true, "as without a token");
    assert.equal(permits(ignored, "publish", "open/live", "video"), false);
    await gate.revoke({ jti: "r1" });
    assert.equal(one.check(), "token_revoked");
    const refusals = [
      [{ type: 1, value: new Uint8Array([0xd2]) }, "malformed"],
      [{ type: 1, value: new Uint8Array(9_000) }, "malformed"],
      [await cat('[["subscribe"]]', { exp: NOW / 1_000 - 1 }), "expired"],
      [await cat('[["fetch"]]'), "unauthorized"],
    ] as const;
    for (const [token, why] of refusals) {
      const answer = await present(token);
      assert.ok("refused" in answer);
      assert.equal(answer.refused, why);
    }
    release();
  });
});
