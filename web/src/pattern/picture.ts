/** The generated test picture: a clock as text, a hand that turns once a second, a flash on the second, the clock blocks. */
import { drawClock, STRIP_TOP } from "./clock-blocks.ts";

/** Picture size in pixels; both are multiples of 16, so that no encoder crops or scales it. */
export const WIDTH = 1024;
export const HEIGHT = 576;
/** Pictures per second. */
export const FRAME_RATE = 30;

/** Milliseconds after each full second during which the disc is lit, together with the tone's pip. */
const FLASH_MS = 100;
const FONT = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace";
const TURN = 2 * Math.PI;

/** The values that the picture shows in addition to the time. */
export interface PictureText {
  readonly name: string;
  /** Number of this picture since the start. */
  readonly frame: number;
}

/** Paints one whole picture for a moment in Unix milliseconds. */
export function drawPicture(context: CanvasRenderingContext2D, unixMs: number, text: PictureText): void {
  paintGround(context, unixMs);
  paintHand(context, unixMs);
  paintText(context, unixMs, text);
  drawClock(context, WIDTH, HEIGHT, unixMs);
}

function paintGround(context: CanvasRenderingContext2D, unixMs: number): void {
  const ground = context.createLinearGradient(0, 0, WIDTH, HEIGHT);
  ground.addColorStop(0, "#101a3d");
  ground.addColorStop(1, "#1c4a6e");
  context.fillStyle = ground;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  // A bar that crosses the picture in four seconds: stutter and tearing show on it.
  const across = (unixMs % 4000) / 4000;
  context.fillStyle = "rgb(255 255 255 / 10%)";
  context.fillRect(across * (WIDTH + 80) - 80, 0, 80, HEIGHT * STRIP_TOP);
}

function paintHand(context: CanvasRenderingContext2D, unixMs: number): void {
  const second = unixMs % 1000;
  const [x, y, radius] = [210, 240, 130];
  context.beginPath();
  context.arc(x, y, radius, 0, TURN);
  context.fillStyle = second < FLASH_MS ? "#ffe066" : "rgb(255 255 255 / 8%)";
  context.fill();
  context.lineWidth = 14;
  context.strokeStyle = "rgb(255 255 255 / 18%)";
  context.stroke();
  context.beginPath();
  context.arc(x, y, radius, -TURN / 4, -TURN / 4 + (second / 1000) * TURN);
  context.strokeStyle = "#5ee0c5";
  context.stroke();
  const angle = -TURN / 4 + (second / 1000) * TURN;
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x + Math.cos(angle) * (radius - 24), y + Math.sin(angle) * (radius - 24));
  context.lineWidth = 8;
  context.lineCap = "round";
  context.strokeStyle = "#ffffff";
  context.stroke();
}

function paintText(context: CanvasRenderingContext2D, unixMs: number, text: PictureText): void {
  const time = new Date(unixMs);
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, "0"));
  context.textBaseline = "alphabetic";
  context.fillStyle = "rgb(255 255 255 / 80%)";
  context.font = `500 28px ${FONT}`;
  context.fillText(text.name, 392, 160, WIDTH - 420);
  context.fillStyle = "#ffffff";
  context.font = `700 92px ${FONT}`;
  context.fillText(clock.join(":"), 386, 262);
  context.fillStyle = "#5ee0c5";
  context.font = `700 56px ${FONT}`;
  context.fillText(`.${String(time.getMilliseconds()).padStart(3, "0")}`, 834, 262);
  context.fillStyle = "rgb(255 255 255 / 80%)";
  context.font = `500 26px ${FONT}`;
  context.fillText(`picture ${text.frame}`, 392, 320);
  context.fillText(`${WIDTH} × ${HEIGHT}, ${FRAME_RATE} a second`, 392, 360);
}
