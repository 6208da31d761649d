/** The independent codec in test/interop/oracle, where it is built: `npm run oracle -- build`. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { encodeMessage } from "../../moq/wire/ietf/index.ts";
import { vectorFiles } from "../../scripts/oracle/files.ts";
import { askOracle, missingOracle } from "../../scripts/oracle/program.ts";
import { conversations } from "./ietf/support/conversations.ts";
import { draft } from "./ietf/support/data.ts";
import { datagrams, fetchStreams, subgroupStreams } from "./ietf/support/written-data.ts";
import { ORACLE_VECTORS } from "./support/oracle-vectors.ts";

/** Streams that the oracle reads in a test: always the same ones. */
const SAMPLES = { numRuns: 500, seed: 20_261_129 };

/**
 * What the oracle refuses and we read: a range that ends before it begins, which is answered with an error; and parameters in SUBSCRIBE_TRACKS
 * (type 81) that PUBLISH has, because SUBSCRIBE_TRACKS since draft 20 sets those of the resulting PUBLISH. A time-out of 0 as a track property of
 * draft 16 is passed on.
 */
const STRICTER =
  /^range from .* which is earlier$|may not appear in message type 81$|^track property type \d+ carries value 0/;

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
    test(`writes the control messages of draft ${number} as we do, when it has read ours`, () => {
      const messages = fc.sample(conversations(caps), SAMPLES).flatMap(({ messages }) => messages);
      const written = messages.map((message) => Buffer.from(encodeMessage(message, caps)).toString("hex"));
      const answers = askOracle(
        "decode",
        written.map((hex) => `${number} control-again ${hex}`),
      );
      let refused = 0;
      for (const [index, line] of answers.entries()) {
        const answer = JSON.parse(line) as { error?: string };
        if (STRICTER.test(answer.error ?? "")) refused++;
        else assert.deepEqual(answer, { hex: written[index] }, JSON.stringify(messages[index], plain));
      }
      assert.ok(refused < written.length / 4, `${refused} of ${written.length} were refused`);
    });

    for (const [kind, arbitrary] of Object.entries({ subgroupStreams, fetchStreams, datagrams })) {
      test(`reads the ${kind} that we write in draft ${number}`, () => {
        const written = fc.sample(arbitrary(caps), SAMPLES);
        const lines = written.map(({ kind, bytes }) => `${number} ${kind} ${Buffer.from(bytes).toString("hex")}`);
        for (const [index, line] of askOracle("decode", lines).entries()) {
          assert.deepEqual(JSON.parse(line), written[index]?.described, lines[index]);
        }
      });
    }
  }
});

function plain(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
}
