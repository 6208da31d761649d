import type { Clock } from "../../moq/clock.ts";
import { PRIORITY_CONTROL, type RecvHandler } from "../../moq/link.ts";
import { encodeRequest } from "../../moq/wire/lite/index.ts";
import { IncomingGroup } from "./incoming-group.ts";
import type { AudienceStart } from "./messages.ts";
import { sharedMicros } from "./micros.ts";
import { MAX_LATENCY_MS } from "./published-track.ts";
import type { LoadSession, Part } from "./session.ts";
import { stampFrame, stampSentUs } from "./stamp.ts";
import type { Tally } from "./tally.ts";

/** Milliseconds before a refused subscription is retried: the announcement may still be on its way. */
const RETRY_MS = 200;

export interface ViewerDeps {
  readonly clock: Clock;
  /** By track. */
  readonly tallies: readonly Tally[];
  /** The viewer has received a frame of each track. */
  readonly flowing: () => void;
  readonly lost: (why: string) => void;
}

/** Watches the tracks of one broadcast and counts their frames. */
export class Viewer implements Part {
  readonly broadcasts: readonly string[] = [];
  readonly #deps: ViewerDeps;
  readonly #index: number;
  readonly #path: string;
  readonly #tracks: AudienceStart["tracks"];
  /** Numbers of the tracks that have not delivered yet. */
  readonly #silent: Set<number>;
  /** Numbers of the tracks by the id of a subscription. */
  readonly #subscriptions: number[] = [];
  #session: LoadSession | undefined;
  #over = false;

  /** `index`: its place in the tallies. */
  constructor(deps: ViewerDeps, index: number, path: string, tracks: AudienceStart["tracks"]) {
    this.#deps = deps;
    this.#index = index;
    this.#path = path;
    this.#tracks = tracks;
    this.#silent = new Set(tracks.keys());
  }

  start(session: LoadSession): void {
    this.#session = session;
    for (const track of this.#tracks.keys()) this.#subscribe(session, track);
  }

  uni(): RecvHandler {
    const session = this.#session;
    if (session === undefined) throw new Error("a stream arrived before the session was set up");
    let track = 0;
    return new IncomingGroup(session, {
      began: (subscription) => {
        track = this.#subscriptions[subscription] ?? 0;
      },
      frame: (stamp, bytes) => this.#frame(track, stamp, bytes),
    });
  }

  closed(why: string): void {
    this.#over = true;
    this.#deps.lost(why);
  }

  #frame(track: number, stamp: Uint8Array, bytes: number): void {
    const tally = this.#deps.tallies[track];
    tally?.frame(this.#index, stampFrame(stamp), stampSentUs(stamp), sharedMicros(), bytes);
    if (this.#silent.delete(track) && this.#silent.size === 0) this.#deps.flowing();
  }

  #subscribe(session: LoadSession, number: number): void {
    const again = () => {
      if (!this.#over) this.#deps.clock.timer(RETRY_MS, () => this.#subscribe(session, number));
    };
    const asked = this.#tracks[number];
    const stream = session.link.openBidi(PRIORITY_CONTROL, { data() {}, fin: again, reset: again, stop() {} });
    if (stream === undefined || asked === undefined) {
      again();
      return;
    }
    const { track, priority } = asked;
    const id = this.#subscriptions.push(number) - 1;
    const options = { priority, ordered: false, maxLatency: MAX_LATENCY_MS };
    const what = { id, path: this.#path, track, epoch: 0n };
    stream.write(encodeRequest({ kind: "subscribe", ...what, ...options }, session.caps));
  }
}
