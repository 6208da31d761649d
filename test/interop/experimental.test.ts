/** moq-lite-06-wip, which published clients offer and which relays speak only when configuration names it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { patient } from "../../scripts/suite/patience.ts";
import { registerCommonTests } from "./support/common.ts";
import { EXPERIMENTAL_PROTOCOL, TRANSPORTS } from "./support/peer.ts";
import { relayForTests } from "./support/relay.ts";

describe("moq-lite-06-wip when it is configured", () => {
  const { peers } = relayForTests({ "server.experimental": EXPERIMENTAL_PROTOCOL });

  for (const transport of TRANSPORTS) {
    describe(`${EXPERIMENTAL_PROTOCOL} over ${transport}`, () =>
      registerCommonTests(peers, transport, EXPERIMENTAL_PROTOCOL));
  }
});

describe("moq-lite-06-wip when it is not configured", () => {
  const { peers } = relayForTests();

  test("is not negotiated over WebSocket", { timeout: patient(20_000) }, async () => {
    await assert.rejects(peers.connect("websocket", EXPERIMENTAL_PROTOCOL));
  });
});
