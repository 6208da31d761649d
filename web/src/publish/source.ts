/** Sources of the published picture and sound. */
import { pictureTrack } from "../pattern/generator.ts";
import { drawPicture, FRAME_RATE, HEIGHT, WIDTH } from "../pattern/picture.ts";
import { startTicker } from "../pattern/ticker.ts";
import { startTone, type Tone } from "../pattern/tone.ts";

export type SourceKind = "pattern" | "camera" | "screen";

/** An open source. Its tracks end when `stop` is called, or when the user or the system disconnects the device. */
export interface Source {
  readonly kind: SourceKind;
  readonly video: MediaStreamTrack;
  /** Absent if the source has no sound. */
  readonly audio: MediaStreamTrack | undefined;
  /** Called when sound starts later: browsers let the pattern's tone start only after a click or a key. */
  readonly onLateAudio: (take: (track: MediaStreamTrack) => void) => void;
  stop(): void;
}

/** The canvas and the label of a pattern. */
export interface PatternOptions {
  readonly canvas: HTMLCanvasElement;
  readonly name: () => string;
}

/**
 * Opens a source; the browser may ask the user for permission.
 *
 * @throws DOMException when the user refuses or there is no such device; {@link Error} outside a secure context.
 */
export async function openSource(kind: SourceKind, pattern: PatternOptions): Promise<Source> {
  if (kind === "pattern") return await openPattern(pattern);
  // Undefined outside a secure context, although the DOM library's types do not say so.
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
    // Without a microphone, the picture is published without sound.
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
  if (!video) throw new Error("The browser returned no video track.");
  const stop = () => {
    for (const track of stream.getTracks()) track.stop();
  };
  return { kind, video, audio: stream.getAudioTracks()[0], onLateAudio: () => undefined, stop };
}

async function openPattern({ canvas, name }: PatternOptions): Promise<Source> {
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  // The encoder reads the pictures back, so a canvas in main memory saves a copy from the graphics card.
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("This browser cannot draw on a canvas.");
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
      console.warn("The pattern is published without its tone.", error);
      return undefined;
    }
  }
}
