/** Webhooks of a relay to a real HTTP server. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, test } from "node:test";
import { connect } from "../../relay/client/client.ts";
import { secretKey, webhookHeaders } from "../../relay/webhooks/signature.ts";
import { publishTo } from "../support/publisher.ts";
import { TestRelay, testConfig, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TRUST = { trust: { kind: "system" }, timeoutMs: 5_000 } as const;

interface Received {
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  readonly body: {
    readonly id: string;
    readonly type: string;
    readonly timestamp: string;
    readonly missed?: number;
    readonly data: Readonly<Record<string, unknown>>;
  };
}

/** A receiver; `respond` answers the request with this number, from 0 on. */
async function receiver(respond: (response: ServerResponse, number: number) => void = (response) => response.end()) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (piece: string) => (text += piece));
    request.on("end", () => {
      received.push({ headers: request.headers, text, body: JSON.parse(text) });
      respond(response, received.length - 1);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const types = () => received.map(({ body }) => body.type);
  stops.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${port}/hook?key=hush`, received, types };
}

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

async function visit({ url, counters }: TestRelay): Promise<void> {
  const opened = counters.sessionsOpened;
  const client = await connect(url, TRUST);
  await until(() => counters.sessionsOpened > opened);
  await client.close();
  await until(() => counters.sessionsActive === 0);
}

describe("webhooks", () => {
  test("are signed as Standard Webhooks says", () => {
    // The example of the specification, computed with its reference library.
    const body = '{"test": 2432232314}';
    const headers = webhookHeaders("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, secretKey(SECRET));
    assert.deepEqual(headers, {
      "content-type": "application/json",
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    });
    assert.deepEqual(secretKey("plain text of the operator"), Buffer.from("plain text of the operator"));
    assert.ok(!("webhook-signature" in webhookHeaders("msg_1", 1, body, undefined)));
  });

  test("tell of sessions and of broadcasts, with the id of the log", async () => {
    const { url, received, types } = await receiver();
    const settings = { "webhooks.urls": url, "webhooks.secret": SECRET };
    await withRelay(settings, async (relay) => {
      const publisher = await publishTo(relay.url, "live/room1", "video", [["frame"]]);
      await until(() => types().includes("publish"));
      publisher.session.close(0, "done");
      await until(() => received.length >= 4);
      assert.deepEqual(types().toSorted(), ["publish", "session_closed", "session_opened", "unpublish"]);
      const opened = relay.entries.find((entry) => entry["msg"] === "session opened");
      for (const { headers, text, body } of received) {
        assert.equal(body.data["session"], opened?.["session"]);
        assert.equal(typeof body.data["node"], "string");
        assert.ok(Math.abs(Date.parse(body.timestamp) - Date.now()) < 60_000);
        const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${text}`;
        const mac = createHmac("sha256", Buffer.from(SECRET.slice(6), "base64"))
          .update(signed)
          .digest("base64");
        assert.equal(headers["webhook-signature"], `v1,${mac}`);
        assert.equal(headers["webhook-id"], body.id);
      }
      const of = (type: string) => received.find(({ body }) => body.type === type)?.body.data;
      assert.equal(of("publish")?.["broadcast"], "live/room1");
      assert.equal(of("unpublish")?.["broadcast"], "live/room1");
      assert.equal(of("session_closed")?.["reason"], "remote");
      assert.equal(of("session_closed")?.["broadcasts"], 1);
      assert.match(String(of("session_opened")?.["address"]), /^127\.0\.0\.1:\d+$/);
    });
  });

  test("are tried again after a status that is no success, a redirect, and a cut; a receiver that hangs slows nothing", async () => {
    const { url, received } = await receiver((response, number) => {
      if (number === 0) response.writeHead(500).end();
      else if (number === 1) response.writeHead(302, { Location: "/elsewhere" }).end();
      else if (number === 2) response.destroy();
      else if (number === 3) response.flushHeaders();
      else response.writeHead(204).end();
    });
    const settings = { "webhooks.urls": url, "webhooks.events": "session_opened", "webhooks.timeout": "100ms" };
    await withRelay(settings, async (relay) => {
      await visit(relay);
      await until(() => received.length >= 3);
      const begun = performance.now();
      await visit(relay);
      assert.ok(performance.now() - begun < 5_000, "a session does not wait for the receiver");
      await until(() => received.length >= 5);
      const [first] = received;
      const again = received.filter(({ body }) => body.id === first?.body.id);
      assert.ok(again.length >= 4, `${again.length} attempts`);
      assert.ok(received.every(({ headers }) => headers["webhook-signature"] === undefined));
      const text = JSON.stringify(relay.entries);
      assert.match(text, /webhook failed/);
      assert.doesNotMatch(text, /hush/, "the query of a receiver may have a secret");
    });
  });

  test("follow a reload: other events, another receiver, the file of the secret", async () => {
    const folder = await mkdtemp(join(tmpdir(), "moqmesh-webhooks-"));
    const file = join(folder, "secret");
    writeFileSync(file, `${SECRET}\n`);
    const first = await receiver();
    const second = await receiver();
    await withRelay({ "webhooks.urls": first.url, "webhooks.events": "session_opened" }, async (relay) => {
      await visit(relay);
      await until(() => first.received.length === 1);
      await relay.reload({
        "webhooks.urls": second.url,
        "webhooks.events": "session_closed",
        "webhooks.secret_file": file,
      });
      await until(async () => {
        await visit(relay);
        return second.received.length > 0;
      });
      // The first visit may come before the file of the secret has been read.
      const before = first.received.length;
      await visit(relay);
      await until(() => second.received.length > 1);
      assert.equal(first.received.length, before);
      assert.deepEqual(new Set(second.types()), new Set(["session_closed"]));
      assert.match(String(second.received[0]?.headers["webhook-signature"]), /^v1,/);
    });
    await rm(folder, { recursive: true });
  });

  test("do not start without the file of their secret, and their settings are checked", async () => {
    const settings = { "webhooks.urls": "http://127.0.0.1:1/", "webhooks.secret_file": "/nonexistent/secret" };
    await assert.rejects(TestRelay.start(settings), /secret/);
    const folder = await mkdtemp(join(tmpdir(), "moqmesh-webhooks-"));
    try {
      const file = join(folder, "short");
      writeFileSync(file, "too short\n");
      await assert.rejects(TestRelay.start({ ...settings, "webhooks.secret_file": file }), /fewer than 24 characters/);
    } finally {
      await rm(folder, { recursive: true });
    }
    for (const wrong of [
      { "webhooks.urls": "ftp://127.0.0.1/" },
      { "webhooks.urls": "http://user:password@127.0.0.1/" },
      { "webhooks.secret": "short" },
      { "webhooks.secret": SECRET, "webhooks.secret_file": "/etc/secret" },
      { "webhooks.events": "nothing" },
    ]) {
      await assert.rejects(testConfig(wrong));
    }
  });
});
