import type { Counters } from "../counters.ts";
import type { Reason } from "../reason.ts";
import type { Asker, Channel, Later, OutStream, Source } from "./contract.ts";
import { FetchIntoGroup } from "./fetched-group.ts";
import { ForwardingWriter } from "./forwarding-writer.ts";
import type { Group } from "./group.ts";
import type { GroupStore } from "./group-store.ts";
import { groupRange, wholeGroup } from "./locations.ts";
import type { CacheUse } from "./track-view.ts";

/** One request for one group. */
export interface FetchRequest {
  /** In the track's numbers. */
  readonly sequence: number;
  readonly priority: number;
  readonly channel: Channel;
  readonly stream: OutStream;
  /** Added to the source's numbers to get the track's. */
  readonly offset: number;
  readonly source: Source | undefined;
  readonly asker: Asker | undefined;
  /** As `Subscriber` has it. */
  readonly later: Later | undefined;
  /** Called once `stream` has been finished or reset, with the bytes of payload that were written to it. */
  readonly over: (payloadBytes: number) => void;
}

interface Fetching {
  readonly cancel: () => void;
  readers: number;
}

/** Fetches of one track's groups: from the cache, else by one upstream fetch however many viewers ask. */
export class Fetches {
  readonly #path: string;
  readonly #name: string;
  readonly #store: GroupStore;
  readonly #counters: Counters;
  readonly #use: CacheUse;
  readonly #running = new Map<Group, Fetching>();

  constructor(path: string, name: string, store: GroupStore, counters: Counters, use: CacheUse) {
    this.#path = path;
    this.#name = name;
    this.#store = store;
    this.#counters = counters;
    this.#use = use;
  }

  get busy(): boolean {
    return this.#running.size > 0;
  }

  /** Sends the group's frames to the request's stream, which is finished or reset at the end. Returns a cancel. */
  fetch(request: FetchRequest): () => void {
    const { sequence, channel, stream } = request;
    const cached = this.#store.get(sequence);
    if (cached?.keeps) {
      this.#counters.fetchHits++;
      this.#use.hits++;
      const running = this.#running.get(cached);
      if (running !== undefined) running.readers++;
      cached.attach(channel, stream, request.later);
      cached.whenOver(() => request.over(cached.payloadBytes));
      return () => this.#leave(cached);
    }
    this.#counters.fetchMisses++;
    this.#use.misses++;
    const theirs = sequence - request.offset;
    if (request.source === undefined || theirs < 0) return this.refuse(request, "not_found");
    if (cached !== undefined) return this.refuse(request, "evicted");
    const group = this.#store.fetched(wholeGroup(sequence));
    group.attach(channel, stream);
    group.whenOver(() => request.over(group.payloadBytes));
    const writer = new ForwardingWriter(group.first, (reason) => {
      this.#running.delete(group);
      if (reason === undefined) {
        group.first.finish();
        group.conclude();
      } else group.first.reset(reason);
    });
    const { source, priority, asker } = request;
    const cancel = source.fetch(
      this.#path,
      this.#name,
      groupRange(theirs),
      priority,
      new FetchIntoGroup(writer),
      asker,
    );
    if (group.open) this.#running.set(group, { cancel, readers: 1 });
    return () => this.#leave(group);
  }

  #leave(group: Group): void {
    const running = this.#running.get(group);
    if (running === undefined || --running.readers > 0) return;
    this.#running.delete(group);
    running.cancel();
    group.first.reset("cancelled");
  }

  refuse(request: Pick<FetchRequest, "channel" | "stream" | "over">, reason: Reason): () => void {
    request.stream.reset(request.channel.dialect.resetCode(reason));
    request.over(0);
    return () => {};
  }
}
