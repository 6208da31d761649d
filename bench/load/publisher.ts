import { randomBytes } from "node:crypto";
import type { Clock } from "../../moq/clock.ts";
import { attachEnd, type Ends } from "./attach.ts";
import { dialAll, type Target } from "./dial.ts";
import { IetfPublisher } from "./ietf/publisher.ts";
import { LostSessions } from "./lost-sessions.ts";
import type { PublisherReport, PublisherStart, Window } from "./messages.ts";
import { sharedMicros } from "./micros.ts";
import { Pacer } from "./pacer.ts";
import { PublishedTrack, type TrackShape } from "./published-track.ts";
import { Serving } from "./serving.ts";
import type { Part } from "./session.ts";

/** The publishing side of the load: broadcasts with the same tracks, on as many sessions as the scenario has. */
export class Publisher {
  readonly #start: PublisherStart;
  /** By kind of track and broadcast. */
  readonly #tracks: readonly (readonly PublishedTrack[])[];
  readonly #pacers: readonly Pacer[];
  #window: Window = { kind: "window", fromUs: 0, toUs: 0 };
  #due: number[][];
  #skipped = 0;
  readonly #lostSessions = new LostSessions();

  constructor(start: PublisherStart, clock: Clock) {
    this.#start = start;
    this.#tracks = start.tracks.map((track) => {
      const shape: TrackShape = { ...track, payload: randomBytes(track.frameBytes) };
      return start.broadcasts.map(() => new PublishedTrack(shape));
    });
    this.#due = this.#zeroes();
    this.#pacers = start.tracks.map(
      ({ framesPerSecond }, kind) =>
        new Pacer(clock, start.broadcasts.length, framesPerSecond, (broadcast) => this.#send(kind, broadcast)),
    );
  }

  /** Connects every session and begins to send; resolves with the negotiated protocol. */
  async run(target: Target, progress: (connected: number) => void): Promise<string> {
    const { broadcasts, broadcastsPerSession } = this.#start;
    let connected = 0;
    const attaches = [];
    for (let first = 0; first < broadcasts.length; first += broadcastsPerSession) {
      const paths = broadcasts.slice(first, first + broadcastsPerSession);
      const ends = this.#ends(first, paths, () => progress(++connected));
      // Any number except 0: it distinguishes the route of this session from others.
      attaches.push(attachEnd(ends, BigInt(randomBytes(6).readUIntBE(0, 6)) + 1n));
    }
    const links = await dialAll(target, attaches);
    for (const pacer of this.#pacers) pacer.start();
    return links[0]?.info.protocol ?? "";
  }

  measure(window: Window): void {
    this.#window = window;
    this.#due = this.#zeroes();
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

  #zeroes(): number[][] {
    return this.#tracks.map((tracks) => tracks.map(() => 0));
  }

  #send(kind: number, broadcast: number): void {
    const outcome = this.#tracks[kind]?.[broadcast]?.send();
    if (outcome === undefined) return;
    const at = outcome === "skipped" ? sharedMicros() : outcome;
    if (at < this.#window.fromUs || at >= this.#window.toUs) return;
    const due = this.#due[kind];
    if (due !== undefined) due[broadcast] = (due[broadcast] ?? 0) + 1;
    if (outcome === "skipped") this.#skipped++;
  }

  /** One session; its broadcasts begin with number `first`. */
  #ends(first: number, broadcasts: readonly string[], connected: () => void): Ends {
    const find = (path: string, track: string) => {
      const at = broadcasts.indexOf(path);
      const kind = this.#start.tracks.findIndex((one) => one.track === track);
      return at < 0 ? undefined : this.#tracks[kind]?.[first + at];
    };
    const lost = (why: string) => this.#lostSessions.add(why);
    return {
      lite: () => this.#litePart(broadcasts, new Serving(find), connected),
      ietf: () => new IetfPublisher({ broadcasts, find, connected, lost }),
    };
  }

  #litePart(broadcasts: readonly string[], serving: Serving, connected: () => void): Part {
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
