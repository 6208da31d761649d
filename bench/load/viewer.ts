import type { Clock } from "../../relay/clock.ts";
import { PRIORITY_CONTROL, type RecvHandler } from "../../relay/transport/contract.ts";
import { DEFAULT_WIRE_LIMITS } from "../../relay/wire/limits.ts";
import type { FrameSink } from "../../relay/wire/lite/frame.ts";
import { encodeRequest } from "../../relay/wire/lite/requests.ts";
import { UniReader, type UniSink } from "../../relay/wire/lite/uni.ts";
import { sharedMicros } from "./micros.ts";
import { MAX_LATENCY_MS, PRIORITY } from "./published-track.ts";
import type { LoadSession, Part } from "./session.ts";
import { STAMP_BYTES, stampFrame, stampSentUs } from "./stamp.ts";
import type { Tally } from "./tally.ts";

/** Pause before a subscription that was refused is tried again, in milliseconds: the announcement may be on its way. */
const RETRY_MS = 200;

export interface ViewerDeps {
  readonly clock: Clock;
  readonly tally: Tally;
  /** The viewer has got its first frame. */
  readonly flowing: () => void;
}

/** Watches one track and counts its frames. */
export class Viewer implements Part {
  readonly broadcasts: readonly string[] = [];
  readonly #deps: ViewerDeps;
  readonly #index: number;
  readonly #path: string;
  readonly #track: string;
  #session: LoadSession | undefined;
  #flowing = false;
  #over = false;
  #attempts = 0;

  /** `index`: its place in the tally. */
  constructor(deps: ViewerDeps, index: number, path: string, track: string) {
    this.#deps = deps;
    this.#index = index;
    this.#path = path;
    this.#track = track;
  }

  start(session: LoadSession): void {
    this.#session = session;
    this.#subscribe(session);
  }

  uni(): RecvHandler {
    const session = this.#session;
    if (session === undefined) throw new Error("a stream before its session");
    return new IncomingGroup(session, this);
  }

  closed(why: string): void {
    this.#over = true;
    this.#deps.tally.sessionLost(why);
  }

  frame(stamp: Uint8Array, bytes: number): void {
    this.#deps.tally.frame(this.#index, stampFrame(stamp), stampSentUs(stamp), sharedMicros(), bytes);
    if (this.#flowing) return;
    this.#flowing = true;
    this.#deps.flowing();
  }

  #subscribe(session: LoadSession): void {
    const again = () => {
      if (!this.#over) this.#deps.clock.timer(RETRY_MS, () => this.#subscribe(session));
    };
    const stream = session.link.openBidi(PRIORITY_CONTROL, { data() {}, fin: again, reset: again, stop() {} });
    if (stream === undefined) {
      again();
      return;
    }
    const options = { priority: PRIORITY, ordered: false, maxLatency: MAX_LATENCY_MS };
    const what = { id: this.#attempts++, path: this.#path, track: this.#track, epoch: 0n };
    stream.write(encodeRequest({ kind: "subscribe", ...what, ...options }, session.caps));
  }
}

/** One Group Stream. */
class IncomingGroup implements RecvHandler, UniSink, FrameSink {
  readonly #session: LoadSession;
  readonly #viewer: Viewer;
  readonly #reader: UniReader;
  /** The beginning of the current frame. */
  readonly #stamp = new Uint8Array(STAMP_BYTES);
  #stamped = 0;
  #size = 0;

  constructor(session: LoadSession, viewer: Viewer) {
    this.#session = session;
    this.#viewer = viewer;
    this.#reader = new UniReader(session.caps, DEFAULT_WIRE_LIMITS, this);
  }

  data(bytes: Uint8Array): void {
    this.#session.guard(() => this.#reader.push(bytes));
  }

  fin(): void {}
  /** What was reset is missing in the tally. */
  reset(): void {}
  setup(): void {}
  unknown(): void {}

  group(): FrameSink {
    return this;
  }

  frame(size: number): void {
    this.#size = size;
    this.#stamped = 0;
  }

  payload(bytes: Uint8Array): void {
    for (let at = 0; this.#stamped < STAMP_BYTES && at < bytes.length; at++) {
      this.#stamp[this.#stamped++] = bytes[at] ?? 0;
    }
  }

  end(): void {
    if (this.#stamped === STAMP_BYTES) this.#viewer.frame(this.#stamp, this.#size);
  }
}
