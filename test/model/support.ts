import { INFO } from "../../lab/sim/settings.ts";
import type {
  Channel,
  DatagramObject,
  FetchRange,
  FetchWriter,
  Location,
  OutFan,
  OutStream,
  Source,
  SubgroupStart,
  SubgroupWriter,
  SubscribeOptions,
  Subscriber,
  TrackInfo,
  UpstreamSink,
} from "../../moq/model/contract.ts";
import { GroupIntoFetch } from "../../moq/model/fetched-group.ts";
import { wholeGroup } from "../../moq/model/locations.ts";
import type { Reason } from "../../moq/reason.ts";

export { CACHE, INFO, LIMITS, LIVE } from "../../lab/sim/settings.ts";

/** A stream that records what is written. `stuck`: bytes stay in its queue, as for a viewer that reads nothing. */
export class FakeStream implements OutStream {
  readonly sequence: number;
  readonly chunks: Uint8Array[] = [];
  priority: number;
  state: "open" | "finished" | "reset" = "open";
  code: number | undefined;
  queued = 0;
  acknowledged?: boolean;
  readonly #stuck: boolean;

  constructor(sequence: number, priority: number, stuck: boolean) {
    this.sequence = sequence;
    this.priority = priority;
    this.#stuck = stuck;
  }

  get ended(): boolean {
    return this.state !== "open";
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  write(bytes: Uint8Array): void {
    if (this.ended) return;
    this.chunks.push(bytes);
    if (this.#stuck) this.queued += bytes.length;
  }

  finish(): void {
    if (this.state === "open") this.state = "finished";
  }

  reset(code: number): void {
    if (this.state === "reset") return;
    this.state = "reset";
    this.code = code;
    this.queued = 0;
    this.acknowledged = true;
  }

  setPriority(priority: number): void {
    this.priority = priority;
  }
}

class FakeFan implements OutFan {
  readonly #streams = new Set<OutStream>();

  get size(): number {
    this.#prune();
    return this.#streams.size;
  }

  add(stream: OutStream): void {
    this.#streams.add(stream);
  }

  write(bytes: Uint8Array): void {
    this.#prune();
    for (const stream of this.#streams) stream.write(bytes);
  }

  finish(): void {
    for (const stream of this.#streams) stream.finish();
    this.#streams.clear();
  }

  reset(code: number): void {
    for (const stream of this.#streams) stream.reset(code);
    this.#streams.clear();
  }

  #prune(): void {
    for (const stream of this.#streams) if (stream.ended) this.#streams.delete(stream);
  }
}

export const CODES: Partial<Record<Reason, number>> = { cancelled: 0, expired: 2, lagged: 26, upstream: 24 };

/** Frames look like `[3@0]abc`: size, timestamp delta, payload. */
export function channel(name = "plain"): Channel {
  return {
    dialect: {
      name,
      subgroups: false,
      objectHeader: (size, delta) => Buffer.from(name === "plain" ? `[${size}]` : `[${size}@${delta}]`),
      resetCode: (reason) => CODES[reason] ?? 99,
    },
    fanOut: () => new FakeFan(),
  };
}

const PLAIN = channel();

/** A viewer that records the calls of its subscription. */
export class FakeViewer implements Subscriber {
  readonly channel: Channel;
  readonly promisesStart: boolean = true;
  readonly log: string[] = [];
  readonly streams: FakeStream[] = [];
  /** Streams that it allows. */
  room = Number.POSITIVE_INFINITY;
  stuck = false;
  /** What it is sent waits for its acknowledgement. */
  far = false;

  constructor(through: Channel = PLAIN) {
    this.channel = through;
  }

  accepted(info: TrackInfo, _largest?: Location): void {
    this.log.push(`accepted ${info.timescale}`);
  }

  started(sequence: number): void {
    this.log.push(`started ${sequence}`);
  }

  open({ group }: SubgroupStart, priority: number): OutStream | undefined {
    if (this.room <= 0) return undefined;
    this.room--;
    const stream = new FakeStream(group, priority, this.stuck);
    if (this.far) stream.acknowledged = false;
    this.streams.push(stream);
    return stream;
  }

  datagram({ group, timestamp, payload }: DatagramObject): void {
    this.log.push(`datagram ${group} ${timestamp} ${Buffer.from(payload)}`);
  }

  dropped(start: number, end: number, reason: Reason): void {
    this.log.push(`dropped ${start}-${end} ${reason}`);
  }

  ended(end: number): void {
    this.log.push(`ended ${end}`);
  }

  closed(reason: Reason | undefined): void {
    this.log.push(`closed ${reason ?? "cleanly"}`);
  }

  /** The state and bytes of each group, e.g. `0:finished:[1]a`. */
  get groups(): string[] {
    return this.streams.map((stream) => `${stream.sequence}:${stream.state}:${stream.text}`);
  }
}

/** A publisher that records requests and sends what a test gives it. */
export class FakeSource implements Source {
  readonly hasInfo: boolean;
  readonly log: string[] = [];
  readonly subscriptions: { track: string; options: SubscribeOptions; sink: UpstreamSink; cancelled: boolean }[] = [];
  readonly fetches: { track: string; sequence: number; writer: SubgroupWriter; cancelled: boolean }[] = [];
  /** Answers TRACK at once; null leaves it open. */
  answer: TrackInfo | Reason | null;

  constructor(options: { hasInfo?: boolean; answer?: TrackInfo | Reason | null } = {}) {
    this.hasInfo = options.hasInfo ?? true;
    this.answer = options.answer === undefined ? INFO : options.answer;
  }

  subscribe(_path: string, track: string, options: SubscribeOptions, sink: UpstreamSink) {
    this.log.push(`subscribe ${track}`);
    const entry = { track, options, sink, cancelled: false };
    this.subscriptions.push(entry);
    return {
      update: (next: SubscribeOptions) => {
        entry.options = next;
        this.log.push(`update ${track}`);
      },
      cancel: () => {
        entry.cancelled = true;
        this.log.push(`cancel ${track}`);
      },
    };
  }

  info(_path: string, track: string, answer: (result: TrackInfo | Reason) => void): () => void {
    this.log.push(`info ${track}`);
    if (this.answer !== null) answer(this.answer);
    return () => {};
  }

  fetch(_path: string, track: string, { start }: FetchRange, _priority: number, fetch: FetchWriter): () => void {
    const sequence = start.group;
    const writer = new GroupIntoFetch(sequence, fetch);
    this.log.push(`fetch ${track} ${sequence}`);
    const entry = { track, sequence, writer, cancelled: false };
    this.fetches.push(entry);
    return () => {
      entry.cancelled = true;
    };
  }

  /** The last subscription's sink. */
  get sink(): UpstreamSink {
    const last = this.subscriptions.at(-1);
    if (last === undefined) throw new Error("no subscription");
    return last.sink;
  }

  /** Begins a group; throws when it is refused. */
  group(sequence: number): SubgroupWriter {
    const writer = this.sink.subgroup(wholeGroup(sequence));
    if (typeof writer === "string") throw new Error(`refused: ${writer}`);
    return writer;
  }

  /** A whole group. */
  send(sequence: number, ...frames: string[]): void {
    const writer = this.group(sequence);
    for (const frame of frames) say(writer, frame);
    writer.finish();
  }
}

/** Writes one frame. */
export function say(writer: SubgroupWriter, text: string, timestamp?: number): void {
  const bytes = Buffer.from(text);
  writer.object(bytes.length, timestamp);
  if (bytes.length > 0) writer.payload(bytes);
  writer.end();
}

export const AD = { epoch: 0n, hops: [7n], cost: 1, ended: false };
