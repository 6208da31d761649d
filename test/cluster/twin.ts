/** An encoder whose output several publishers send: each the same groups and frames at the same time. */
import type {
  FetchRange,
  FetchWriter,
  Source,
  SubgroupWriter,
  SubscribeOptions,
  UpstreamSink,
} from "../../moq/model/contract.ts";
import { GroupIntoFetch } from "../../moq/model/fetched-group.ts";
import { wholeGroup } from "../../moq/model/locations.ts";
import { INFO } from "../model/support.ts";
import type { TestClient } from "../session/support.ts";

const FRAMES = 5;

interface Follower {
  readonly sink: UpstreamSink;
  group: SubgroupWriter | undefined;
}

/** What a publisher does with a subscription that starts in the past. */
export type Keeps =
  /** Sends past groups. */
  | "serves"
  /** Begins with the current group; the older ones are to be fetched. */
  | "fetches";

export class Twin implements Source {
  readonly hasInfo = true;
  readonly #keeps: Keeps;
  /** Bytes of each frame at least. */
  readonly #frameBytes: number;
  readonly #followers = new Set<Follower>();
  #frame = 0;
  readonly fetched: number[] = [];

  /** Frames of a group. */
  readonly #frames: number;

  constructor(keeps: Keeps, frameBytes = 0, frames = FRAMES) {
    this.#keeps = keeps;
    this.#frames = frames;
    this.#frameBytes = frameBytes;
  }

  /** The group that is being sent. */
  get current(): number {
    return Math.floor(this.#frame / this.#frames);
  }

  get within(): number {
    return this.#frame % this.#frames;
  }

  static whole(group: number): string {
    return `${group} finished ${Array.from({ length: FRAMES }, (_, index) => `${group}.${index}`).join("|")}`;
  }

  /** A frame of that text and at least so many bytes. */
  static frame(text: string, frameBytes: number): string {
    return text.padEnd(frameBytes, `/${text}`);
  }

  publish(client: TestClient, path: string): void {
    client.broadcasts.publish(path, { epoch: 0n, hops: [], cost: 0, ended: false }, this);
  }

  subscribe(_path: string, _track: string, { start }: SubscribeOptions, sink: UpstreamSink) {
    const follower: Follower = { sink, group: undefined };
    this.#followers.add(follower);
    const from = this.#keeps === "serves" ? Math.min(start ?? this.current, this.current) : this.current;
    sink.started(from);
    for (let group = from; group < this.current; group++) {
      const writer = sink.subgroup(wholeGroup(group));
      if (typeof writer !== "string") this.#write(writer, group, this.#frames).finish();
    }
    if (this.within > 0) this.#begin(follower, this.within);
    return { update: () => {}, cancel: () => void this.#followers.delete(follower) };
  }

  info(_path: string, _track: string, answer: (result: typeof INFO) => void): () => void {
    answer(INFO);
    return () => {};
  }

  fetch(_path: string, _track: string, { start }: FetchRange, _priority: number, writer: FetchWriter): () => void {
    const sequence = start.group;
    this.fetched.push(sequence);
    if (sequence >= this.current) writer.reset("not_found");
    else this.#write(new GroupIntoFetch(sequence, writer), sequence, this.#frames).finish();
    return () => {};
  }

  /** Sends the next frame. */
  send(): void {
    const { current, within } = this;
    for (const follower of this.#followers) {
      if (within === 0) this.#begin(follower, 0);
      if (follower.group !== undefined) this.#one(follower.group, `${current}.${within}`);
      if (within === this.#frames - 1) follower.group?.finish();
    }
    this.#frame++;
  }

  #begin(follower: Follower, frames: number): void {
    const writer = follower.sink.subgroup(wholeGroup(this.current));
    follower.group = typeof writer === "string" ? undefined : this.#write(writer, this.current, frames);
  }

  #write(writer: SubgroupWriter, group: number, frames: number): SubgroupWriter {
    for (let index = 0; index < frames; index++) this.#one(writer, `${group}.${index}`);
    return writer;
  }

  #one(writer: SubgroupWriter, text: string): void {
    const bytes = Buffer.from(Twin.frame(text, this.#frameBytes));
    writer.object(bytes.length, 0);
    writer.payload(bytes);
    writer.end();
  }
}
