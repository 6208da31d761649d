/** Every control message that a draft has is read as it was written, whatever the pieces in which it arrives. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { encodeTrackProperties, readTrackProperties } from "../../../moq/wire/ietf/index.ts";
import { pieces } from "../support/arbitraries.ts";
import { trackProperties } from "./support/arbitraries.ts";
import { conversations } from "./support/conversations.ts";
import { EVERY_DRAFT, readAll, written } from "./support/streams.ts";

for (const caps of EVERY_DRAFT) {
  describe(`round trips in ${caps.protocol}`, () => {
    test("control and request streams", () => {
      fc.assert(
        fc.property(conversations(caps), pieces, (stream, sizes) => {
          assert.deepEqual(readAll(stream, written(stream, caps), caps, sizes), stream.messages);
        }),
        { numRuns: 400 },
      );
    });
  });
}

test("track properties are read as they were written", () => {
  fc.assert(
    fc.property(trackProperties, (properties) => {
      assert.deepEqual(readTrackProperties(encodeTrackProperties(properties)), properties);
    }),
  );
});
