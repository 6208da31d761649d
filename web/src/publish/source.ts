/** Where the published picture and sound come from. */
import { pictureTrack } from "../pattern/generator.ts";
import { drawPicture, FRAME_RATE, HEIGHT, WIDTH } from "../pattern/picture.ts";
import { startTicker } from "../pattern/ticker.ts";
import { startTone, type Tone } from "../pattern/tone.ts";

export type SourceKind = "pattern" | "camera" | "screen";

/** An open source. Its tracks end when `stop` is called, or when the user or the system takes the device away. */
export interface Source {
  readonly kind: SourceKind;
  readonly video: MediaStreamTrack;
  /** Absent where the source has no sound. */
  readonly audio: MediaStreamTrack | undefined;
  /** Calls back with sound that comes later: the pattern's tone waits for a click or a key, as browsers demand. */
  readonly onLateAudio: (take: (track: MediaStreamTrack) => void) => void;
  stop(): void;
}

/** What a pattern is drawn on and labelled with. */
export interface PatternOptions {
  readonly canvas: HTMLCanvasElement;
  readonly name: () => string;
}

/**
 * Opens a source, asking the user for permission where the browser wants it.
 *
 * @throws DOMException when the user refuses or there is no such device; {@link Error} outside a secure context.
 */
export async function openSource(kind: SourceKind, pattern: PatternOptions): Promise<Source> {
  if (kind === "pattern") return await openPattern(pattern);
  // Absent outside a secure context, whatever the DOM library's types say.
  const devices: MediaDevices | undefined = navigator.mediaDevices;
  if (!devices) throw new Error("Camera and screen need a secure page: open it on localhost or over https.");
  return kind === "camera" ? await openCamera(devices) : await openScreen(devices);
}

async function openCamera(devices: MediaDevices): Promise<Source> {
  const picture = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
  let stream: MediaStream;
  try {
    stream = await devices.getUserMedia({ video: picture, audio: true });
  } catch (error) {
    // No microphone is no reason to publish no picture.
    if (!(error instanceof DOMException) || error.name !== "NotFoundError") throw error;
    stream = await devices.getUserMedia({ video: picture });
  }
  return fromStream("camera", stream);
}

async function openScreen(devices: MediaDevices): Promise<Source> {
  if (!devices.getDisplayMedia) throw new Error("This browser cannot capture the screen.");
  return fromStream("screen", await devices.getDisplayMedia({ video: { frameRate: { ideal: 30 } }, audio: true }));
}

function fromStream(kind: SourceKind, stream: MediaStream): Source {
  const video = stream.getVideoTracks()[0];
  if (!video) throw new Error("The browser gave no picture.");
  const stop = () => {
    for (const track of stream.getTracks()) track.stop();
  };
  return { kind, video, audio: stream.getAudioTracks()[0], onLateAudio: () => undefined, stop };
}

async function openPattern({ canvas, name }: PatternOptions): Promise<Source> {
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  // Pictures are read back for encoding, so a canvas in main memory saves a copy from the graphics card.
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("This browser gave no canvas to draw on.");
  const picture = pictureTrack(canvas, FRAME_RATE);
  let frame = 0;
  const draw = () => {
    drawPicture(context, performance.timeOrigin + performance.now(), { name: name(), frame: frame++ });
    picture.push();
  };
  draw();
  const stopTicker = startTicker(1000 / FRAME_RATE, draw);
  const tone = new LateTone();
  const audio = await tone.now();
  const stop = () => {
    stopTicker();
    picture.stop();
    tone.stop();
  };
  return { kind: "pattern", video: picture.track, audio, onLateAudio: (take) => tone.later(take), stop };
}

/** Starts the tone now if the user has touched the page, else at the first click or key. */
class LateTone {
  #tone: Tone | undefined;
  readonly #ended = new AbortController();

  async now(): Promise<MediaStreamTrack | undefined> {
    if (!navigator.userActivation?.hasBeenActive) return undefined;
    return await this.#start();
  }

  later(take: (track: MediaStreamTrack) => void): void {
    if (this.#tone) return;
    const start = async () => {
      waiting.abort();
      const track = await this.#start();
      if (track) take(track);
    };
    const waiting = new AbortController();
    const signal = AbortSignal.any([waiting.signal, this.#ended.signal]);
    for (const gesture of ["pointerup", "keydown"]) {
      document.addEventListener(gesture, () => void start(), { signal });
    }
  }

  stop(): void {
    this.#ended.abort();
    this.#tone?.stop();
  }

  async #start(): Promise<MediaStreamTrack | undefined> {
    try {
      const tone = await startTone();
      if (this.#ended.signal.aborted) tone.stop();
      else this.#tone = tone;
      return tone.track;
    } catch (error) {
      console.warn("The pattern goes without its tone.", error);
      return undefined;
    }
  }
}
