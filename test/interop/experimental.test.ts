/** moq-lite-06-wip, which published clients offer and which relays speak only when configuration names it. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { registerCommonTests } from "./support/common.ts";
import { EXPERIMENTAL_PROTOCOL, Peers, TRANSPORTS } from "./support/peer.ts";

let relay: TestRelay;
const peers = new Peers(() => relay);

afterEach(() => peers.closeAll());

describe("with moq-lite-06-wip switched on", () => {
  before(async () => {
    relay = await startRelay({ MOQMESH_SERVER_EXPERIMENTAL: EXPERIMENTAL_PROTOCOL });
  });
  after(() => relay.stop());

  for (const transport of TRANSPORTS) {
    describe(`${EXPERIMENTAL_PROTOCOL} over ${transport}`, () =>
      registerCommonTests(peers, transport, EXPERIMENTAL_PROTOCOL));
  }
});

describe("without it", () => {
  before(async () => {
    relay = await startRelay();
  });
  after(() => relay.stop());

  test("is not negotiated over WebSocket", { timeout: 20_000 }, async () => {
    await assert.rejects(peers.connect("websocket", EXPERIMENTAL_PROTOCOL));
  });
});
