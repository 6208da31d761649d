import type { Clock } from "../clock.ts";
import type { Counters } from "../counters.ts";
import type { Reason } from "../reason.ts";
import type { Asker, Channel, FetchRange, FetchReader, Later, OutStream, Source } from "./contract.ts";
import { FetchIntoGroup } from "./fetched-group.ts";
import { ForwardingWriter } from "./forwarding-writer.ts";
import type { Group } from "./group.ts";
import type { GroupStore } from "./group-store.ts";
import { groupRange, wholeGroup } from "./locations.ts";
import { RangeFetch, type RangeHost } from "./range-fetch.ts";
import { SharedFetch } from "./shared-fetch.ts";
import { fetchAtSource } from "./source-fetch.ts";
import type { Located, Wanted, WantedRange } from "./track-host.ts";
import type { TrackUpstream } from "./track-upstream.ts";
import type { CacheUse } from "./track-view.ts";
import type { Usage } from "./usage.ts";

/** One request for one group. */
interface FetchRequest {
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
  readonly later?: Later | undefined;
  /** Called once `stream` has been finished or reset, with the bytes of payload that were written to it. */
  readonly over: (payloadBytes: number) => void;
}

interface Fetching {
  readonly cancel: () => void;
  readers: number;
}

/** A range to ask a source for. */
interface RangeAsk extends Located {
  readonly priority: number;
  readonly source: Source | undefined;
  readonly asker: Asker | undefined;
}

/** What the fetches of a track need from it. */
interface FetchedTrack {
  /** Where the track comes from. */
  source(): Source | undefined;
  upstream(): Pick<TrackUpstream, "locate" | "locateRange">;
  /** As `TrackHost` has it, of this track. */
  other(source: Source, asker: Asker | undefined): Source | undefined;
  /** No fetch of a range runs any more: the track may be needed no longer. */
  ended(): void;
}

/** What the fetches of a track need from its broadcast. */
interface FetchesHost {
  readonly clock: Clock;
  readonly counters: Counters;
  readonly usage: Pick<Usage, "sent">;
}

/** Fetches of one track's groups: from the cache, else by one upstream fetch however many viewers ask. */
export class Fetches {
  readonly #path: string;
  readonly #name: string;
  readonly #store: GroupStore;
  readonly #host: FetchesHost;
  readonly #use: CacheUse;
  readonly #track: FetchedTrack;
  readonly #running = new Map<Group, Fetching>();
  /** Fetches of ranges, and what they have asked sources for. */
  readonly #ranges = new Set<RangeFetch>();
  readonly #shared = new Set<SharedFetch>();

  constructor(path: string, name: string, store: GroupStore, host: FetchesHost, use: CacheUse, track: FetchedTrack) {
    this.#path = path;
    this.#name = name;
    this.#store = store;
    this.#host = host;
    this.#use = use;
    this.#track = track;
  }

  get busy(): boolean {
    return this.#running.size + this.#ranges.size > 0;
  }

  /** Sends one group to `stream`, from the cache or by an upstream fetch. `over` is called at the end. Returns a cancel. */
  group(wanted: Wanted, channel: Channel, stream: OutStream, over: FetchRequest["over"]): () => void {
    const { priority, asker, later } = wanted;
    const source = this.#track.source();
    const group = this.#track.upstream().locate(wanted, source);
    if (group === undefined) return this.#refuse({ channel, stream, over }, "not_found");
    return this.#fetch({ ...group, priority, channel, stream, source, asker, later, over });
  }

