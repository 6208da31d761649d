import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { protocols } from "../../moq/session/index.ts";
import { NAMED_PROTOCOLS, offered, PUBLISHER_PROTOCOLS, VIEWER_PROTOCOLS } from "../../web/src/relay/protocols.ts";

/** The page's protocols that a relay supports, in the order in which the relay prefers them. */
function supported(offered: readonly string[]): string[] {
  return protocols([]).filter((protocol) => offered.includes(protocol));
}

describe("the page", () => {
  it("offers only protocols that a relay supports by default, in the relay's order", () => {
    assert.deepEqual(supported(VIEWER_PROTOCOLS), VIEWER_PROTOCOLS);
    assert.deepEqual(supported(PUBLISHER_PROTOCOLS), PUBLISHER_PROTOCOLS);
    assert.deepEqual(supported(NAMED_PROTOCOLS), NAMED_PROTOCOLS);
  });

  it("offers one protocol where its address names one, and nothing where a library does not have it", () => {
    assert.deepEqual(offered(VIEWER_PROTOCOLS, "moq-lite-03"), ["moq-lite-03"]);
    assert.deepEqual(offered(PUBLISHER_PROTOCOLS, "moq-lite-05"), []);
    assert.deepEqual(offered(PUBLISHER_PROTOCOLS, "moqt-16"), ["moqt-16"]);
    assert.deepEqual(offered(VIEWER_PROTOCOLS, undefined), VIEWER_PROTOCOLS);
  });

  it("offers at least one protocol for each thing that it does", () => {
    assert.ok(VIEWER_PROTOCOLS.length > 0 && PUBLISHER_PROTOCOLS.length > 0);
  });
});
