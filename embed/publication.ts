import {
  type FetchRange,
  type FetchWriter,
  GroupIntoFetch,
  type Source,
  type SubscribeOptions,
  type TrackInfo,
  type Upstream,
  type UpstreamSink,
} from "../moq/model/index.ts";
import type { Reason } from "../moq/reason.ts";
import { type Broadcast, MoqmeshError, type TrackOptions, type TrackWriter } from "./contract.ts";
import { checkTrack } from "./options.ts";
import { OutgoingTrack } from "./outgoing-track.ts";

/** Tracks of one broadcast. */
const MAX_TRACKS = 256;

/** A broadcast of this program, which relays ask for its tracks. */
export class PublishedBroadcast implements Broadcast, Source {
  readonly hasInfo = true;
  readonly path: string;
  readonly #tracks = new Map<string, OutgoingTrack>();
  #withdraw: () => void = () => {};
  #over = false;

  constructor(path: string) {
    this.path = path;
  }

  /** What withdraws the announcement. */
  announced(withdraw: () => void): void {
    this.#withdraw = withdraw;
  }

  track(name: string, options: TrackOptions = {}): TrackWriter {
    checkTrack(options);
    if (typeof name !== "string" || name === "") throw refused("track: the name must be a text that is not empty");
    if (this.#over) throw refused(`track: the broadcast ${this.path} is closed`);
    if (this.#tracks.has(name)) throw refused(`track: ${this.path} has a track ${name} already`);
    if (this.#tracks.size >= MAX_TRACKS)
      throw new MoqmeshError("limit", `track: ${this.path} has ${MAX_TRACKS} tracks`);
    const track = new OutgoingTrack(name, options, () => void this.#tracks.delete(name));
    this.#tracks.set(name, track);
    return track;
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    for (const track of [...this.#tracks.values()]) track.close();
    this.#withdraw();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  subscribe(_path: string, name: string, _options: SubscribeOptions, sink: UpstreamSink): Upstream {
    const track = this.#tracks.get(name);
    if (track !== undefined) return track.serve(sink);
    queueMicrotask(() => sink.closed("not_found"));
    return { update: () => {}, cancel: () => {} };
  }

  info(_path: string, name: string, answer: (result: TrackInfo | Reason) => void): () => void {
    answer(this.#tracks.get(name)?.info ?? "not_found");
    return () => {};
  }

  /** Of a range its first group: this program keeps no more than the newest one. */
  fetch(_path: string, name: string, { start }: FetchRange, _priority: number, writer: FetchWriter): () => void {
    const track = this.#tracks.get(name);
    if (track === undefined) writer.reset("not_found");
    else track.send(start.group, new GroupIntoFetch(start.group, writer));
    return () => {};
  }
}

function refused(message: string): MoqmeshError {
  return new MoqmeshError("bad_option", message);
}
