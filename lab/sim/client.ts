/** A publisher or viewer at a simulated relay: one session, with what it sends and what it receives. */
import { createHash, type Hash } from "node:crypto";
import type { Link } from "../../moq/link.ts";
import {
  type Broadcasts,
  type DatagramObject,
  type FetchRange,
  type FetchWriter,
  GroupIntoFetch,
  type Source,
  type SubgroupStart,
  type SubgroupWriter,
  type SubscribeOptions,
  type UpstreamSink,
  wholeGroup,
} from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import type { Session, SessionReport } from "../../moq/session/index.ts";
import { INFO, LIVE, TRACK } from "./settings.ts";

/** One client's session, and what it publishes. */
export class TestClient {
  readonly broadcasts: Broadcasts;
  readonly session: Session;
  readonly link: Link;
  readonly reports: SessionReport[];
  /** Where the relay sent it, by GOAWAY. */
  sentTo: string | undefined;

  constructor(broadcasts: Broadcasts, session: Session, link: Link, reports: SessionReport[]) {
    this.broadcasts = broadcasts;
    this.session = session;
    this.link = link;
    this.reports = reports;
  }

  publish(path: string): TestPublisher {
    const source = new TestPublisher();
    const publication = this.broadcasts.publish(path, { epoch: source.epoch, hops: [], cost: 0, ended: false }, source);
    if (typeof publication === "string") throw new Error(publication);
    source.end = () => publication.end(false);
    return source;
  }

  watch(path: string, options: SubscribeOptions = LIVE, track = TRACK): TestViewer {
    const viewer = new TestViewer();
    viewer.upstream = this.session.source.subscribe(path, track, options, viewer);
    return viewer;
  }
}

let epochs = 1n;

/** The source of a client's own broadcasts: the test writes groups to its subscribers. It never answers about tracks named `mute…`. */
export class TestPublisher implements Source {
  readonly hasInfo = true;
  readonly epoch = epochs++;
  readonly sinks = new Set<UpstreamSink>();
  readonly requests: SubscribeOptions[] = [];
  readonly fetched: number[] = [];
  end: () => void = () => {};

  subscribe(_path: string, _track: string, options: SubscribeOptions, sink: UpstreamSink) {
    this.sinks.add(sink);
    this.requests.push(options);
    return { update: (next: SubscribeOptions) => this.requests.push(next), cancel: () => void this.sinks.delete(sink) };
  }

  info(_path: string, track: string, answer: (result: typeof INFO | Reason) => void): () => void {
    if (!track.startsWith("mute")) answer(track === "nothing" ? "not_found" : INFO);
    return () => {};
  }

  fetch(_path: string, _track: string, { start }: FetchRange, _priority: number, fetch: FetchWriter): () => void {
    const sequence = start.group;
    const writer = new GroupIntoFetch(sequence, fetch);
    this.fetched.push(sequence);
    for (const frame of [`fetched ${sequence}`, "more"]) write(writer, Buffer.from(frame));
    writer.finish();
    return () => {};
  }

  /** Begins a group at every subscriber. */
  open(sequence: number): SubgroupWriter[] {
    const writers: SubgroupWriter[] = [];
    for (const sink of this.sinks) {
      const writer = sink.subgroup(wholeGroup(sequence));
      if (typeof writer !== "string") writers.push(writer);
    }
    return writers;
  }

  send(sequence: number, ...frames: (string | Uint8Array)[]): void {
    for (const writer of this.open(sequence)) {
      for (const frame of frames) write(writer, Buffer.from(frame));
      writer.finish();
    }
  }
}

export function write(writer: SubgroupWriter, bytes: Uint8Array, timestamp = 0): void {
  writer.object(bytes.length, timestamp);
  if (bytes.length > 0) writer.payload(bytes);
  writer.end();
}

/** One group as a viewer got it; frame boundaries are part of the hash. */
export class TestGroup implements SubgroupWriter {
  readonly sequence: number;
  readonly frames: string[] = [];
  readonly timestamps: (number | undefined)[] = [];
  readonly #hash: Hash = createHash("sha256");
  readonly #keep: boolean;
  #frame: Buffer[] = [];
  state: "open" | "finished" | Reason = "open";
  bytes = 0;

  constructor(sequence: number, keep: boolean) {
    this.sequence = sequence;
    this.#keep = keep;
  }

  object(size: number, timestamp: number | undefined): void {
    this.timestamps.push(timestamp);
    this.#hash.update(`${size}:`);
  }

  payload(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    this.#hash.update(bytes);
    if (this.#keep) this.#frame.push(Buffer.from(bytes));
  }

  end(): void {
    if (this.#keep) this.frames.push(Buffer.concat(this.#frame).toString());
    this.#frame = [];
  }

  status(): void {}

  finish(): void {
    this.state = "finished";
  }

  reset(reason: Reason): void {
    this.state = reason;
  }

  onStop(): void {}

  digest(): string {
    return this.#hash.digest("hex");
  }
}

/** Takes what a subscription brings. */
export class TestViewer implements UpstreamSink {
  upstream: { update(options: SubscribeOptions): void; cancel(): void } | undefined;
  readonly groups: TestGroup[] = [];
  readonly log: string[] = [];
  /** Keep frames, not only their hash. */
  keep = true;

  info(info: typeof INFO): void {
    this.log.push(`info ${info.maxLatency}`);
  }

  started(sequence: number): void {
    this.log.push(`started ${sequence}`);
  }

  subgroup({ group: sequence }: SubgroupStart): SubgroupWriter {
    const group = new TestGroup(sequence, this.keep);
    this.groups.push(group);
    return group;
  }

  datagram({ group, timestamp, payload }: DatagramObject): void {
    this.log.push(`datagram ${group} ${timestamp} ${Buffer.from(payload).toString()}`);
  }

  dropped(start: number, end: number): void {
    this.log.push(`dropped ${start}-${end}`);
  }

  ended(end: number): void {
    this.log.push(`ended ${end}`);
  }

  closed(reason: Reason | undefined): void {
    this.log.push(`closed ${reason ?? "cleanly"}`);
  }

  /** E.g. `3 finished a|b`. */
  get groupLines(): string[] {
    return this.groups.map(({ sequence, state, frames }) => `${sequence} ${state} ${frames.join("|")}`);
  }
}
