import type { SubgroupWriter, UpstreamSink } from "../../moq/model/index.ts";
import type { FrameReader } from "./contract.ts";

/** A sink that gives each whole frame of a subscription to `reader`. A group that is reset ends without its last frames. */
export function readerSink(reader: FrameReader): UpstreamSink {
  return {
    info: () => {},
    started: () => {},
    subgroup: () => new FrameWriter(reader),
    datagram: ({ payload }) => reader.frame(payload),
    dropped: () => {},
    ended: () => {},
    closed: (reason) => reader.ended(reason),
  };
}

class FrameWriter implements SubgroupWriter {
  readonly #reader: FrameReader;
  #chunks: Uint8Array[] = [];

  constructor(reader: FrameReader) {
    this.#reader = reader;
  }

  object(): void {
    this.#chunks = [];
  }

  payload(bytes: Uint8Array): void {
    this.#chunks.push(bytes.slice());
  }

  end(): void {
    this.#reader.frame(Buffer.concat(this.#chunks));
    this.#chunks = [];
  }

  status(): void {}

  finish(): void {}

  reset(): void {
    this.#chunks = [];
  }

  onStop(): void {}
}
