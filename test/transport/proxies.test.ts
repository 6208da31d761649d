/** Connections of proxies, at real sockets and by a clock that is turned by hand. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { describe, test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { HEADER_TIMEOUT_MS } from "../../transport/proxied/await-header.ts";
import { MAX_HEADER_BYTES } from "../../transport/proxied/header.ts";
import { Proxies, type ProxiesOptions } from "../../transport/proxied/proxies.ts";
import { headerV2 } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";

interface Listening {
  readonly clock: ManualClock;
  readonly proxies: Proxies;
  /** What happened to connections, in order: `client ADDRESS` or `own`, then what it sent; or the reason of a refusal. */
  readonly events: string[];
  dial(): Promise<Socket>;
}

async function listening(options: Partial<ProxiesOptions>, work: (parts: Listening) => Promise<void>): Promise<void> {
  const clock = new ManualClock();
  const events: string[] = [];
  const sockets: Socket[] = [];
  const proxies = new Proxies({
    protocol: "from_proxies",
    field: undefined,
    trusts: () => true,
    isLoopback: () => false,
    clock,
    passed: () => {},
    refused: (reason) => void events.push(reason),
    ...options,
  });
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on("error", () => socket.destroy());
    const enter = (client: string | undefined) => {
      events.push(client === undefined ? "own" : `client ${client}`);
      socket.on("data", (chunk) => events.push(String(chunk)));
    };
    proxies.receive(socket, { enter, refuse: () => void socket.destroy() });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const dial = async () => {
    const accepted = sockets.length;
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    socket.on("error", () => {});
    sockets.push(socket);
    await until(() => sockets.length === accepted + 2);
    return socket;
  };
  try {
    await work({ clock, proxies, events, dial });
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.resume().once("close", () => resolve()));
}

describe("a proxy's connection", () => {
  test("is closed when its header does not arrive in time, however slowly its bytes come", () =>
    listening({}, async ({ clock, events, dial }) => {
      const socket = await dial();
      const closed = closeOf(socket);
      for (const byte of headerV2("203.0.113.9").subarray(0, 10)) {
        socket.write(Uint8Array.of(byte));
        clock.advance(HEADER_TIMEOUT_MS / 20);
      }
      assert.deepEqual(events, []);
      clock.advance(HEADER_TIMEOUT_MS / 2);
      await closed;
      assert.deepEqual(events, ["late"]);
    }));

  test("waits for a header in pieces, and leaves what follows", () =>
    listening({}, async ({ events, dial, proxies }) => {
      const socket = await dial();
      const header = headerV2("203.0.113.9");
      socket.write(header.subarray(0, 5));
      socket.write(header.subarray(5, 20));
      socket.write(Buffer.concat([header.subarray(20), Buffer.from("hello")]));
      await until(() => events.length === 2);
      assert.deepEqual(events, ["client 203.0.113.9", "hello"]);
      assert.equal(proxies.size, 1);
      socket.resetAndDestroy();
      await until(() => proxies.size === 0);
    }));

  test("is closed at once when it announces more than a header may have", () =>
    listening({}, async ({ events, dial }) => {
      const socket = await dial();
      const closed = closeOf(socket);
      socket.write(headerV2("203.0.113.9", 1, Buffer.alloc(MAX_HEADER_BYTES)).subarray(0, 30));
      await closed;
      assert.deepEqual(events, ["malformed"]);
    }));

  test("that ends before its header leaves nothing behind", () =>
    listening({}, async ({ clock, events, dial, proxies }) => {
      const socket = await dial();
      socket.end("PROXY ");
      await closeOf(socket);
      clock.advance(HEADER_TIMEOUT_MS);
      assert.deepEqual(events, []);
      assert.equal(proxies.size, 0);
    }));
});

test("a connection that its client has cut already counts as nothing", () =>
  listening({ trusts: () => false }, async ({ proxies, events }) => {
    let closed = 0;
    proxies.receive({} as Socket, { enter: () => void events.push("entered"), refuse: () => void closed++ });
    assert.deepEqual([events, closed], [[], 1]);
    await Promise.resolve();
  }));

test("a proxy of another machine cannot name this machine", async () => {
  const isLoopback = (address: string) => address.startsWith("127.");
  const socket = { remoteAddress: "10.0.0.1", remotePort: 9 } as Socket;
  const trusts = (address: string) => address.startsWith("10.");
  await listening({ isLoopback, trusts, field: "x-forwarded-for" }, async ({ proxies }) => {
    const named = (value: string) => proxies.of({ socket, headers: { "x-forwarded-for": value } }).address;
    assert.equal(named("127.0.0.1"), "10.0.0.1");
    assert.equal(named("203.0.113.9"), "203.0.113.9");
    await Promise.resolve();
  });
});

test("where proxies are required, only this machine connects without one", () =>
  listening({ protocol: "required", trusts: () => false }, async ({ events, dial }) => {
    // Both ends have the same address.
    await dial();
    await until(() => events.length === 1);
    assert.deepEqual(events, ["own"]);
  }));
