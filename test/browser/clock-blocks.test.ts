import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  COLUMNS,
  clockSymbols,
  drawClock,
  PALETTE,
  type Pixels,
  readClock,
  STRIP_TOP,
} from "../../web/src/pattern/clock-blocks.ts";

/** A canvas of plain memory that knows `fillRect` in `rgb(r g b)`. */
class Raster {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
  fillStyle: string | CanvasGradient | CanvasPattern = "rgb(0 0 0)";

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.data = new Uint8ClampedArray(width * height * 4);
  }

  fillRect(left: number, top: number, width: number, height: number): void {
    const colour = String(this.fillStyle).match(/\d+/g)?.map(Number) ?? [];
    for (let y = top; y < Math.min(top + height, this.height); y++) {
      for (let x = left; x < Math.min(left + width, this.width); x++) {
        for (let channel = 0; channel < 3; channel++)
          this.data[(y * this.width + x) * 4 + channel] = colour[channel] ?? 0;
      }
    }
  }

  /** The picture from the strip of blocks down, each channel changed by `change`. */
  strip(change: (value: number, at: number) => number = (value) => value): Pixels {
    const from = Math.round(this.height * STRIP_TOP);
    const data = this.data.subarray(from * this.width * 4).map(change);
    return { data, width: this.width, height: this.height - from };
  }
}

const TIMES = fc.integer({ min: 0, max: 2 ** 42 - 1 });

function drawn(unixMs: number): Raster {
  const raster = new Raster(448, 252);
  drawClock(raster, raster.width, raster.height, unixMs);
  return raster;
}

test("the blocks show the four colours, then the time from its highest bit on, then the checksum", () => {
  const symbols = clockSymbols(0b11_10_01_00);
  assert.equal(symbols.length, 2 * COLUMNS);
  assert.deepEqual(symbols.slice(0, 4), [0, 1, 2, 3]);
  assert.deepEqual(symbols.slice(4, 25), [...Array<number>(17).fill(0), 3, 2, 1, 0]);
});

test("the blocks are read as the time that they show", () => {
  fc.assert(
    fc.property(TIMES, (time) => assert.equal(readClock(drawn(time).strip()), time)),
    { numRuns: 100 },
  );
});

test("the blocks are readable after a coarse encoder dims their colours and adds noise", () => {
  const noisy = (value: number, at: number) => 16 + value * 0.86 + ((at * 7919) % 31) - 15;
  fc.assert(
    fc.property(TIMES, (time) => assert.equal(readClock(drawn(time).strip(noisy)), time)),
    { numRuns: 50 },
  );
});

test("no clock is found in a picture without blocks", () => {
  const raster = new Raster(448, 252);
  assert.equal(readClock(raster.strip()), undefined, "black");
  assert.equal(readClock(raster.strip((_, at) => (at * 2_654_435_761) % 256)), undefined, "noise");
  raster.fillStyle = "rgb(200 210 220)";
  raster.fillRect(0, 0, raster.width, raster.height);
  assert.equal(readClock(raster.strip()), undefined, "one colour");
});

test("no clock is found when one block is wrong", () => {
  const time = 1_800_000_000_123;
  for (let block = 4; block < 2 * COLUMNS; block++) {
    const raster = drawn(time);
    const [r, g, b] = PALETTE[((clockSymbols(time)[block] ?? 0) + 1) % 4] ?? [0, 0, 0];
    raster.fillStyle = `rgb(${r} ${g} ${b})`;
    raster.fillRect((block % COLUMNS) * 32, 210 + Math.floor(block / COLUMNS) * 21, 32, 21);
    assert.equal(readClock(raster.strip()), undefined, `block ${block}`);
  }
});
