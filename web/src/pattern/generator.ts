/**
 * A video track whose pictures are handed over one by one.
 *
 * Chromium's track generator takes pictures even while the tab is hidden; elsewhere the canvas is captured, which a
 * hidden tab pauses.
 */

/** What a canvas is published through. */
export interface PictureTrack {
  readonly track: MediaStreamTrack;
  /** Takes what the canvas shows now as the next picture. */
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
    // A picture that the last one still waits for is left out, rather than queued.
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
  if (!track) throw new Error("This browser made no video track of the canvas.");
  return { track, push: () => undefined, stop: () => track.stop() };
}
