import type { BidiStream, Link } from "../../moq/link.ts";
import {
  type Capabilities,
  encodeFrameHeader,
  encodeGroupStream,
  encodeSubscribeResponse,
  type Subscribe,
} from "../../moq/wire/lite/index.ts";
import type { GroupFormat } from "./group-format.ts";
import { MAX_LATENCY_MS } from "./published-track.ts";
import type { LoadSession } from "./session.ts";

/** Groups of moq-lite. Accepts the subscription where the version does so at once. */
export class LiteFormat implements GroupFormat {
  readonly link: Link;
  readonly #caps: Capabilities;
  readonly #stream: BidiStream;
  readonly #id: number;

  constructor({ link, caps }: LoadSession, { id }: Subscribe, stream: BidiStream, priority: number) {
    this.link = link;
    this.#caps = caps;
    this.#stream = stream;
    this.#id = id;
    if (caps.subscribeOk !== "properties") return;
    const properties = { priority, ordered: false, maxLatency: MAX_LATENCY_MS };
    stream.write(encodeSubscribeResponse({ kind: "ok", ...properties }, caps));
  }

  stream(sequence: number): Uint8Array {
    return encodeGroupStream(this.#caps, { subscribe: this.#id, sequence });
  }

  frame(size: number, _millis: number, delta: number): Uint8Array {
    return encodeFrameHeader(this.#caps, size, delta);
  }

  started(sequence: number): void {
    const { subscribeOk } = this.#caps;
    if (subscribeOk === "start") {
      this.#stream.write(encodeSubscribeResponse({ kind: "start", group: sequence }, this.#caps));
    }
  }
}
