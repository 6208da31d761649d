/** Tokens over real sockets: @moq/net over WebTransport and WebSocket, the admin listener, and the log of a whole relay. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Connection } from "@moq/net";
import QmuxSession from "@moq/qmux";
import { WebTransport as NodeWebTransport } from "rwebtransport";
import { type ClaimsInput, generateKey, publicJwk, signToken } from "../../auth/index.ts";
import { AUTH_METRICS } from "../../relay/host/gate.ts";
import { type Relay, start } from "../../relay/main.ts";
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
// Also keeps the library from telling every step, URL and token included, on the console.
import "./support/peer.ts";
import { captureLog, testConfig, until } from "../main/support.ts";
import { ADMIN_SECRET, revokeAt } from "../support/revoke.ts";

const TIMEOUT = { timeout: 30_000 };
const key = await generateKey({ alg: "ES256", kid: "live" });
const folder = await mkdtemp(join(tmpdir(), "moqmesh-live-"));
await writeFile(join(folder, "live.jwk"), JSON.stringify(publicJwk(key)));
after(() => rm(folder, { recursive: true, force: true }));

const captured = captureLog();
const tokens: string[] = [];

async function token(claims: ClaimsInput): Promise<string> {
  const made = await signToken(key, { exp: Math.floor(Date.now() / 1000) + 3_600, ...claims });
  tokens.push(made);
  return made;
}

async function withRelay(work: (relay: Relay) => Promise<void>, settings: Record<string, string> = {}): Promise<void> {
  const { config, remove } = await testConfig({ MOQMESH_AUTH_KEY_DIR: folder, ...settings });
  const relay = await start(config, { log: captured.log });
  try {
    await work(relay);
  } finally {
    await relay.close();
    await remove();
  }
}

/** A session of @moq/net, and when and how it was closed. */
async function dial(relay: Relay, transport: "webtransport" | "websocket", jwt?: string) {
  const url = new URL(`https://127.0.0.1:${relay.address.port}/`);
  if (jwt !== undefined) url.searchParams.set("jwt", jwt);
  const protocols = ["moq-lite-04"];
  let session: WebTransport;
  if (transport === "webtransport") {
    const value = Uint8Array.from(Buffer.from(relay.fingerprint ?? "", "hex"));
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
    it("publishes and watches, is cut off when its token expires, and comes back with a new one", TIMEOUT, (context) =>
      withRelay(async (relay) => {
        const path = freshPath();
        const publisher = await dial(relay, transport, await token({ put: "" }));
        const { track } = publish(publisher.connection, path);
        const expires = Math.floor(Date.now() / 1000) + 3;
        const viewer = await dial(relay, transport, await token({ get: "", exp: expires }));
        const broadcast = await online(viewer.connection.announcedBroadcast(path));
        const subscriber = broadcast.track(TRACK).subscribe(EVERYTHING);
        await subscribed(track);
        writeGroup(track, 1, 0, 3);
        assert.ok(await subscriber.recvGroup());
        const { at, code } = await viewer.ended;
        const late = at - expires * 1000;
        context.diagnostic(`ended ${late} ms after exp`);
        assert.ok(late >= -50 && late < 1_000, `${late} ms after exp`);
        assert.equal(code, 66);
        const again = await dial(relay, transport, await token({ get: "" }));
        const back = (await online(again.connection.announcedBroadcast(path))).track(TRACK).subscribe(EVERYTHING);
        await subscribed(track);
        const group = track.appendGroup();
        writeFrame(group, frameBytes(1, 1, 1));
        group.close();
        assert.ok(await back.recvGroup());
      }),
    );

    it("is cut off within a second of a revocation at the admin listener", TIMEOUT, (context) =>
      withRelay(async (relay) => {
        const viewer = await dial(relay, transport, await token({ get: "", jti: "gone" }));
        const kept = await dial(relay, transport, await token({ get: "", jti: "kept" }));
        await until(() => relay.counters.sessionsActive === 2);
        const from = Date.now();
        const answer = await revokeAt(relay.adminAddress?.port, { jti: "gone" });
        assert.equal(answer.status, 200);
        const { at, code } = await viewer.ended;
        context.diagnostic(`ended ${at - from} ms after the call`);
        assert.ok(at - from < 1_000, `${at - from} ms`);
        assert.equal(code, 67);
        assert.equal(await Promise.race([kept.ended, sleep(100, "open")]), "open");
        kept.connection.close();
      }),
    );

    it("is told at once when it may not publish", TIMEOUT, () =>
      withRelay(async (relay) => {
        const viewer = await dial(relay, transport, await token({ get: "" }));
        publish(viewer.connection, freshPath());
        assert.equal((await viewer.ended).code, 6);
      }),
    );

    it("does not come in without a token, or with a forged one", TIMEOUT, () =>
      withRelay(async (relay) => {
        const forged = await signToken(await generateKey({ alg: "ES256", kid: "live" }), { get: "" });
        tokens.push(forged);
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
  it("revokes only by a JSON object of its own machine's tools", () =>
    withRelay(async (relay) => {
      const { port } = relay.adminAddress ?? { port: 0 };
      const post = async (body: string, headers: Record<string, string>) =>
        (await fetch(`http://127.0.0.1:${port}/auth/revoke`, { method: "POST", body, headers })).status;
      const json = { "content-type": "application/json", authorization: `Bearer ${ADMIN_SECRET}` };
      assert.equal(await post('{"jti":"x"}', json), 200);
      assert.equal(await post('{"jti":"x"}', { ...json, "content-type": "text/plain" }), 415);
      assert.equal(await post('{"jti":"x"}', { ...json, origin: "https://evil.example" }), 403);
      for (const body of ["{", "[]", "null", "{}", '{"jti":""}', '{"jti":1}', '{"jti":"a","sub":"b"}', '{"jit":"a"}']) {
        assert.equal(await post(body, json), 400, body);
      }
      assert.equal(await post(`{"jti":"${"x".repeat(5_000)}"}`, json), 413);
      for (const authorization of ["", "Bearer", `Bearer ${ADMIN_SECRET}x`, `Basic ${ADMIN_SECRET}`, ADMIN_SECRET]) {
        assert.equal(await post('{"jti":"x"}', { ...json, authorization }), 401, authorization);
      }
      assert.deepEqual(relay.counters.samples(AUTH_METRICS.metrics.revocations), [[{}, 1]]);
      assert.equal((await fetch(`http://127.0.0.1:${port}/auth/revoke`)).status, 404);
      assert.equal((await fetch(`http://127.0.0.1:${relay.address.port}/auth/revoke`, { method: "POST" })).status, 405);
    }));
});

describe("the admin listener without a secret", () => {
  it("revokes nothing, and says what to configure", () =>
    withRelay(
      async (relay) => {
        const answer = await revokeAt(relay.adminAddress?.port, { jti: "x" });
        assert.equal(answer.status, 403);
        assert.match(await answer.text(), /admin_token_file/);
        assert.deepEqual(relay.counters.samples(AUTH_METRICS.metrics.revocations), [[{}, 0]]);
      },
      { MOQMESH_HTTP_ADMIN_TOKEN_FILE: "" },
    ));

  it("does not start with one that can be guessed or cannot be read", async () => {
    const short = join(folder, "short.token");
    await writeFile(short, "hunter2\n");
    for (const [file, why] of [
      [short, /32 characters/],
      [folder, /not a regular file/],
      [join(folder, "none"), /ENOENT/],
    ] as const) {
      await assert.rejects(
        withRelay(async () => {}, { MOQMESH_HTTP_ADMIN_TOKEN_FILE: file }),
        (error: Error) => why.test(error.message) && error.message.includes("http.admin_token_file"),
      );
    }
  });
});

describe("what a whole relay wrote meanwhile", () => {
  it("holds no token", () => {
    const text = JSON.stringify(captured.entries);
    assert.match(text, /session refused/);
    assert.match(text, /"reason":"token_revoked"/);
    assert.ok(tokens.length > 10);
    for (const one of tokens) for (const part of one.split(".")) assert.equal(text.includes(part), false);
  });
});
