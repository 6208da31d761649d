/** Live media for the peers that carry nothing else: fragmented MP4 from ffmpeg, whose fragments are found again at the other end. */
import { createHash } from "node:crypto";
import { run } from "./cache.ts";
import type { Command } from "./driver.ts";

export const SIZE = { width: 320, height: 240 } as const;
export const PICTURES_PER_GROUP = 12;

const LAVFI = ["-f", "lavfi", "-i", `testsrc=size=${SIZE.width}x${SIZE.height}:rate=24`];
const QUIET = ["-hide_banner", "-loglevel", "error"];
const H264 = [
  ...["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", `${PICTURES_PER_GROUP}`],
  ...["-pix_fmt", "yuv420p", "-f", "mp4"],
];

/** Pictures of a test card in real time, one fragment each, with a key frame every half second. */
export const FFMPEG: Command = {
  file: "ffmpeg",
  args: [
    ...[...QUIET, "-re", ...LAVFI, ...H264],
    ...["-movflags", "empty_moov+frag_every_frame+separate_moof+omit_tfhd_offset", "-t", "60", "-"],
  ],
};

/** Writes a file with 20 seconds of the same pictures. */
export async function recordFile(path: string): Promise<void> {
  await run(FFMPEG.file, [...QUIET, ...LAVFI, ...H264, "-t", "20", path]);
}

export async function hasFfmpeg(): Promise<boolean> {
  return await run(FFMPEG.file, ["-version"]).then(
    () => true,
    () => false,
  );
}

/** Size and type of a box (ISO/IEC 14496-12, 4.2). */
const HEADER_BYTES = 8;

export interface FragmentEvents {
  /** What comes before the fragments: `ftyp` and `moov`. */
  readonly init?: (bytes: Buffer) => void;
  readonly fragment: (bytes: Buffer) => void;
}

export const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Finds the fragments in a stream of fragmented MP4: each is a `moof` box with the `mdat` box after it. */
export class Fragments {
  readonly #on: FragmentEvents;
  #rest: Buffer = Buffer.alloc(0);
  #ftyp: Buffer = Buffer.alloc(0);
  #moof: Buffer | undefined;

  constructor(on: FragmentEvents) {
    this.#on = on;
  }

  push(bytes: Uint8Array): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (;;) {
      const size = this.#rest.length < HEADER_BYTES ? 0 : this.#rest.readUInt32BE(0);
      if (size < HEADER_BYTES || this.#rest.length < size) return;
      this.#box(this.#rest.subarray(0, size));
      this.#rest = this.#rest.subarray(size);
    }
  }

  #box(box: Buffer): void {
    const type = box.toString("latin1", 4, HEADER_BYTES);
    if (type === "ftyp") this.#ftyp = box;
    else if (type === "moov") this.#on.init?.(Buffer.concat([this.#ftyp, box]));
    else if (type === "moof") this.#moof = box;
    else if (type === "mdat" && this.#moof !== undefined) {
      this.#on.fragment(Buffer.concat([this.#moof, box]));
      this.#moof = undefined;
    }
  }
}
