import { randomBytes } from "node:crypto";
import type { Clock } from "../../moq/clock.ts";
import { dialAll, type Target } from "./dial.ts";
import { LostSessions } from "./lost-sessions.ts";
import type { PublisherReport, PublisherStart, Window } from "./messages.ts";
import { sharedMicros } from "./micros.ts";
import { Pacer } from "./pacer.ts";
import { PublishedTrack, type TrackShape } from "./published-track.ts";
import { Serving } from "./serving.ts";
import { attachLoad, type Part } from "./session.ts";

/** The publishing side of the load: broadcasts with one track each, on as many sessions as the scenario has. */
export class Publisher {
  readonly #start: PublisherStart;
  readonly #tracks: readonly PublishedTrack[];
  readonly #pacer: Pacer;
  #window: Window = { kind: "window", fromUs: 0, toUs: 0 };
  #due: number[];
  #skipped = 0;
  readonly #lostSessions = new LostSessions();

  constructor(start: PublisherStart, clock: Clock) {
    this.#start = start;
    const shape: TrackShape = { ...start, payload: randomBytes(start.frameBytes) };
    this.#tracks = start.broadcasts.map(() => new PublishedTrack(shape));
    this.#due = start.broadcasts.map(() => 0);
    this.#pacer = new Pacer(clock, this.#tracks.length, start.framesPerSecond, (track) => this.#send(track));
  }

  /** Connects every session and begins to send; resolves with the negotiated protocol. */
  async run(target: Target, progress: (connected: number) => void): Promise<string> {
    const { broadcasts, broadcastsPerSession } = this.#start;
    let connected = 0;
    const attaches = [];
    for (let first = 0; first < broadcasts.length; first += broadcastsPerSession) {
      const part = this.#part(first, broadcasts.slice(first, first + broadcastsPerSession), () =>
        progress(++connected),
      );
      // Any number except 0: it distinguishes the route of this session from others.
      attaches.push(attachLoad(part, BigInt(randomBytes(6).readUIntBE(0, 6)) + 1n));
    }
    const links = await dialAll(target, attaches);
    this.#pacer.start();
    return links[0]?.info.protocol ?? "";
  }

  measure(window: Window): void {
    this.#window = window;
    this.#due = this.#due.map(() => 0);
    this.#skipped = 0;
  }

  report(): PublisherReport {
    return {
      kind: "publisherReport",
      due: this.#due,
      skipped: this.#skipped,
      lostSessions: this.#lostSessions.data(),
    };
  }

  #send(index: number): void {
    const outcome = this.#tracks[index]?.send();
    if (outcome === undefined) return;
    const at = outcome === "skipped" ? sharedMicros() : outcome;
    if (at < this.#window.fromUs || at >= this.#window.toUs) return;
    this.#due[index] = (this.#due[index] ?? 0) + 1;
    if (outcome === "skipped") this.#skipped++;
  }

  /** One session; its broadcasts begin with number `first`. */
  #part(first: number, broadcasts: readonly string[], connected: () => void): Part {
    const serving = new Serving((path, track) => {
      const at = broadcasts.indexOf(path);
      return at < 0 || track !== this.#start.track ? undefined : this.#tracks[first + at];
    });
    return {
      broadcasts,
      start: connected,
      request: (request, stream, session) => serving.request(request, stream, session),
      left: (stream) => serving.left(stream),
      closed: (why) => {
        this.#lostSessions.add(why);
        serving.close();
      },
    };
  }
}
