import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CHECK_CODES, STATE_CODES } from "../../relay/health/codes.ts";

test("the run book has a section for each reason code, and its anchor is the code", () => {
  const text = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
  const sections = new Set(text.split("\n").flatMap((line) => /^### (\w+)$/.exec(line)?.[1] ?? []));
  const missing = [...STATE_CODES, ...CHECK_CODES].filter((code) => !sections.has(code));
  assert.deepEqual(missing, []);
});
