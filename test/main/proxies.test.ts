/** Clients behind proxies of TCP count by their own address, and only trusted proxies are believed. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { describe, test } from "node:test";
import { TransportError } from "../../moq/link.ts";
import { type Client, connect } from "../../relay/client/index.ts";
import { ADMIN_SECRET } from "../support/admin.ts";
import { type Settings, TestRelay } from "../support/relay.ts";
import { headerV1, headerV2, TcpProxy, type TcpProxyOptions } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";

/** The proxy's address at the relay; clients without a proxy come from 127.0.0.1. */
const PROXY = "127.0.0.2";

const BEHIND: Settings = {
  "load_balancer.trusted_proxies": PROXY,
  "load_balancer.proxy_protocol": "from_proxies",
  "auth.public_subscribe": "/",
};

interface Behind {
  readonly relay: TestRelay;
  /** Connects by WebSocket with TLS, through a proxy where one is given. */
  connect(proxy?: TcpProxy): Promise<Client>;
  proxy(options: Partial<TcpProxyOptions>): Promise<TcpProxy>;
  refusals(): Promise<string[]>;
}

async function behind(settings: Settings, work: (parts: Behind) => Promise<void>): Promise<void> {
  const relay = await TestRelay.start({ ...BEHIND, ...settings });
  const ends: (() => unknown)[] = [];
  try {
    await work({
      relay,
      connect: async (proxy) => {
        const url = new URL(`wss://127.0.0.1:${proxy?.port ?? relay.port}/`);
        const client = await connect(url, { trust: relay.trust, timeoutMs: 5_000 });
        ends.unshift(() => client.close());
        return client;
      },
      proxy: async ({ header = () => undefined, from = PROXY }) => {
        const proxy = await TcpProxy.open(relay.port, { header, from });
        ends.push(() => proxy.close());
        return proxy;
      },
      refusals: async () => {
        const text = await metrics(relay);
        return [...text.matchAll(/proxy_connections_refused_total\{reason="(\w+)"\} [1-9]/g)].map(
          ([, one = ""]) => one,
        );
      },
    });
  } finally {
    for (const end of ends) await end();
    await relay.stop();
  }
}

async function metrics(relay: TestRelay): Promise<string> {
  const headers = { Authorization: `Bearer ${ADMIN_SECRET}` };
  return await (await fetch(relay.admin("/metrics"), { headers })).text();
}

/** Addresses and ports in the list of sessions. */
async function peers(relay: TestRelay): Promise<string[]> {
  const headers = { Authorization: `Bearer ${ADMIN_SECRET}` };
  const answer: unknown = await (await fetch(relay.admin("/api/v1/sessions"), { headers })).json();
  assert.ok(typeof answer === "object" && answer !== null && "items" in answer && Array.isArray(answer.items));
  return answer.items.map(({ address }: { address: string }) => address);
}

/** What a server answers to `text` until it closes the connection. */
async function exchange(port: number, text: Uint8Array, localAddress = "127.0.0.1"): Promise<string> {
  const socket = connectTcp({ host: "127.0.0.1", port, localAddress });
  socket.on("error", () => {});
  let answer = "";
  socket.on("data", (chunk) => {
    answer += String(chunk);
  });
  socket.write(text);
  await once(socket, "close");
  return answer;
}

const refusedWith = (status: number) => (error: unknown) => error instanceof TransportError && error.status === status;

const REQUEST = "GET /certificate.sha256 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

