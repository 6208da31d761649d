import type { Clock } from "../../moq/clock.ts";
import { PRIORITY_CONTROL, type RecvHandler } from "../../moq/link.ts";
import { encodeRequest } from "../../moq/wire/lite/index.ts";
import { IncomingGroup } from "./incoming-group.ts";
import { sharedMicros } from "./micros.ts";
import { MAX_LATENCY_MS, PRIORITY } from "./published-track.ts";
import type { LoadSession, Part } from "./session.ts";
import { stampFrame, stampSentUs } from "./stamp.ts";
import type { Tally } from "./tally.ts";

/** Milliseconds before a refused subscription is retried: the announcement may still be on its way. */
const RETRY_MS = 200;

export interface ViewerDeps {
  readonly clock: Clock;
  readonly tally: Tally;
  /** The viewer has received its first frame. */
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
    if (session === undefined) throw new Error("a stream arrived before the session was set up");
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
