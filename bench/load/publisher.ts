import { randomBytes } from "node:crypto";
import type { Clock } from "../../relay/clock.ts";
import type { BidiStream } from "../../relay/transport/contract.ts";
import type { Request } from "../../relay/wire/lite/requests.ts";
import { encodeTrackInfo } from "../../relay/wire/lite/track.ts";
import { dialAll, type Target } from "./dial.ts";
import { LostSessions } from "./lost-sessions.ts";
import type { PublisherReport, PublisherStart, Window } from "./messages.ts";
import { sharedMicros } from "./micros.ts";
import { Pacer } from "./pacer.ts";
import { MAX_LATENCY_MS, PRIORITY, PublishedTrack, TIMESCALE, type TrackShape } from "./published-track.ts";
import { attachLoad, type LoadSession, type Part, refuse } from "./session.ts";

/** The publishing side of the load: broadcasts with one track each, on as many sessions as the scenario wants. */
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

  /** Connects every session and begins to send; resolves with the protocol that was agreed on. */
  async run(target: Target, progress: (connected: number) => void): Promise<string> {
    const { broadcasts, broadcastsPerSession } = this.#start;
    let connected = 0;
    const attaches = [];
    for (let first = 0; first < broadcasts.length; first += broadcastsPerSession) {
      const part = this.#part(first, broadcasts.slice(first, first + broadcastsPerSession), () =>
        progress(++connected),
      );
      // Any number but 0 will do: it tells this session's route from others.
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

  /** One session: `broadcasts` are those from number `first` on. */
  #part(first: number, broadcasts: readonly string[], connected: () => void): Part {
    const serving = new Map<BidiStream, PublishedTrack>();
    const leave = (stream: BidiStream) => {
      serving.get(stream)?.unsubscribe(stream);
      serving.delete(stream);
    };
    return {
      broadcasts,
      start: connected,
      request: (request, stream, session) => {
        const track = this.#asked(request, first, broadcasts);
        if (track === undefined) return;
        if (track === "unknown") return refuse(stream);
        if (request.kind === "track") return inform(stream, session);
        if (request.kind !== "subscribe") return refuse(stream);
        serving.set(stream, track);
        track.subscribe(request, stream, session);
      },
      left: leave,
      closed: (why) => {
        this.#lostSessions.add(why);
        for (const stream of [...serving.keys()]) leave(stream);
      },
    };
  }

  /** The track that a request is for; nothing when it needs no answer. */
  #asked(request: Request, first: number, broadcasts: readonly string[]): PublishedTrack | "unknown" | undefined {
    if (request.kind === "subscribeUpdate" || request.kind === "goaway" || request.kind === "probe") return undefined;
    if (request.kind !== "subscribe" && request.kind !== "track") return "unknown";
    const at = broadcasts.indexOf(request.path);
    if (at < 0 || request.track !== this.#start.track) return "unknown";
    return this.#tracks[first + at] ?? "unknown";
  }
}

/** Answers TRACK. */
function inform(stream: BidiStream, { caps }: LoadSession): void {
  const info = { epoch: 1n, priority: PRIORITY, ordered: false, maxLatency: MAX_LATENCY_MS, timescale: TIMESCALE };
  stream.write(encodeTrackInfo(info, caps));
  stream.finish();
}
