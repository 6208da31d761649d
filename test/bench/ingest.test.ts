import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { z } from "zod";
import { parseIngest } from "../../bench/ingest/options.ts";

const BENCH = fileURLToPath(new URL("../../bench/main.ts", import.meta.url));

/**
 * Bytes of V8's heap for each frame: three views of 110 bytes, the frame's index, its part of a group, and what the bench itself allocates. With an
 * object or two for each kept frame it was 2200.
 */
const HEAP_BYTES = 1_300;

const FIGURES = z.object({
  frames_written: z.number(),
  heap_bytes_per_frame: z.number(),
  thread_us_per_frame: z.number(),
});

test("each frame is written once for each broadcast, and leaves little garbage", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [BENCH, "ingest", "--frames", "20000", "--json"]);
  const figures = FIGURES.parse(JSON.parse(stdout));
  assert.ok(figures.frames_written >= 20_000);
  assert.ok(figures.thread_us_per_frame > 0);
  assert.ok(figures.heap_bytes_per_frame < HEAP_BYTES, `${figures.heap_bytes_per_frame} bytes`);
});

test("options of ingest that are wrong are named", () => {
  assert.throws(() => parseIngest(["--batch", "0"]), /--batch: expected a whole number/);
  assert.equal(parseIngest(["--help"]), "help");
});
