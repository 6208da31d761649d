/** Sessions that end because their token does, and attacks that end nothing. */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { describe, it } from "node:test";
import { generateKey, signToken } from "../../auth/index.ts";
import { closeCodes } from "../../moq/session/index.ts";
import { codeOf } from "../../moq/session/lite/codes.ts";
import { PrometheusExport } from "../../relay/http/metrics.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { type TestClient, type TestPublisher, type TestViewer, VERSIONS } from "../session/support.ts";
import { type GuardedOptions, GuardedRelay } from "./relay.ts";

const VERSION = "moq-lite-05";

async function guarded(work: (relay: GuardedRelay) => Promise<void>, options: GuardedOptions = {}): Promise<void> {
  const relay = await GuardedRelay.start(options);
  try {
    await work(relay);
  } finally {
    await relay.stop();
  }
}

/** Milliseconds of the clock until the client's session has ended. */
async function timeToEnd(relay: GuardedRelay, client: TestClient, atMost: number): Promise<number> {
  const from = relay.clock.now();
  while (client.reports.length === 0 && relay.clock.now() - from < atMost) await relay.pass(1);
  return relay.clock.now() - from;
}

describe("a session ends", () => {
  for (const version of VERSIONS) {
    it(`within milliseconds of its token's expiry, with a code (${version})`, () =>
      guarded(async (relay) => {
        const viewer = await relay.connect(version, await relay.token({ get: "", exp: relay.seconds(10) }));
        const other = await relay.connect(version, await relay.token({ get: "" }));
        const took = await timeToEnd(relay, viewer, 20_000);
        // 10 s less the handshake, and 5 ms of latency.
        assert.ok(took > 9_900 && took <= 10_005, `${took} ms`);
        assert.deepEqual(viewer.reports[0]?.code, closeCodes(version).codeOf("token_expired"));
        assert.equal(viewer.reports[0]?.message, "the token has expired");
        assert.equal(other.reports.length, 0);
        assert.equal(relay.counters.sessionsClosed.token_expired, 1);
      }));
  }

  it("after a GOAWAY when `auth.expiry_notice` is set, so that the client can reconnect with a new token", () =>
    guarded(
      async (relay) => {
        const viewer = await relay.connect(VERSION, await relay.token({ get: "", exp: relay.seconds(60) }));
        let refused = false;
        const from = relay.clock.now();
        while (!refused && relay.clock.now() - from < 60_000) {
          // After GOAWAY a client opens no streams: its own session refuses.
          refused = await new Promise<boolean>((resolve) => {
            viewer.session.source.info("none", "t", (answer) => resolve(answer === "upstream"));
            void relay.pass(50).then(() => resolve(false));
          });
        }
        const noticed = relay.clock.now() - from;
        assert.ok(noticed >= 29_900 && noticed <= 30_200, `${noticed} ms`);
        assert.equal(viewer.reports.length, 0);
        const rest = await timeToEnd(relay, viewer, 60_000);
        assert.ok(rest > 29_700 && rest <= 30_100, `${rest} ms`);
      },
      { settings: { "auth.expiry_notice": "30s" } },
    ));

  for (const by of ["jti", "sub", "kid"] as const) {
    it(`at once when its token is revoked by ${by}; the token is not accepted again, and another viewer keeps watching`, () =>
      guarded(async (relay) => {
        const other = await generateKey({ alg: "HS256", kid: "k1" });
        const token = await relay.token({ get: "", jti: "id-1", sub: "ann" });
        const viewer = await relay.connect(VERSION, token);
        const bob = await relay.connect(VERSION, await relay.token({ get: "", jti: "id-2", sub: "bob" }));
        const name = { jti: { jti: "id-1" }, sub: { sub: "ann" }, kid: { kid: "k1" } }[by];
        await relay.revoke(name);
        const took = await timeToEnd(relay, viewer, 1_000);
        assert.ok(took <= 10, `${took} ms`);
        assert.equal(viewer.reports[0]?.code, codeOf("token_revoked"));
        await relay.pass(100);
        assert.equal(bob.reports.length, by === "kid" ? 1 : 0);
        await assert.rejects(relay.connect(VERSION, token), { status: 401, message: /token_revoked/ });
        await assert.rejects(relay.connect(VERSION, await signToken(other, { get: "" })), { status: 401 });
      }));
  }

  it("within a second when the key that signed its token is removed", () =>
    guarded(async (relay) => {
      const viewer = await relay.connect(VERSION, await relay.token({ get: "" }));
      await rm(relay.key.file);
      const from = relay.clock.now();
      const started = performance.now();
      while (viewer.reports.length === 0 && performance.now() - started < 10_000) {
        await relay.pass(1);
        // Reading the folder is other threads' work; the clock waits for it.
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      const took = relay.clock.now() - from;
      assert.ok(took <= 1_000, `${took} ms`);
      assert.equal(viewer.reports[0]?.code, codeOf("token_revoked"));
      await assert.rejects(relay.connect(VERSION, await relay.token({ get: "" })), {
        status: 401,
        message: /key_unknown/,
      });
    }));

  it("together with the broadcasts of its publisher", () =>
    guarded(async (relay) => {
      const publisher = await relay.connect(VERSION, await relay.token({ put: "", exp: relay.seconds(5) }));
      publisher.publish("live/a");
      await relay.pass(100);
      assert.equal(relay.counters.broadcastsActive, 1);
      await relay.pass(6_000);
      assert.equal(relay.counters.broadcastsActive, 0);
    }));
});

describe("a client that is refused", () => {
  it("gets a code when the relay has no keys and no public prefixes, and the log says once what to configure", () =>
    guarded(
      async (relay) => {
        for (let n = 0; n < 3; n++) {
          await assert.rejects(relay.connect(VERSION), { status: 403, message: /not_configured/ });
        }
        const advice = relay.entries.filter((line) => String(line["msg"]).includes("docs/auth.md"));
        assert.equal(advice.length, 1);
        assert.equal(relay.counters.sessionsRefused.get("not_configured"), 3);
      },
      { withKey: false },
    ));

  it("has a tenant with too many sessions; other tenants are not affected", () =>
    guarded(
      async (relay) => {
        const a = await relay.token({ root: "a", get: "" });
        const [first] = [await relay.connect(VERSION, a), await relay.connect(VERSION, a)];
        await assert.rejects(relay.connect(VERSION, a), { status: 429, message: /tenant_sessions/ });
        await relay.connect(VERSION, await relay.token({ root: "b", get: "" }));
        first?.session.close(0, "");
        await relay.pass(50);
        await relay.connect(VERSION, a);
      },
      { settings: { "auth.sessions_per_tenant": "2" } },
    ));
});

/** How the relay answers a client at an address that the other clients do not have. */
function outcomeAt(relay: GuardedRelay, query: string, authorization?: string): Promise<number | "accepted"> {
  return new Promise((resolve) => {
    relay.offer({
      info: {
        engine: "memory",
        binding: "webtransport",
        protocol: VERSION,
        dialled: false,
        authority: "",
        path: "/",
        query,
        headers: new Map(authorization === undefined ? [] : [["authorization", authorization]]),
        peer: { address: "203.0.113.9", port: 1 },
      },
      accept: () => resolve("accepted"),
      reject: (status) => resolve(status),
    });
  });
}

describe("clients that share one address", () => {
  it("get the reason for a signed token that is no longer valid, however often one retries, and do not block each other", () =>
    guarded(async (relay) => {
      await relay.revoke({ jti: "gone" });
      const stale = [
        await relay.token({ get: "", exp: relay.seconds(-1) }),
        await relay.token({ get: "", jti: "gone" }),
        await relay.token({ get: "", nbf: relay.seconds(60) }),
      ];
      for (let n = 0; n < 30; n++) {
        for (const token of stale) assert.equal(await outcomeAt(relay, `jwt=${token}`), 401);
        await relay.pass(100);
      }
      assert.equal(await outcomeAt(relay, `jwt=${await relay.token({ get: "" })}`), "accepted");
      assert.equal(relay.counters.sessionsRefused.get("address_backoff"), undefined);
    }));

  it("have to wait after guessed tokens, while valid tokens and public paths are served", () =>
    guarded(
      async (relay) => {
        const good = await relay.token({ get: "" });
        const forged = await signToken(await generateKey({ alg: "HS256", kid: "k1" }), { get: "" });
        const guesses: (number | "accepted")[] = [];
        for (let n = 0; n < 10; n++) {
          guesses.push(await outcomeAt(relay, `jwt=${forged}`));
          assert.equal(await outcomeAt(relay, `jwt=${good}`), "accepted");
          assert.equal(await outcomeAt(relay, ""), "accepted");
        }
        assert.deepEqual(guesses, [401, 401, 401, 401, 401, 401, 429, 429, 429, 429]);
        await relay.pass(1_000);
        assert.equal(await outcomeAt(relay, `jwt=${forged}`), 401);
      },
      { settings: { "auth.public_subscribe": "demo" } },
    ));
});

/** A second of an attack, on a machine that needs a minute for it. */
const ATTACK = { timeout: patient(60_000) };

describe("an attack", () => {
  it("with ten thousand bad tokens a second from one address does not disturb fifty viewers", ATTACK, () =>
    guarded(async (relay) => {
      const publisher = await relay.connect(VERSION, await relay.token({ put: "" }));
      const broadcast: TestPublisher = publisher.publish("live/a");
      await relay.pass(50);
      const viewers: TestViewer[] = [];
      for (let n = 0; n < 50; n++) {
        const client = await relay.connect(VERSION, await relay.token({ get: "" }));
        viewers.push(client.watch("live/a"));
      }
      await relay.pass(50);
      const forged = await signToken(await generateKey({ alg: "HS256", kid: "k1" }), { get: "" });
      const peer = { address: "203.0.113.9", port: 1 };
      const statuses = new Map<number, number>();
      const info = (n: number) => ({
        engine: "memory",
        binding: "memory" as const,
        protocol: VERSION,
        dialled: false,
        authority: "",
        path: "/",
        query: `jwt=${forged}${n}`,
        headers: new Map<string, string>(),
        peer,
      });
      let answered = 0;
      for (let tick = 0; tick < 100; tick++) {
        for (let n = 0; n < 100; n++) {
          relay.offer({
            info: info(tick * 100 + n),
            accept: () => assert.fail("a forged token was accepted"),
            reject: (status) => {
              answered++;
              statuses.set(status, (statuses.get(status) ?? 0) + 1);
            },
          });
        }
        if (tick % 4 === 0) broadcast.send(tick / 4, `frame ${tick / 4}`);
        await relay.pass(10);
      }
      const all = () => answered >= 10_000;
      while (!all()) await new Promise((resolve) => setImmediate(resolve));
      await relay.pass(100);
      for (const viewer of viewers) {
        assert.deepEqual(
          viewer.groupLines,
          Array.from({ length: 25 }, (_, group) => `${group} finished frame ${group}`),
        );
      }
      // The relay verified no more than one second's handshakes.
      assert.ok((statuses.get(401) ?? 0) <= 200, JSON.stringify([...statuses]));
      assert.equal((statuses.get(401) ?? 0) + (statuses.get(429) ?? 0), 10_000);
      const lines = relay.entries.filter((line) => line["msg"] === "session refused").length;
      assert.ok(lines <= 30, `${lines} lines`);
    }),
  );

  it("with several tokens, or with another scheme of the Authorization field, is refused", () =>
    guarded(async (relay) => {
      const token = await relay.token({ get: "" });
      const other = await relay.token({ get: "", jti: "other" });
      const outcome = (query: string, authorization?: string) => outcomeAt(relay, query, authorization);
      assert.equal(await outcome(`jwt=${token}`), "accepted");
      assert.equal(await outcome("", `Bearer ${token}`), "accepted");
      assert.equal(await outcome("", `bearer ${token}`), "accepted");
      assert.equal(await outcome(`jwt=${token}`, `Bearer ${token}`), "accepted");
      assert.equal(await outcome(`a=b&jwt=${encodeURIComponent(token)}`), "accepted");
      assert.equal(await outcome(`jwt=${token}&jwt=${other}`), 401);
      assert.equal(await outcome(`jwt=${token}`, `Bearer ${other}`), 401);
      assert.equal(await outcome("", `Basic ${token}`), 401);
      assert.equal(await outcome(`JWT=${token}`), 401);
    }));
});

describe("the log and the metrics", () => {
  it("contain no token, whether it was accepted, refused, expired or revoked", () =>
    guarded(async (relay) => {
      const tokens = [
        await relay.token({ put: "", jti: "pub" }),
        await relay.token({ get: "", exp: relay.seconds(5) }),
        await relay.token({ get: "", sub: "ann" }),
      ];
      for (const token of tokens) await relay.connect(VERSION, token);
      const bad = [
        await relay.token({ get: "", exp: relay.seconds(-1) }),
        "eyJhbGciOiJub25lIn0.e30.",
        "not-a-token-at-all",
      ];
      for (const token of bad) await assert.rejects(relay.connect(VERSION, token), { status: 401 });
      await relay.revoke({ sub: "ann" });
      await relay.pass(6_000);
      await relay.stop();
      const text = JSON.stringify(relay.entries) + (await new PrometheusExport(relay.counters).render()).text;
      assert.match(text, /"tokenId":"pub","keyId":"k1"/);
      assert.match(text, /moqmesh_sessions_refused_total\{code="token_expired"\} 1/);
      assert.match(text, /"reason":"token_revoked"/);
      for (const token of [...tokens, ...bad]) {
        for (const part of token.split(".").filter((one) => one.length > 4))
          assert.equal(text.includes(part), false, part);
      }
    }));
});
