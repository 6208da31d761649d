/** moq-lite-06, which is a work in progress and spoken only by relays that are told to. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { registerCommonTests } from "./support/common.ts";
import { EXPERIMENTAL_PROTOCOL, Peers, TRANSPORTS } from "./support/peer.ts";

let relay: TestRelay;
const peers = new Peers(() => relay);

afterEach(() => peers.closeAll());

describe("with moq-lite-06 switched on", () => {
  before(async () => {
    relay = await startRelay({ MOQMESH_SERVER_EXPERIMENTAL: "moq-lite-06" });
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
