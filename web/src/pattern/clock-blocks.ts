/**
 * A clock that survives video encoding: the time in milliseconds drawn as large coloured blocks along the lower
 * edge of the picture, read back from the pixels at the other end.
 *
 * Two rows of 14 blocks, each one of four colours, left to right and top to bottom: the four colours in order
 * (so that the reader knows how the codec has changed them), 21 blocks with 42 bits of Unix time in
 * milliseconds, most significant first, and 3 blocks with a 6-bit checksum of those.
 */

/** Blocks in a row. */
export const COLUMNS = 14;
/** Rows of blocks. */
export const ROWS = 2;
/** The top and the height of the rows, as parts of the picture's height. */
export const STRIP_TOP = 5 / 6;
export const STRIP_HEIGHT = 1 / 6;

/** Colours that differ much in brightness or hue, so that they stay distinct after chroma subsampling and coarse quantisation. */
export const PALETTE: readonly Rgb[] = [
  [12, 18, 40],
  [229, 57, 59],
  [40, 120, 255],
  [255, 224, 102],
];

const TIME_SYMBOLS = 21;
const CHECK_SYMBOLS = 3;
/** Largest difference of a reference block from its colour, summed over R, G and B; above this the picture has no clock. */
const REFERENCE_TOLERANCE = 150;
/** x^6 + x + 1. */
const CHECK_POLYNOMIAL = 0b1000011;
const CHECK_BITS = 6;

export type Rgb = readonly [number, number, number];

/** Pixels in the form of `getImageData`: RGBA, row by row. */
export interface Pixels {
  readonly data: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
}

/** The part of a 2D context that {@link drawClock} uses. */
export interface Painter {
  fillStyle: string | CanvasGradient | CanvasPattern;
  fillRect(x: number, y: number, width: number, height: number): void;
}

/** The 28 symbols (0 to 3) that show a time in Unix milliseconds. */
export function clockSymbols(unixMs: number): number[] {
  const bits: number[] = [];
  const time = BigInt(Math.round(unixMs));
  for (let bit = TIME_SYMBOLS * 2 - 1; bit >= 0; bit--) bits.push(Number((time >> BigInt(bit)) & 1n));
  const check = checksum(bits);
  for (let bit = CHECK_BITS - 1; bit >= 0; bit--) bits.push((check >> bit) & 1);
  const symbols = [0, 1, 2, 3];
  for (let i = 0; i < bits.length; i += 2) symbols.push((bits[i] ?? 0) * 2 + (bits[i + 1] ?? 0));
  return symbols;
}

/** Paints the blocks over the lower edge of a picture of the given size in pixels. */
export function drawClock(painter: Painter, width: number, height: number, unixMs: number): void {
  const blockWidth = width / COLUMNS;
  const blockHeight = (height * STRIP_HEIGHT) / ROWS;
  clockSymbols(unixMs).forEach((symbol, i) => {
    const [r, g, b] = PALETTE[symbol] ?? [0, 0, 0];
    painter.fillStyle = `rgb(${r} ${g} ${b})`;
    const x = Math.round((i % COLUMNS) * blockWidth);
    const y = Math.round(height * STRIP_TOP + Math.floor(i / COLUMNS) * blockHeight);
    painter.fillRect(x, y, Math.ceil(blockWidth), Math.ceil(blockHeight));
  });
}

/**
 * Reads the time in Unix milliseconds from the blocks; undefined when the picture has none.
 *
 * @param strip The lower edge of the picture from {@link STRIP_TOP} down, at any scale of at least 4 pixels a block.
 */
export function readClock(strip: Pixels): number | undefined {
  const colours = blockColours(strip);
  const reference = colours.slice(0, PALETTE.length);
  for (const [i, colour] of reference.entries()) {
    if (distance(colour, PALETTE[i] ?? [0, 0, 0]) > REFERENCE_TOLERANCE) return undefined;
  }
  const bits: number[] = [];
  for (const colour of colours.slice(PALETTE.length)) {
    const symbol = nearest(colour, reference);
    bits.push(symbol >> 1, symbol & 1);
  }
  const time = bits.slice(0, TIME_SYMBOLS * 2);
  const check = number(bits.slice(TIME_SYMBOLS * 2, (TIME_SYMBOLS + CHECK_SYMBOLS) * 2));
  return checksum(time) === check ? number(time) : undefined;
}

function number(bits: readonly number[]): number {
  return bits.reduce((value, bit) => value * 2 + bit, 0);
}

function checksum(bits: readonly number[]): number {
  let register = 0;
  for (const bit of [...bits, ...Array<number>(CHECK_BITS).fill(0)]) {
    register = (register << 1) | bit;
    if (register >> CHECK_BITS) register ^= CHECK_POLYNOMIAL;
  }
  // An offset, because the checksum of all zeros would be zero and a blank strip would read as a time.
  return register ^ 0b101010;
}

/** Mean colour of the middle half of each block, away from the edges that the codec blurs. */
function blockColours(strip: Pixels): Rgb[] {
  const width = strip.width / COLUMNS;
  const height = strip.height / ROWS;
  const colours: Rgb[] = [];
  for (let row = 0; row < ROWS; row++) {
    for (let column = 0; column < COLUMNS; column++) {
      colours.push(mean(strip, (column + 0.25) * width, (row + 0.25) * height, width / 2, height / 2));
    }
  }
  return colours;
}

function mean(pixels: Pixels, left: number, top: number, width: number, height: number): Rgb {
  const sum: [number, number, number] = [0, 0, 0];
  let count = 0;
  for (let y = Math.floor(top); y < top + height; y++) {
    for (let x = Math.floor(left); x < left + width; x++) {
      const at = (y * pixels.width + x) * 4;
      sum[0] += pixels.data[at] ?? 0;
      sum[1] += pixels.data[at + 1] ?? 0;
      sum[2] += pixels.data[at + 2] ?? 0;
      count++;
    }
  }
  return [sum[0] / count, sum[1] / count, sum[2] / count];
}

function nearest(colour: Rgb, reference: readonly Rgb[]): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const [i, candidate] of reference.entries()) {
    const far = distance(colour, candidate);
    if (far < least) {
      least = far;
      best = i;
    }
  }
  return best;
}

function distance(a: Rgb, b: Rgb): number {
  return Math.abs(a[0] - b[0]) + Math.abs(a[1] - b[1]) + Math.abs(a[2] - b[2]);
}
