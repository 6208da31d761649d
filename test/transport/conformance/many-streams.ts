import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { RecvHandler } from "../../../moq/link.ts";
import { pattern, unheard } from "../fixtures.ts";
import type { Bench, Pair } from "./harness.ts";

const WARM_UP = 2_000;
const STREAMS = 10_000;
const SIZE = 600;

/** What 10,000 streams may leave behind, in bytes: under 100 a stream, which no table entry or promise fits into. */
const MAX_HEAP_GROWTH = 1_000_000;
/**
 * What a round of 10,000 streams may add to the resident memory, in bytes: less than two payloads a stream. Allocators keep some of what was
 * freed, and take more the first times, so one round of several must stay below; a leak shows in each.
 */
const MAX_RSS_GROWTH = 12_000_000;
const MAX_ROUNDS = 6;

/**
 * Streams under way at once where bursts may lose the end of one: few enough for any socket buffer, of which a packet takes
 * four times its bytes.
 */
const CALM = 64;
/** Ends that such an engine may lose all the same, of 12,000, and milliseconds of silence after which one counts as lost. */
const MAX_LOST = 4;
const SILENCE_MS = 3_000;

/** Many short streams. */
export function manyStreams(bench: Bench): void {
  bench.case("carries ten thousand short streams in flat memory", async (t) => {
    const pair = await bench.pair(t);
    const collect = garbageCollector();
    const payload = pattern(SIZE);
    const seen = { sent: 0, streams: 0, bytes: 0 };
    pair.serverEvents.onUni = () => counting(seen);
    await send(bench, pair, payload, seen, WARM_UP);
    let sent = WARM_UP;
    let after = await measure(bench, pair, collect);
    let rss = Number.POSITIVE_INFINITY;
    for (let round = 1; round <= MAX_ROUNDS && rss >= MAX_RSS_GROWTH; round += 1) {
      const before = after;
      sent += STREAMS;
      await send(bench, pair, payload, seen, sent);
      after = await measure(bench, pair, collect);
      rss = after.rss - before.rss;
      const heap = after.heapUsed - before.heapUsed;
      t.diagnostic(`heap grew by ${Math.round(heap / 1024)} KiB, resident memory by ${Math.round(rss / 1024)} KiB`);
      assert.ok(heap < MAX_HEAP_GROWTH, `the heap grew by ${heap} bytes`);
    }
    const lost = sent - seen.streams;
    if (lost > 0) t.diagnostic(`${lost} ends were lost: ${bench.harness.supports.burstLoss}`);
    assert.ok(lost <= MAX_LOST);
    assert.equal(seen.bytes, sent * SIZE);
    assert.ok(rss < MAX_RSS_GROWTH, `resident memory grew by ${rss} bytes in round ${MAX_ROUNDS} of 10,000 streams`);
  });
}

/** Opens streams as fast as the peer's limit lets it until `total` have been delivered whole. */
async function send(
  bench: Bench,
  { client }: Pair,
  payload: Uint8Array,
  seen: { sent: number; streams: number },
  total: number,
): Promise<void> {
  const whole = bench.harness.supports.burstLoss === undefined;
  const atOnce = whole ? total : CALM;
  let last = { streams: seen.streams, at: performance.now() };
  await bench.until(`${total} streams`, () => {
    while (seen.sent < total && seen.sent - seen.streams < atOnce) {
      const stream = client.openUni(1, unheard);
      if (stream === undefined) break;
      stream.write(payload);
      stream.finish();
      seen.sent += 1;
    }
    if (seen.streams !== last.streams) last = { streams: seen.streams, at: performance.now() };
    const silent = !whole && seen.sent === total && performance.now() - last.at > SILENCE_MS;
    return seen.streams === total || (silent && total - seen.streams <= MAX_LOST);
  });
}

async function measure(bench: Bench, pair: Pair, collect: () => void): Promise<NodeJS.MemoryUsage> {
  await bench.quiet();
  // The recorders note every event; that is not the engine's memory.
  for (const { log } of [pair.clientEvents, pair.serverEvents]) log.length = 0;
  collect();
  await bench.quiet();
  collect();
  return process.memoryUsage();
}

function counting(seen: { streams: number; bytes: number }): RecvHandler {
  return {
    data: (bytes) => {
      seen.bytes += bytes.length;
    },
    fin: () => {
      seen.streams += 1;
    },
    reset: () => {
      throw new Error("a stream was reset");
    },
  };
}

/** V8's, which has to be asked for. */
function garbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new Error("no garbage collector");
  return () => {
    collect();
  };
}
