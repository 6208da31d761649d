/** Data streams and datagrams that an independent codec made are read as it reads them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ProtocolViolation } from "../../../moq/wire/codec/index.ts";
import { bytes } from "../support/bytes.ts";
import { ORACLE_VECTORS } from "../support/oracle-vectors.ts";
import { draft, inferred, readData, readDatagram } from "./support/data.ts";

for (const number of [14, 16, 18, 20, 22]) {
  const vectors = ORACLE_VECTORS.filter((vector) => vector.draft === number && vector.kind !== "control");
  const caps = draft(number);

  describe(`draft ${number}`, () => {
    test("has vectors of every kind", () => {
      const kinds = new Set(vectors.map(({ kind }) => kind));
      const expected = ["datagram", "fetch", ...(number === 14 ? [] : ["fetch-descending"]), "subgroup"];
      assert.deepEqual([...kinds].toSorted(), expected);
    });

    for (const { kind, name, hex, decoded } of vectors) {
      test(name, () => {
        const all = bytes(hex);
        if (kind === "datagram") {
          // A status of a normal object without payload is said only by the type.
          const { status, ...rest } = decoded;
          assert.deepEqual(readDatagram(caps, all), status === "0" ? rest : decoded);
          return;
        }
        if (kind === "control") return;
        for (const sizes of [[], [1], [3, 1, 50], [2, 7]]) {
          assert.deepEqual(
            readData(caps, kind, all, sizes),
            inferred(caps, decoded),
            `in pieces of ${sizes.join(", ")}`,
          );
        }
        const cut = all.subarray(0, -1);
        // Without its last byte, a gap is complete for peers that write no payload length.
        if (name.startsWith("a fetch")) return;
        assert.throws(() => readData(caps, kind, cut), ProtocolViolation);
      });
    }
  });
}
