import type { DatagramObject, Upstream, UpstreamSink } from "../moq/model/index.ts";
import type { Reason } from "../moq/reason.ts";
import { Bell } from "./bell.ts";
import type { Group, Subscription } from "./contract.ts";
import { endedBecause } from "./errors.ts";
import { IncomingGroup } from "./incoming-group.ts";

/** Default of `bufferBytes`: some seconds of video. */
export const BUFFER_BYTES = 32 * 2 ** 20;

/** Groups that wait for the reader: a track with one small frame a group gets there before it has used its bytes. */
const MAX_WAITING_GROUPS = 1_024;

/** The groups of a track as they arrive, for one reader. What the reader leaves is bounded: the oldest group is dropped. */
export class IncomingTrack implements Subscription {
  readonly #what: string;
  readonly #bufferBytes: number;
  readonly #signal: AbortSignal | undefined;
  readonly #bell = new Bell();
  /** Not yet given to the reader, oldest first. */
  readonly #waiting: IncomingGroup[] = [];
  /** With frames that were not read, or that may still come, oldest first. */
  readonly #live = new Set<IncomingGroup>();
  #upstream: Upstream | undefined;
  #bytes = 0;
  #dropped = 0;
  /** Set when no further group comes; `error` is thrown to the reader after the last group. */
  #end: { readonly clean: boolean; readonly error: unknown } | undefined;

  /** What the relay sends. */
  readonly sink: UpstreamSink = {
    info: () => {},
    started: () => {},
    subgroup: ({ group }) => this.#group(group),
    datagram: (datagram) => this.#datagram(datagram),
    dropped: (start, end) => {
      this.#dropped += end - start + 1;
    },
    ended: () => {},
    closed: (reason) => this.#finish(reason === undefined ? undefined : endedBecause(reason, this.#what)),
  };

  /** `what`: the broadcast and the track, for errors. The signal ends the subscription; its reason is thrown to the reader. */
  constructor(what: string, bufferBytes: number, signal?: AbortSignal) {
    this.#what = what;
    this.#bufferBytes = bufferBytes;
    this.#signal = signal;
    if (signal?.aborted) this.#abort();
    else signal?.addEventListener("abort", this.#abort);
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** The subscription at the relay. */
  use(upstream: Upstream): void {
    if (this.#end === undefined) this.#upstream = upstream;
    else upstream.cancel();
  }

  close(): void {
    this.#stop(undefined);
  }

  readonly #abort = (): void => this.#stop(this.#signal?.reason);

  /** Ends the subscription; `error` is thrown to the reader, if there is one. Groups that wait are dropped. */
  #stop(error: unknown): void {
    this.#waiting.length = 0;
    this.#finish(error);
    for (const group of [...this.#live]) group.abandon("cancelled");
    this.#upstream?.cancel();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Group, void, undefined> {
    try {
      for (;;) {
        const group = this.#waiting.shift();
        if (group !== undefined) yield group;
        else if (this.#end === undefined) await this.#bell.heard();
        else if (this.#end.clean) return;
        else throw this.#end.error;
      }
    } finally {
      this.close();
    }
  }

  #group(sequence: number): IncomingGroup | Reason {
    if (this.#end !== undefined) return "cancelled";
    const group: IncomingGroup = new IncomingGroup(sequence, {
      buffered: (bytes) => this.#buffered(bytes),
      cut: () => {
        this.#dropped++;
      },
      over: () => void this.#live.delete(group),
    });
    this.#live.add(group);
    this.#waiting.push(group);
    if (this.#waiting.length > MAX_WAITING_GROUPS) this.#waiting.shift()?.abandon("lagged");
    this.#bell.ring();
    return group;
  }

  /** A datagram is a group of one frame. */
  #datagram({ group: sequence, timestamp, payload }: DatagramObject): void {
    const group = this.#group(sequence);
    if (typeof group === "string") return;
    group.object(payload.length, timestamp);
    group.payload(payload);
    group.end();
    group.finish();
  }

  #finish(error: unknown): void {
    this.#end ??= { clean: error === undefined, error };
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#bell.ring();
  }

  #buffered(bytes: number): void {
    this.#bytes += bytes;
    for (const oldest of this.#live) {
      if (this.#bytes <= this.#bufferBytes) return;
      const at = this.#waiting.indexOf(oldest);
      if (at >= 0) this.#waiting.splice(at, 1);
      oldest.abandon("lagged");
    }
  }
}
