import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { patient } from "../../scripts/suite/patience.ts";
import { withRelay } from "../support/relay.ts";

const HERE = dirname(fileURLToPath(import.meta.url));
const LIFE = join(HERE, "life.ts");
const VISIT = join(HERE, "visit.ts");

/** Far more than a start and an end need, and far less than any timer that might be left behind. */
const EXIT_WITHIN_MS = patient(20_000);

for (const end of ["drain", "close", "fail"]) {
  test(`a process ends by itself after a relay's ${end}, with nothing left open`, async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [LIFE, end], {
      timeout: EXIT_WITHIN_MS,
    });
    assert.deepEqual(JSON.parse(stdout), { sessions: end === "fail" ? 0 : 3, left: [] });
  });
}

for (const scheme of ["http", "ws"]) {
  test(`a process ends by itself after it has closed its client of a ${scheme} address`, () =>
    withRelay({}, async (relay) => {
      const args = [VISIT, relay.at(scheme).href];
      const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: EXIT_WITHIN_MS });
      assert.equal(stdout, "closed\n");
    }));
}
