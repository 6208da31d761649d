import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const LIFE = join(dirname(fileURLToPath(import.meta.url)), "life.ts");

/** Far more than a start and an end need, and far less than any timer that might be left behind. */
const EXIT_WITHIN_MS = 20_000;

for (const end of ["drain", "close", "fail"]) {
  test(`a process ends by itself after a relay's ${end}, with nothing left open`, async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", LIFE, end], {
      timeout: EXIT_WITHIN_MS,
    });
    assert.deepEqual(JSON.parse(stdout), { sessions: end === "fail" ? 0 : 3, left: [] });
  });
}
