/** Measures the age of the picture on a canvas that shows the test pattern with its clock blocks. */
import { readClock, STRIP_HEIGHT, STRIP_TOP } from "../pattern/clock-blocks.ts";

/** Size in pixels to which the strip of blocks is scaled before it is read. */
const WIDTH = 280;
const HEIGHT = 40;

export class AgeReader {
  readonly #context: CanvasRenderingContext2D | null;

  constructor() {
    const canvas = document.createElement("canvas");
    canvas.width = WIDTH;
    canvas.height = HEIGHT;
    this.#context = canvas.getContext("2d", { willReadFrequently: true });
  }

  /**
   * Milliseconds between the time that the blocks show and now, by this computer's clock; undefined when the picture has no blocks. On two
   * machines it is only as exact as their clocks are synchronised.
   */
  read(picture: HTMLCanvasElement): number | undefined {
    const { width, height } = picture;
    if (!this.#context || width === 0 || height === 0) return undefined;
    const now = performance.timeOrigin + performance.now();
    this.#context.drawImage(picture, 0, height * STRIP_TOP, width, height * STRIP_HEIGHT, 0, 0, WIDTH, HEIGHT);
    const shown = readClock(this.#context.getImageData(0, 0, WIDTH, HEIGHT));
    return shown === undefined ? undefined : now - shown;
  }
}
