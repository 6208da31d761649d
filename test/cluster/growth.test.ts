import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { growthOf, SIZES } from "../../lab/sim/growth.ts";

describe("messages for one publish event", () => {
  for (const [nodes, roots] of SIZES) {
    it(`grow with those who asked, not with the ${nodes} relays`, async (t) => {
      const { links, askers, messages, bound, unasked, known } = await growthOf(nodes, roots);
      t.diagnostic(
        `${links} links, ${roots} roots, ${askers} relays asked: ${messages} messages, ${unasked} when nobody did`,
      );
      assert.ok(messages > roots && messages <= bound, `${messages} of ${bound}`);
      assert.equal(unasked, roots);
      assert.equal(known, 0, "an edge knows what no viewer there asks for");
    });
  }
});
