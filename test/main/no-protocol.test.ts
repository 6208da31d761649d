/** A WebTransport client that offers no protocol, at a relay that does not speak draft 14. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dialRelay } from "../../relay/client/dial.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";
import { missingEngine } from "../support/engines.ts";
import { withRelay } from "../support/relay.ts";

test("a client without a protocol is refused where the relay does not speak moq-00", { skip: missingEngine() }, () =>
  withRelay({ "server.protocols": "moq-lite-05" }, async (relay) => {
    const deps = { clock: systemClock, warn: () => {} };
    const attach = () => assert.fail("a session began");
    const { trust } = relay;
    const dialled = dialRelay({ url: relay.at("https"), trust, protocols: [], timeoutMs: 5_000, deps, attach });
    await assert.rejects(dialled, { code: "no_common_protocol" });
  }),
);
