/** Tokens over real sockets: @moq/net over WebTransport and WebSocket, the admin listener, and the log of a whole relay. */
import assert from "node:assert/strict";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Connection } from "@moq/net";
import QmuxSession from "@moq/qmux";
import { WebTransport as NodeWebTransport } from "rwebtransport";
import { generateKey, signToken } from "../../auth/index.ts";
import { AUTH_METRICS } from "../../relay/host/gate.ts";
import {
  EVERYTHING,
  frameBytes,
  freshPath,
  online,
  publish,
  subscribed,
  TRACK,
  writeFrame,
  writeGroup,
} from "./support/media.ts";
// Also silences the library, which logs every step on the console with URLs and tokens.
import "./support/peer.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { ADMIN_SECRET } from "../support/admin.ts";
import { TestKey } from "../support/keys.ts";
import { captureLog } from "../support/log.ts";
import { type Settings, type TestRelay, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";

const TIMEOUT = { timeout: patient(30_000) };
/** Milliseconds in which a session ends whose token expired or was revoked, also on a busy machine; idle ones end after 30 s. */
const SOON_MS = 2_000;
const key = await TestKey.make("live");
after(() => key.remove());

const captured = captureLog();

function withGuarded(work: (relay: TestRelay) => Promise<void>, settings: Settings = {}): Promise<void> {
  return withRelay({ "auth.key_dir": key.folder, ...settings }, work, { captured });
}

/** A session of @moq/net, and when and how it was closed. */
async function dial(relay: TestRelay, transport: "webtransport" | "websocket", jwt?: string) {
  const url = relay.at("https");
  if (jwt !== undefined) url.searchParams.set("jwt", jwt);
  const protocols = ["moq-lite-04"];
  let session: WebTransport;
  if (transport === "webtransport") {
    const value = relay.certificateHash;
    session = new NodeWebTransport(url.href, { protocols, serverCertificateHashes: [{ algorithm: "sha-256", value }] });
  } else {
    url.protocol = "ws:";
    session = new QmuxSession(url, { protocols, versions: { "moq-lite-04": null }, requireProtocol: true });
  }
  const ended = session.closed.then(
    (info) => ({ at: Date.now(), code: info.closeCode }),
    () => ({ at: Date.now(), code: undefined }),
  );
  await session.ready;
  const connection = await Connection.connect(url, { transport: session });
  return { connection, ended };
}

for (const transport of ["webtransport", "websocket"] as const) {
  describe(`@moq/net with tokens over ${transport}`, () => {
    it(
      "publishes and watches, is disconnected when its token expires, and reconnects with a new one",
      TIMEOUT,
      (context) =>
        withGuarded(async (relay) => {
          const path = freshPath();
          const publisher = await dial(relay, transport, await key.token({ put: "" }));
          const { track } = publish(publisher.connection, path);
          const expires = Math.floor(Date.now() / 1000) + 3;
          const viewer = await dial(relay, transport, await key.token({ get: "", exp: expires }));
          const broadcast = await online(viewer.connection.announcedBroadcast(path));
          const subscriber = broadcast.track(TRACK).subscribe(EVERYTHING);
          await subscribed(track);
          writeGroup(track, 1, 0, 3);
          assert.ok(await subscriber.recvGroup());
          const { at, code } = await viewer.ended;
          const late = at - expires * 1000;
          context.diagnostic(`ended ${late} ms after exp`);
          assert.ok(late >= -50 && late < SOON_MS, `${late} ms after exp`);
          assert.equal(code, 66);
          const again = await dial(relay, transport, await key.token({ get: "" }));
          const back = (await online(again.connection.announcedBroadcast(path))).track(TRACK).subscribe(EVERYTHING);
          await subscribed(track);
          const group = track.appendGroup();
          writeFrame(group, frameBytes(1, 1, 1));
          group.close();
          assert.ok(await back.recvGroup());
        }),
    );

    it("is disconnected soon after a revocation at the admin listener", TIMEOUT, (context) =>
      withGuarded(async (relay) => {
        const viewer = await dial(relay, transport, await key.token({ get: "", jti: "gone" }));
        const kept = await dial(relay, transport, await key.token({ get: "", jti: "kept" }));
        await until(() => relay.counters.sessionsActive === 2);
        const from = Date.now();
        const answer = await relay.revoke({ jti: "gone" });
        assert.equal(answer.status, 200);
        const { at, code } = await viewer.ended;
        context.diagnostic(`ended ${at - from} ms after the call`);
        assert.ok(at - from < SOON_MS, `${at - from} ms`);
        assert.equal(code, 67);
        assert.equal(await Promise.race([kept.ended, sleep(100, "open")]), "open");
        kept.connection.close();
      }),
    );

    it("is disconnected at once when it publishes without permission", TIMEOUT, () =>
      withGuarded(async (relay) => {
        const viewer = await dial(relay, transport, await key.token({ get: "" }));
        publish(viewer.connection, freshPath());
        assert.equal((await viewer.ended).code, 6);
      }),
    );

    it("is refused without a token and with a forged one", TIMEOUT, () =>
      withGuarded(async (relay) => {
        const forged = await signToken(await generateKey({ alg: "ES256", kid: "live" }), { get: "" });
        key.tokens.push(forged);
        for (const jwt of [undefined, forged]) {
          // rwebtransport has answered 200 by then: the session ends with the status as its code.
          const code = await dial(relay, transport, jwt).then(
            ({ ended }) => ended.then((end) => end.code),
            () => 401,
          );
          assert.equal(code, 401);
        }
        assert.equal(relay.counters.sessionsActive, 0);
      }),
    );
  });
}

describe("the admin listener", () => {
  it("revokes for a JSON object and the secret, and for nothing else", () =>
    withGuarded(async (relay) => {
      const post = async (body: string, headers: Record<string, string>) =>
        (await fetch(relay.admin("/api/v1/revocations"), { method: "POST", body, headers })).status;
      const json = { "content-type": "application/json", authorization: `Bearer ${ADMIN_SECRET}` };
      assert.equal(await post('{"jti":"x"}', json), 200);
      assert.equal(await post('{"jti":"x"}', { ...json, "content-type": "text/plain" }), 415);
      assert.equal(await post('{"jti":"x"}', { ...json, origin: "https://evil.example" }), 403);
      for (const body of ["{", "[]", "null", "{}", '{"jti":""}', '{"jti":1}', '{"jti":"a","sub":"b"}', '{"jit":"a"}']) {
        assert.equal(await post(body, json), 400, body);
      }
      assert.equal(await post(`{"jti":"${"x".repeat(20_000)}"}`, json), 413);
      for (const authorization of ["", "Bearer", `Bearer ${ADMIN_SECRET}x`, `Basic ${ADMIN_SECRET}`, ADMIN_SECRET]) {
        assert.equal(await post('{"jti":"x"}', { ...json, authorization }), 401, authorization);
      }
      assert.deepEqual(relay.counters.samples(AUTH_METRICS.metrics.revocations), [[{}, 1]]);
      assert.equal((await fetch(relay.admin("/api/v1/revocations"), { method: "PUT" })).status, 405);
      assert.equal((await fetch(relay.at("http", "/api/v1/revocations"), { method: "POST" })).status, 405);
    }));
});

describe("the admin listener without a configured secret", () => {
  it("accepts the secret that the relay makes in its state folder, which only its user may read", () =>
    withGuarded(
      async (relay) => {
        assert.equal((await relay.revoke({ jti: "x" })).status, 401);
        assert.deepEqual(relay.counters.samples(AUTH_METRICS.metrics.revocations), [[{}, 0]]);
        const file = join(relay.folder, "admin.token");
        assert.equal((await stat(file)).mode & 0o777, 0o600);
        const secret = (await readFile(file, "utf8")).trim();
        assert.equal((await relay.revoke({ jti: "x" }, secret)).status, 200);
        assert.deepEqual(relay.counters.samples(AUTH_METRICS.metrics.revocations), [[{}, 1]]);
      },
      { "http.admin_token_file": "" },
    ));

  it("does not start with a secret that is short or unreadable", async () => {
    const short = join(key.folder, "short.token");
    await writeFile(short, "hunter2\n");
    for (const [file, why] of [
      [short, /32 characters/],
      [key.folder, /not a regular file/],
      [join(key.folder, "none"), /ENOENT/],
    ] as const) {
      await assert.rejects(
        withGuarded(async () => {}, { "http.admin_token_file": file }),
        (error: Error) => why.test(error.message) && error.message.includes("http.admin_token_file"),
      );
    }
  });
});

describe("the log of all these relays", () => {
  it("contains no token", () => {
    const text = JSON.stringify(captured.entries);
    assert.match(text, /session refused/);
    assert.match(text, /"reason":"token_revoked"/);
    assert.ok(key.tokens.length > 10);
    for (const one of key.tokens) for (const part of one.split(".")) assert.equal(text.includes(part), false);
  });
});
