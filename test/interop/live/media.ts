/** Live media for the peers that carry nothing else: fragmented MP4 from ffmpeg, whose fragments are found again at the other end. */
import { createHash } from "node:crypto";
import type { Command } from "./driver.ts";

/** Pictures of a test card in real time, one fragment each, with a key frame every half second. */
export const FFMPEG: Command = {
  file: "ffmpeg",
  args: [
    ...["-hide_banner", "-loglevel", "error", "-re", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=24"],
    ...["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "12", "-pix_fmt", "yuv420p"],
    ...["-f", "mp4", "-movflags", "empty_moov+frag_every_frame+separate_moof+omit_tfhd_offset", "-t", "60", "-"],
  ],
};

/** Size and type of a box (ISO/IEC 14496-12, 4.2). */
const HEADER_BYTES = 8;

/** Finds the fragments in a stream of fragmented MP4: each is a `moof` box with the `mdat` box after it. */
export class Fragments {
  readonly #found: (sha256: string, size: number) => void;
  #rest: Buffer = Buffer.alloc(0);
  #moof: Buffer | undefined;

  constructor(found: (sha256: string, size: number) => void) {
    this.#found = found;
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
    if (type === "moof") this.#moof = box;
    else if (type === "mdat" && this.#moof !== undefined) {
      this.#found(createHash("sha256").update(this.#moof).update(box).digest("hex"), this.#moof.length + box.length);
      this.#moof = undefined;
    }
  }
}
