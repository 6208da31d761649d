import type { BidiStream } from "../../moq/link.ts";
import { encodeTrackInfo, type Request } from "../../moq/wire/lite/index.ts";
import { LiteFormat } from "./lite-format.ts";
import { MAX_LATENCY_MS, type PublishedTrack, TIMESCALE } from "./published-track.ts";
import { type LoadSession, refuse } from "./session.ts";

/** Serves the requests of one publisher's session. */
export class Serving {
  readonly #find: (path: string, track: string) => PublishedTrack | undefined;
  readonly #streams = new Map<BidiStream, PublishedTrack>();

  constructor(find: (path: string, track: string) => PublishedTrack | undefined) {
    this.#find = find;
  }

  /** Open subscriptions. */
  get subscriptions(): number {
    return this.#streams.size;
  }

  request(request: Request, stream: BidiStream, session: LoadSession): void {
    // These requests need no answer.
    if (request.kind === "subscribeUpdate" || request.kind === "goaway" || request.kind === "probe") return;
    const named = request.kind === "subscribe" || request.kind === "track";
    const track = named ? this.#find(request.path, request.track) : undefined;
    if (track === undefined) refuse(stream);
    else if (request.kind === "track") inform(stream, session, track.priority);
    else if (request.kind === "subscribe") {
      this.#streams.set(stream, track);
      track.subscribe(stream, new LiteFormat(session, request, stream, track.priority), request.start);
    }
  }

  /** The subscriber left. */
  left(stream: BidiStream): void {
    this.#streams.get(stream)?.unsubscribe(stream);
    this.#streams.delete(stream);
  }

  /** The session is over. */
  close(): void {
    for (const stream of [...this.#streams.keys()]) this.left(stream);
  }
}

/** Answers TRACK. */
function inform(stream: BidiStream, { caps }: LoadSession, priority: number): void {
  const info = { epoch: 1n, priority, ordered: false, maxLatency: MAX_LATENCY_MS, timescale: TIMESCALE };
  stream.write(encodeTrackInfo(info, caps));
  stream.finish();
}
