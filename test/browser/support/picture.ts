/** Reads the clock off a canvas in the browser, the way a viewer would see it. */
import type { Page } from "playwright-core";
import { patient } from "../../../scripts/suite/patience.ts";
import { readClock, STRIP_HEIGHT, STRIP_TOP } from "../../../web/src/pattern/clock-blocks.ts";

/** Longest wait for the first picture, in milliseconds. */
const FIRST_PICTURE_MS = patient(20_000);
/** Milliseconds between two readings of the canvas. */
const LOOK_EVERY_MS = 100;
/** Size in pixels to which the strip of blocks is scaled. */
const WIDTH = 112;
const HEIGHT = 16;

/** One reading of the canvas, in Unix milliseconds of the browser's clock. */
export interface Look {
  /** What the blocks show: when the publisher drew the picture. */
  readonly shown: number;
  /** When the canvas was read. */
  readonly seen: number;
}

/** Reads the canvas once; nothing when it shows no clock. */
export async function look(page: Page, canvas: string): Promise<Look | undefined> {
  const { seen, pixels } = await page.evaluate(
    ({ selector, top, part, width, height }) => {
      const picture = document.querySelector<HTMLCanvasElement>(selector);
      const small = new OffscreenCanvas(width, height).getContext("2d");
      if (!picture || !small) throw new Error(`no canvas ${selector}`);
      const seen = performance.timeOrigin + performance.now();
      small.drawImage(picture, 0, picture.height * top, picture.width, picture.height * part, 0, 0, width, height);
      return { seen, pixels: [...small.getImageData(0, 0, width, height).data] };
    },
    { selector: canvas, top: STRIP_TOP, part: STRIP_HEIGHT, width: WIDTH, height: HEIGHT },
  );
  const shown = readClock({ data: pixels, width: WIDTH, height: HEIGHT });
  return shown === undefined ? undefined : { shown, seen };
}

/** Reads the canvas until it shows a clock that was drawn after `drawnAfter`. @throws Error when it never does. */
export async function firstLook(page: Page, canvas: string, drawnAfter = 0): Promise<Look> {
  const deadline = performance.now() + FIRST_PICTURE_MS;
  while (performance.now() < deadline) {
    const found = await look(page, canvas);
    if (found && found.shown > drawnAfter) return found;
    await page.waitForTimeout(LOOK_EVERY_MS);
  }
  throw new Error(`${canvas} showed no such clock in ${FIRST_PICTURE_MS} ms`);
}

/** Reads the canvas `count` times, and omits readings without a clock. */
export async function looks(page: Page, canvas: string, count: number): Promise<Look[]> {
  const found: Look[] = [];
  for (let i = 0; i < count; i++) {
    const one = await look(page, canvas);
    if (one) found.push(one);
    await page.waitForTimeout(LOOK_EVERY_MS);
  }
  return found;
}
