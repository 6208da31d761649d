import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FrameLog } from "../../moq/model/frame-log.ts";
import { SegmentPool } from "../../moq/model/segment-pool.ts";
import { channel } from "./support.ts";

const { dialect } = channel();
const other = channel("timed").dialect;

const text = (parts: readonly Uint8Array[]) => Buffer.concat(parts).toString("latin1");

/** Appends the bytes of one frame in pieces. Returns what `dialect` writes live. */
function feed(log: FrameLog, payload: Uint8Array, pieces: readonly number[]): Uint8Array[] {
  const live: Uint8Array[] = [];
  log.begin(payload.length, 0, log.id + 1, undefined, undefined);
  for (let from = 0, turn = 0; from < payload.length; turn++) {
    const piece = payload.subarray(from, from + (pieces[turn % pieces.length] ?? payload.length));
    from += piece.length;
    for (let at = 0; at < piece.length; ) {
      at = log.append(piece, at);
      live.push((log.begins ? log.headed(dialect) : undefined) ?? log.appended());
    }
  }
  if (payload.length === 0) live.push(Buffer.from("[0]"));
  return live;
}

const frames = fc.array(
  fc.record({
    size: fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 200_000 })),
    pieces: fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 40 },
);

test("late readers of either dialect get what the first readers got, wherever segments end", () => {
  fc.assert(
    fc.property(frames, fc.boolean(), (list, ended) => {
      const log = new FrameLog(new SegmentPool());
      const payloads = list.map(({ size }, n) => Buffer.alloc(size, String.fromCharCode(65 + (n % 26))));
      const live = list.flatMap(({ pieces }, n) => feed(log, payloads[n] ?? Buffer.alloc(0), pieces));
      if (ended) log.end();
      assert.equal(log.length, list.length);
      for (const [late, mark] of [
        [dialect, ""],
        [other, "@0"],
      ] as const) {
        const parts: Uint8Array[] = [];
        const sent = log.encoded(late, 0, log.length, parts);
        assert.equal(text(parts), payloads.map((bytes) => `[${bytes.length}${mark}]${bytes}`).join(""));
        assert.equal(
          sent,
          payloads.reduce((sum, { length }) => sum + length, 0),
        );
      }
      assert.equal(text(live), payloads.map((bytes) => `[${bytes.length}]${bytes}`).join(""));
    }),
    { numRuns: 60 },
  );
});

test("a log that is forgotten in the middle of a frame passes the rest on and keeps nothing", () => {
  const log = new FrameLog(new SegmentPool());
  log.begin(6, 0, log.id + 1, undefined, undefined);
  log.append(Buffer.from("abc"), 0);
  log.forget();
  assert.equal(log.append(Buffer.from("def"), 0), 3);
  assert.equal(log.begins, false);
  assert.equal(text([log.appended()]), "def");
  assert.equal(log.length, 0);
  assert.equal(text(feed(log, Buffer.from("next"), [3])), "[4]next");
  assert.equal(log.length, 0);
});

test("a group of many small frames has few segments, and no more memory than it needs once it has ended", () => {
  const log = new FrameLog(new SegmentPool());
  for (let n = 0; n < 40; n++) feed(log, Buffer.alloc(1_000, "x"), [1_000]);
  log.end();
  const parts: Uint8Array[] = [];
  log.encoded(dialect, 0, log.length, parts);
  const memory = new Set(parts.map(({ buffer }) => buffer));
  assert.ok(memory.size <= 8, `${memory.size} segments`);
  const bytes = [...memory].reduce((sum, { byteLength }) => sum + byteLength, 0);
  assert.ok(bytes <= 1.15 * 40_000, `${bytes} bytes for 40000`);
});

test("a frame of a large size of which little arrives costs one segment", () => {
  const log = new FrameLog(new SegmentPool());
  log.begin(1_000_000, 0, log.id + 1, undefined, undefined);
  log.append(Buffer.from("a"), 0);
  assert.ok(log.appended().buffer.byteLength <= 64 * 1024);
});

test("dialects that write the same headers share them, and write no piece of their own", () => {
  const log = new FrameLog(new SegmentPool());
  feed(log, Buffer.from("abc"), [3]);
  const pieces: Uint8Array[] = [];
  log.encoded({ ...dialect, name: "other codes", headers: dialect.name }, 0, 1, pieces);
  assert.deepEqual(
    pieces.map((piece) => text([piece])),
    ["[3]abc"],
  );
});
