/** What our encoders write of data streams and datagrams, our readers read in any pieces. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { EVERY_DATA_DRAFT, inferred, readData, readDatagram } from "./support/data.ts";
import { datagrams, fetchStreams, subgroupStreams } from "./support/written-data.ts";

const SIZES = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 4 });

for (const caps of EVERY_DATA_DRAFT) {
  describe(caps.protocol, () => {
    test("subgroup streams are read as they were written", () => {
      fc.assert(
        fc.property(subgroupStreams(caps), SIZES, ({ bytes, described }, sizes) => {
          assert.deepEqual(readData(caps, "subgroup", bytes, sizes), inferred(caps, described));
        }),
      );
    });

    test("fetch streams are read as they were written", () => {
      fc.assert(
        fc.property(fetchStreams(caps), SIZES, ({ kind, bytes, described }, sizes) => {
          assert.ok(kind !== "datagram");
          assert.deepEqual(readData(caps, kind, bytes, sizes), described);
        }),
      );
    });

    test("datagrams are read as they were written", () => {
      fc.assert(
        fc.property(datagrams(caps), ({ bytes, described }) => {
          assert.deepEqual(readDatagram(caps, bytes), described);
        }),
      );
    });
  });
}
