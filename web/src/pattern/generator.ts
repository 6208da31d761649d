/**
 * A video track whose pictures are passed to it one by one.
 *
 * Chromium's track generator accepts pictures even while the tab is hidden. In other browsers the canvas is captured, which pauses in a
 * hidden tab.
 */

/** Publishes the pictures of a canvas. */
export interface PictureTrack {
  readonly track: MediaStreamTrack;
  /** Sends the current picture of the canvas. */
  push(): void;
  stop(): void;
}

/** Chromium only, and not in TypeScript's DOM library. */
interface TrackGenerator extends MediaStreamTrack {
  readonly writable: WritableStream<VideoFrame>;
}

declare global {
  interface Window {
    MediaStreamTrackGenerator?: new (options: { kind: "video" }) => TrackGenerator;
  }
}

/** Makes a track of a canvas that is drawn at most `frameRate` times a second. */
export function pictureTrack(canvas: HTMLCanvasElement, frameRate: number): PictureTrack {
  const Generator = window.MediaStreamTrackGenerator;
  return Generator ? generated(canvas, new Generator({ kind: "video" })) : captured(canvas, frameRate);
}

function generated(canvas: HTMLCanvasElement, track: TrackGenerator): PictureTrack {
  const writer = track.writable.getWriter();
  const push = () => {
    // While the last picture still waits, the new one is dropped and not queued.
    if ((writer.desiredSize ?? 0) <= 0) return;
    const picture = new VideoFrame(canvas, { timestamp: Math.round(performance.now() * 1000) });
    writer.write(picture).catch(() => picture.close());
  };
  const stop = () => {
    writer.close().catch(() => undefined);
    track.stop();
  };
  return { track, push, stop };
}

function captured(canvas: HTMLCanvasElement, frameRate: number): PictureTrack {
  const track = canvas.captureStream(frameRate).getVideoTracks()[0];
  if (!track) throw new Error("This browser cannot make a video track from a canvas.");
  return { track, push: () => undefined, stop: () => track.stop() };
}
