import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { STABLE_PROTOCOLS } from "../../moq/wire/lite/versions.ts";
import { PUBLISHER_PROTOCOLS, VIEWER_PROTOCOLS } from "../../web/src/relay/protocols.ts";

/** The page's protocols that a relay supports, in the order in which the relay prefers them. */
function supported(offered: readonly string[]): string[] {
  return STABLE_PROTOCOLS.filter((protocol) => offered.includes(protocol));
}

describe("the page", () => {
  it("offers only protocols that a relay supports by default, in the relay's order", () => {
    assert.deepEqual(supported(VIEWER_PROTOCOLS), VIEWER_PROTOCOLS);
    assert.deepEqual(supported(PUBLISHER_PROTOCOLS), PUBLISHER_PROTOCOLS);
  });

  it("offers at least one protocol for each thing that it does", () => {
    assert.ok(VIEWER_PROTOCOLS.length > 0 && PUBLISHER_PROTOCOLS.length > 0);
  });
});