  #fetch(request: FetchRequest): () => void {
    const { sequence, channel, stream } = request;
    const cached = this.#store.get(sequence);
    const isInside = cached?.keeps === true && cached.from > 0;
    if (cached?.keeps && !isInside) {
      this.#host.counters.fetchHits++;
      this.#use.hits++;
      const running = this.#running.get(cached);
      if (running !== undefined) running.readers++;
      cached.attach(channel, stream, request.later);
      cached.whenOver(() => request.over(cached.payloadBytes));
      return () => this.#leave(cached);
    }
    this.#host.counters.fetchMisses++;
    this.#use.misses++;
    const theirs = sequence - request.offset;
    if (request.source === undefined || theirs < 0) return this.#refuse(request, "not_found");
    if (cached !== undefined && !isInside) return this.#refuse(request, "evicted");
    const start = wholeGroup(sequence);
    const group =
      this.#store.receives(sequence) || isInside ? this.#store.fetchedBeside(start) : this.#store.fetched(start);
    group.attach(channel, stream);
    group.whenOver(() => request.over(group.payloadBytes));
    const writer = new ForwardingWriter(group.first, (reason) => {
      this.#running.delete(group);
      if (reason === undefined) {
        // Of a group that has no object yet, some publishers say that it has none.
        if (group.objects === 0) group.evict();
        group.first.finish();
        group.conclude();
      } else group.first.reset(reason);
    });
    const { source, priority, asker } = request;
    const [path, track] = [this.#path, this.#name];
    const other = () => this.#track.other(source, asker);
    const cancel = fetchAtSource(
      { path, track, source, range: groupRange(theirs), priority, asker, other },
      new FetchIntoGroup(writer),
    );
    if (group.open) this.#running.set(group, { cancel, readers: 1 });
    return () => this.#leave(group);
  }

  /** Sends a range to `reader`, from the cache or by upstream fetches. `over` is called at the end. Returns a cancel. */
  range(wanted: WantedRange, reader: FetchReader, over: FetchRequest["over"]): () => void {
    const source = this.#track.source();
    const located = this.#track.upstream().locateRange(wanted, source);
    if (located === undefined) {
      reader.reset("not_found");
      over(0);
      return () => {};
    }
    const { clock, counters, usage } = this.#host;
    const host: RangeHost = {
      clock,
      counters,
      use: this.#use,
      store: this.#store,
      missing: (waiting, part) => this.#share({ ...wanted, ...located, source }, waiting, part),
      left: (waiting) => this.#leaveShared(waiting),
      sent: (bytes) => usage.sent(bytes),
    };
    const ended = (bytes: number) => {
      this.#ranges.delete(fetch);
      over(bytes);
      if (!this.busy) this.#track.ended();
    };
    const { later, waitMs } = wanted;
    const fetch: RangeFetch = new RangeFetch(host, { reader, later, waitMs, range: located.range, over: ended });
    this.#ranges.add(fetch);
    fetch.start();
    return () => fetch.cancel();
  }

  /** `reader` waits for a fetch at the source: for one that runs, where that will bring what is missing. */
  #share(ask: RangeAsk, reader: RangeFetch, range: FetchRange): void {
    const { source, offset, priority, asker } = ask;
    let shared: SharedFetch | undefined;
    for (const one of this.#shared) {
      if (one.source === source && one.covers(range)) shared = one;
      else one.leave(reader);
    }
    if (shared !== undefined) {
      if (shared.wait(reader)) this.#miss();
      return;
    }
    this.#miss();
    if (source === undefined || range.start.group < offset) {
      reader.failed("not_found");
      return;
    }
    const [path, track, store] = [this.#path, this.#name, this.#store];
    const gone = () => void this.#shared.delete(made);
    const other = () => this.#track.other(source, asker);
    const made: SharedFetch = new SharedFetch({
      ...{ path, track, source, offset, range, priority, asker, other },
      store,
      gone,
    });
    this.#shared.add(made);
    made.wait(reader);
    made.start();
  }

  #miss(): void {
    this.#host.counters.fetchMisses++;
    this.#use.misses++;
  }

  #leaveShared(reader: RangeFetch): void {
    for (const one of this.#shared) one.leave(reader);
  }

  #leave(group: Group): void {
    const running = this.#running.get(group);
    if (running === undefined || --running.readers > 0) return;
    this.#running.delete(group);
    running.cancel();
    group.first.reset("cancelled");
  }

  #refuse(request: Pick<FetchRequest, "channel" | "stream" | "over">, reason: Reason): () => void {
    request.stream.reset(request.channel.dialect.resetCode(reason));
    request.over(0);
    return () => {};
  }
}