describe("behind a proxy with the PROXY protocol", () => {
  test("a session over TLS has the address of its client, by both versions", () =>
    behind({}, async ({ relay, connect, proxy }) => {
      const proxied = await proxy({ header: (at) => (at === 0 ? headerV2("203.0.113.9") : headerV1("203.0.113.10")) });
      await connect(proxied);
      await connect(proxied);
      await connect();
      const seen = (await peers(relay)).map((peer) => peer.replace(/^127.*/, "direct")).sort();
      assert.deepEqual(seen, ["203.0.113.10:4711", "203.0.113.9:4711", "direct"]);
      assert.match(await metrics(relay), /proxy_connections_total 2\n/);
    }));

  test("a header and a plain request in one packet are both read", () =>
    behind({}, async ({ relay }) => {
      for (const header of [headerV2("2001:db8::9"), headerV1("203.0.113.9")]) {
        const answer = await exchange(relay.port, Buffer.concat([header, Buffer.from(REQUEST)]), PROXY);
        assert.match(answer, /^HTTP\/1.1 200 /);
      }
    }));

  test("the bound on sessions of an address counts clients, not their proxy", () =>
    behind({ "auth.sessions_per_address": "1", "auth.limit_loopback": "true" }, async ({ connect, proxy }) => {
      const from = ["203.0.113.1", "203.0.113.2", "203.0.113.1"];
      const proxied = await proxy({ header: (at) => headerV2(from[at] ?? "") });
      await connect(proxied);
      await connect(proxied);
      await assert.rejects(connect(proxied), refusedWith(429));
    }));

  test("a client of a proxy on this machine is not this machine", () =>
    behind({ "auth.public_subscribe": "" }, async ({ connect, proxy }) => {
      await connect();
      await assert.rejects(connect(await proxy({ header: () => headerV2("203.0.113.9") })), refusedWith(403));
    }));

  test("connections without the header of a proxy, or with one of a client, are closed and counted", () =>
    behind({}, async ({ relay, refusals }) => {
      assert.equal(await exchange(relay.port, Buffer.from(REQUEST), PROXY), "");
      assert.deepEqual(await refusals(), ["missing"]);
      assert.equal(await exchange(relay.port, Buffer.from("PROXY TCP4 nonsense\r\n"), PROXY), "");
      assert.deepEqual(await refusals(), ["missing", "malformed"]);
      for (const header of [headerV1("203.0.113.9"), headerV2("203.0.113.9")]) {
        assert.equal(await exchange(relay.port, Buffer.concat([header, Buffer.from(REQUEST)])), "");
      }
      // A client behind a proxy is no more a proxy than others are.
      const twice = Buffer.concat([headerV2("203.0.113.9"), headerV2("127.0.0.1"), Buffer.from(REQUEST)]);
      assert.equal(await exchange(relay.port, twice, PROXY), "");
      assert.deepEqual(await refusals(), ["missing", "malformed", "untrusted"]);
      assert.match(await metrics(relay), /reason="untrusted"\} 3\n/);
      const untrusted = relay.entries.filter(({ reason }) => reason === "untrusted").map(({ address }) => address);
      assert.deepEqual(untrusted, ["127.0.0.1", "127.0.0.1", "203.0.113.9"]);
    }));

  test("a relay that requires proxies still reaches itself, and serves no other address", () =>
    behind(
      {
        "load_balancer.trusted_proxies": "127.0.0.1",
        "load_balancer.proxy_protocol": "required",
        "health.probe_interval": "100ms",
      },
      async ({ relay, connect, proxy, refusals }) => {
        await connect(await proxy({ header: () => headerV2("203.0.113.9"), from: "127.0.0.1" }));
        const own = () => relay.relay.health().checks.find(({ code }) => code === "websocket_unreachable");
        await until(() => own()?.state === "ok");
        assert.deepEqual(await refusals(), []);
        // Loopback is this machine, so nothing but a header that is missing keeps it out.
        await assert.rejects(connect());
        assert.deepEqual(await refusals(), ["missing"]);
      },
    ));

  test("the admin listener notes the client of a proxy, where it is asked to", () =>
    behind({ "load_balancer.admin_proxy_protocol": "true" }, async ({ relay }) => {
      const request = [
        "POST /api/v1/drain HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        `Authorization: Bearer ${ADMIN_SECRET}`,
        "Content-Length: 0",
        "",
        "",
      ].join("\r\n");
      const port = relay.relay.adminAddress?.port ?? 0;
      const bytes = Buffer.concat([headerV2("203.0.113.9"), Buffer.from(request)]);
      assert.match(await exchange(port, bytes, PROXY), /^HTTP\/1.1 /);
      assert.equal(await exchange(port, Buffer.from(request), PROXY), "");
      const noted = relay.entries.filter(({ audit }) => audit === true).map(({ address }) => address);
      assert.deepEqual(noted, ["203.0.113.9"]);
    }));
});

describe("behind a proxy of HTTP", () => {
  const FORWARDED: Settings = {
    "load_balancer.proxy_protocol": "off",
    "load_balancer.forwarded": "x-forwarded-for",
    "auth.deny": "203.0.113.9",
  };
  const ask = (field: string) =>
    Buffer.from(
      `GET /access/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Forwarded-For: ${field}\r\n\r\n`,
    );

  test("the client that a trusted proxy names counts, and not what the client or another address claims", () =>
    behind(FORWARDED, async ({ relay }) => {
      const status = async (field: string, from: string) =>
        Number((await exchange(relay.port, ask(field), from)).split(" ")[1]);
      assert.equal(await status("203.0.113.9", PROXY), 403);
      assert.equal(await status("198.51.100.1, 203.0.113.9", PROXY), 403);
      assert.equal(await status("203.0.113.9, 198.51.100.1", PROXY), 200);
      assert.equal(await status("203.0.113.9", "127.0.0.1"), 200);
    }));
});
