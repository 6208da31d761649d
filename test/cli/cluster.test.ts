import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { runProgram } from "../../cli/main.ts";
import { recordedIo } from "./support/io.ts";

const ANSWER = {
  node: "root-1",
  role: "root",
  region: "eu",
  roots: { configured: 0, connected: 0 },
  known_nodes: 3,
  remote_broadcasts: 1,
  registered_broadcasts: 0,
  scopes: 0,
  tiers: { relays: 0, asks: 0 },
  upstreams: [],
  failovers: 0,
  splices: 0,
  groups_resumed: 0,
  groups_lost: 0,
  namesakes: 0,
  registry: { nodes: 3, broadcasts: 1, holdings: 2, backend: "redis", up: false },
  nodes: [
    {
      node: "origin-1",
      role: "origin",
      region: "eu",
      url: "https://o:1",
      draining: false,
      present: true,
      sessions: 3,
      subscriptions: 2,
    },
    { node: "edge-long-name", role: "edge", region: "us", url: "https://e:1", draining: true, present: true },
    { node: "gone", role: "edge", region: "us", url: "", draining: false, present: false },
  ],
  broadcasts: [{ path: "live/a", holders: ["origin-1", "origin-2"] }],
};

async function answering(status: number, body: unknown, work: (url: string, asked: string[]) => Promise<void>) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe("moqmesh cluster", () => {
  it("shows relays and broadcasts of a root as tables", () =>
    answering(200, ANSWER, async (url, asked) => {
      const io = recordedIo();
      assert.equal(await runProgram(["cluster", url, "live"], io), 0);
      assert.deepEqual(asked, ["/api/v1/cluster?prefix=live"]);
      assert.equal(
        io.stdout(),
        [
          "Relay        root-1: root in eu",
          "Roots        0 of 0 connected",
          "Known nodes  3",
          "Broadcasts   1 from other relays, 0 registered",
          "Failovers    0, 0 groups resumed, 0 lost",
          "Registry     3 relays, 1 broadcast, in redis, which is down",
          "",
          "NODE            ROLE    REGION  STATE     SESSIONS  SUBSCRIPTIONS  URL",
          "origin-1        origin  eu      up               3              2  https://o:1",
          "edge-long-name  edge    us      draining         -              -  https://e:1",
          "gone            edge    us      lost             -              -  -",
          "",
          "BROADCAST  HELD BY",
          "live/a     origin-1, origin-2",
          "",
        ].join("\n"),
      );
    }));

  it("says when a relay is in no mesh, when the address is no relay, and when it is unreachable", async () => {
    for (const [status, code, text, body] of [
      [404, 5, /is in no mesh \(no_mesh\)/, { error: { code: "no_mesh", message: "this relay is in no mesh" } }],
      [404, 1, /is not the admin listener of a relay \(status 404\)\n.*admin_port/, "not found"],
      [503, 1, /is not the admin listener of a relay \(status 503\)/, {}],
    ] as const) {
      await answering(status, body, async (url) => {
        const io = recordedIo();
        assert.equal(await runProgram(["cluster", url], io), code);
        assert.match(io.stderr(), text);
      });
    }
    const io = recordedIo();
    assert.equal(await runProgram(["cluster", "http://127.0.0.1:1/"], io), 4);
    assert.match(io.stderr(), /cannot be reached/);
    assert.equal(await runProgram(["cluster", "ftp://x"], recordedIo()), 2);
  });
});
