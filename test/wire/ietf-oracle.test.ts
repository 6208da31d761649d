/** The independent codec in test/interop/oracle, where it is built: `npm run oracle -- build`. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { vectorFiles } from "../../scripts/oracle/files.ts";
import { askOracle, missingOracle } from "../../scripts/oracle/program.ts";
import { draft } from "./ietf/support/data.ts";
import { datagrams, fetchStreams, subgroupStreams } from "./ietf/support/written-data.ts";
import { ORACLE_VECTORS } from "./support/oracle-vectors.ts";

/** Streams that the oracle reads in a test. */
const STREAMS = 500;

describe("the oracle", { skip: missingOracle() ?? false }, () => {
  test("still makes the vectors that are committed", () => {
    for (const [path, text] of vectorFiles(askOracle("vectors"))) {
      assert.equal(readFileSync(path, "utf8"), text, `${path}: npm run oracle -- vectors`);
    }
  });

  test("reads its own vectors, and refuses what is cut off", () => {
    const lines = ORACLE_VECTORS.map(({ draft, kind, hex }) => `${draft} ${kind} ${hex}`);
    const cut = ORACLE_VECTORS.map(({ draft, kind, hex }) => `${draft} ${kind} ${hex.slice(0, -2)}`);
    const answers = askOracle("decode", [...lines, ...cut]).map((line): unknown => JSON.parse(line));
    for (const [index, { name, decoded }] of ORACLE_VECTORS.entries()) {
      assert.deepEqual(answers[index], decoded, name);
      assert.notDeepEqual(answers[ORACLE_VECTORS.length + index], decoded, `${name}, cut off`);
    }
  });

  for (const number of [14, 16, 18, 20, 22]) {
    const caps = draft(number);
    for (const [kind, arbitrary] of Object.entries({ subgroupStreams, fetchStreams, datagrams })) {
      test(`reads the ${kind} that we write in draft ${number}`, () => {
        const written = fc.sample(arbitrary(caps), STREAMS);
        const lines = written.map(({ kind, bytes }) => `${number} ${kind} ${Buffer.from(bytes).toString("hex")}`);
        for (const [index, line] of askOracle("decode", lines).entries()) {
          assert.deepEqual(JSON.parse(line), written[index]?.described, lines[index]);
        }
      });
    }
  }
});
