import type { RecvStream } from "../../link.ts";
import type { Reason } from "../../reason.ts";
import type { FetchTarget } from "../../wire/ietf/index.ts";

/** The stream that answers one of our fetches. */
export interface IncomingFetch {
  readonly target: FetchTarget;
  /** All of it was read. */
  finished(): void;
  /** It was cut off. */
  lost(reason: Reason): void;
}

/** A fetch of ours that waits for the stream with its objects. */
export interface AwaitedFetch {
  /** A stream of it has begun. Nothing where there was one before: a fetch has one stream. */
  begin(stream: RecvStream): IncomingFetch | undefined;
  /** The session is over. */
  close(): void;
}

/** Our fetches whose objects have not all come, by their request ids, which the streams name (FETCH_HEADER). */
export class OwnFetches {
  readonly #byId = new Map<number, AwaitedFetch>();

  add(requestId: number, fetch: AwaitedFetch): () => void {
    this.#byId.set(requestId, fetch);
    return () => this.#byId.delete(requestId);
  }

  /** Nothing for a fetch that is over or has its stream, or that there never was. */
  begin(requestId: number, stream: RecvStream): IncomingFetch | undefined {
    return this.#byId.get(requestId)?.begin(stream);
  }

  close(): void {
    for (const fetch of [...this.#byId.values()]) fetch.close();
  }
}
