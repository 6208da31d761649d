import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Client, connect } from "../../relay/client/index.ts";
import { missingEngine } from "../support/engines.ts";
import { publishTo } from "../support/publisher.ts";
import { type Settings, TestRelay } from "../support/relay.ts";
import { connectionId, type Route, UdpProxy } from "../support/udp-proxy.ts";
import { until } from "../support/until.ts";

const SERVER_IDS = ["00000000000000a1", "00000000000000b2"] as const;

/** Bytes of the connection ids of these relays: the first, server id and nonce. */
const ID_BYTES = 17;

/** A load balancer that reads server ids which are not encrypted, and gives other packets to the relays in turn, by client. */
function routing(ports: readonly [number, number]): Route {
  const byClient = new Map<string, number>();
  return (datagram, client) => {
    const id = connectionId(datagram, ID_BYTES);
    const named = id.length === ID_BYTES ? SERVER_IDS.indexOf(id.toString("hex", 1, 9) as "00000000000000a1") : -1;
    if (named >= 0) return ports[named] ?? 0;
    const turn = byClient.get(client) ?? byClient.size % 2;
    byClient.set(client, turn);
    return ports[turn] ?? 0;
  };
}

interface Behind {
  readonly relays: readonly [TestRelay, TestRelay];
  readonly nat: UdpProxy;
  connect(): Promise<Client>;
}

/** Two relays behind a load balancer, and a NAT before it. */
async function behind(settings: (at: 0 | 1) => Settings, work: (parts: Behind) => Promise<void>): Promise<void> {
  const start = async (at: 0 | 1) => await TestRelay.start({ "server.engine": "native", ...settings(at) });
  const relays = [await start(0), await start(1)] as const;
  const balancer = await UdpProxy.open(routing([relays[0].port, relays[1].port]));
  const nat = await UdpProxy.open(() => balancer.port);
  const trust = { kind: "hashes", sha256: relays.map((relay) => relay.certificateHash) } as const;
  const clients: Client[] = [];
  try {
    for (const relay of relays) await publishTo(relay.url, "live/room1", "chat", [["a"], ["b"]]);
    for (const { counters } of relays) await until(() => counters.broadcastsActive === 1);
    await work({
      relays,
      nat,
      connect: async () => {
        const client = await connect(new URL(`https://127.0.0.1:${nat.port}/`), { trust, timeoutMs: 5_000 });
        clients.push(client);
        return client;
      },
    });
  } finally {
    for (const client of clients) await client.close();
    for (const proxy of [nat, balancer]) proxy.close();
    for (const relay of relays) await relay.stop();
  }
}

const served = async (client: Client, timeoutMs = 5_000) =>
  (await client.fetch({ broadcast: "live/room1", track: "chat", group: 0, timeoutMs })).frames.length;

describe("behind a load balancer that reads server ids", { skip: missingEngine() }, () => {
  test("clients reach their relay again when their address changes", () =>
    behind(
      (at) => ({ "load_balancer.server_id": `0x${SERVER_IDS[at]}` }),
      async ({ relays, nat, connect }) => {
        const clients = [await connect(), await connect(), await connect(), await connect()];
        for (const client of clients) assert.equal(await served(client), 1);
        const viewers = () => relays.map((relay) => relay.relay.sessions.length);
        const before = viewers();
        for (let turn = 0; turn < 3; turn += 1) {
          nat.rebind();
          for (const client of clients) assert.equal(await served(client), 1);
        }
        assert.deepEqual(viewers(), before);
      },
    ));

  test("without server ids, a new address reaches another relay", () =>
    behind(
      () => ({}),
      async ({ nat, connect }) => {
        const client = await connect();
        assert.equal(await served(client), 1);
        const lost = async () => {
          nat.rebind();
          // The load balancer gives a second client the other relay, in turn.
          return await served(client, 500).then(
            () => false,
            () => true,
          );
        };
        assert.ok((await lost()) || (await lost()));
      },
    ));
});

test("relays with a key encrypt their server ids", { skip: missingEngine() }, async () => {
  const relay = await TestRelay.start({
    "load_balancer.server_id": `0x${SERVER_IDS[0]}`,
    "load_balancer.key": "8f95f09245765f80256934e50c66207f",
    "server.engine": "native",
  });
  const seen = new Set<string>();
  const nat = await UdpProxy.open((datagram) => {
    const id = connectionId(datagram, ID_BYTES);
    if (((datagram[0] ?? 0) & 0x80) === 0) seen.add(id.toString("hex"));
    return relay.port;
  });
  try {
    const client = await connect(new URL(`https://127.0.0.1:${nat.port}/`), { trust: relay.trust, timeoutMs: 5_000 });
    await client.close();
    assert.ok(seen.size > 0);
    // Rotation 0 and 16 more bytes, which do not begin with the server id.
    for (const id of seen) assert.match(id, new RegExp(`^10(?!${SERVER_IDS[0]})`));
  } finally {
    nat.close();
    await relay.stop();
  }
});
