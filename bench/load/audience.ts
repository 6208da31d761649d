import type { Clock } from "../../moq/clock.ts";
import { attachEnd } from "./attach.ts";
import { dialAll, type Target } from "./dial.ts";
import { IetfViewer } from "./ietf/viewer.ts";
import { LostSessions } from "./lost-sessions.ts";
import type { AudienceReport, AudienceStart, Window } from "./messages.ts";
import { Tally } from "./tally.ts";
import { Viewer } from "./viewer.ts";

/** Viewers publish nothing, so their hop id is in no announcement. */
const HOP = 1n;

/** The watching side of the load: one session per viewer. */
export class Audience {
  readonly #start: AudienceStart;
  readonly #clock: Clock;
  /** By track. */
  readonly #tallies: readonly Tally[];
  readonly #lostSessions = new LostSessions();

  constructor(start: AudienceStart, clock: Clock) {
    this.#start = start;
    this.#clock = clock;
    this.#tallies = start.tracks.map(() => new Tally(start.watches.length, start.windowFrames));
  }

  /** Connects every viewer; resolves with the negotiated protocol once each has received a frame of each track. */
  async run(target: Target, progress: (flowing: number) => void): Promise<string> {
    const { watches, tracks, timeoutMs } = this.#start;
    const all = Promise.withResolvers<void>();
    let flowing = 0;
    const deps = {
      clock: this.#clock,
      tallies: this.#tallies,
      flowing: () => {
        progress(++flowing);
        if (flowing === watches.length) all.resolve();
      },
      lost: (why: string) => this.#lostSessions.add(why),
    };
    const attaches = watches.map((path, index) => {
      const lite = () => new Viewer(deps, index, path, tracks);
      return attachEnd({ lite, ietf: () => new IetfViewer(deps, index, path, tracks) }, HOP);
    });
    const cancel = this.#clock.timer(timeoutMs, () =>
      all.reject(new Error(`${flowing} of ${watches.length} viewers got a frame within ${timeoutMs} ms`)),
    );
    const [links] = await Promise.all([dialAll(target, attaches), all.promise]);
    cancel();
    return links[0]?.info.protocol ?? "";
  }

  measure(window: Window): void {
    for (const tally of this.#tallies) tally.measure(window);
  }

  report(): AudienceReport {
    return {
      kind: "audienceReport",
      tracks: this.#tallies.map((tally) => tally.report()),
      lostSessions: this.#lostSessions.data(),
    };
  }
}
