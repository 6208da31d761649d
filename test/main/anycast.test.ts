/** Two relays behind one address: when their packets move from one to the other, clients learn at once that their session is gone. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Client, connect } from "../../relay/client/index.ts";
import { missingEngine } from "../support/engines.ts";
import { publishTo } from "../support/publisher.ts";
import { type Settings, TestRelay } from "../support/relay.ts";
import { UdpProxy } from "../support/udp-proxy.ts";
import { until } from "../support/until.ts";

/** Milliseconds within which a client must be served again. */
const BACK_MS = 1_000;

const RESET_KEY = "5a".repeat(32);

interface Anycast {
  readonly relays: readonly TestRelay[];
  /** All packets go to this relay. */
  move(to: number): void;
  connect(): Promise<Client>;
}

async function anycast(settings: (at: number) => Settings, work: (parts: Anycast) => Promise<void>): Promise<void> {
  const relays: TestRelay[] = [];
  for (const at of [0, 1]) relays.push(await TestRelay.start({ "server.engine": "native", ...settings(at) }));
  let now = 0;
  const address = await UdpProxy.open(() => relays[now]?.port ?? 0);
  const trust = { kind: "hashes", sha256: relays.map((relay) => relay.certificateHash) } as const;
  const clients: Client[] = [];
  try {
    for (const relay of relays) {
      await publishTo(relay.url, "live/room1", "chat", [["a"], ["b"]]);
      await until(() => relay.counters.broadcastsActive === 1);
    }
    await work({
      relays,
      move: (to) => {
        now = to;
      },
      connect: async () => {
        const client = await connect(new URL(`https://127.0.0.1:${address.port}/`), { trust, timeoutMs: 5_000 });
        clients.push(client);
        return client;
      },
    });
  } finally {
    for (const client of clients) await client.close();
    address.close();
    for (const relay of relays) await relay.stop();
  }
}

const served = async (client: Client) =>
  (await client.fetch({ broadcast: "live/room1", track: "chat", group: 0, timeoutMs: 5_000 })).frames.length;

/** Milliseconds from the move of packets until a client that asks for something is served by the other relay. */
async function back({ move, connect: join }: Anycast, to: number): Promise<number> {
  const client = await join();
  assert.equal(await served(client), 1);
  move(to);
  const began = performance.now();
  // What a viewer sends all the time: an acknowledgement, or as here a request.
  client.fetch({ broadcast: "live/room1", track: "chat", group: 0, timeoutMs: 30_000 }).catch(() => {});
  assert.match((await client.closed).message, /stateless reset/);
  assert.equal(await served(await join()), 1);
  return performance.now() - began;
}

describe("relays behind one address", { skip: missingEngine() }, () => {
  test("with the same reset key: clients are served again within a second", () =>
    anycast(
      () => ({ "quic.reset_key": RESET_KEY }),
      async (parts) => {
        for (const to of [1, 0, 1]) assert.ok((await back(parts, to)) < BACK_MS);
      },
    ));

  test("with server ids as well", () =>
    anycast(
      (at) => ({ "quic.reset_key": RESET_KEY, "load_balancer.server_id": `0x00000000000000a${at}` }),
      async (parts) => {
        for (const to of [1, 0, 1]) assert.ok((await back(parts, to)) < BACK_MS);
      },
    ));
});
