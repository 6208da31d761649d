import type { Counters } from "../counters.ts";
import type { Reason } from "../reason.ts";
import type { Content } from "./content.ts";
import type { Channel, Later, ObjectStatus, ObjectTest, OutStream, SubgroupStart } from "./contract.ts";
import type { Group } from "./group.ts";
import type { ObjectReader, StreamStart } from "./partial-streams.ts";
import { type Part, writeJoined } from "./replay.ts";
import type { Subgroup } from "./subgroup.ts";

/** Objects that are there already and are judged in one turn. */
const OBJECTS_PER_TURN = 256;

/** What of a subgroup is wanted. */
export interface Judged {
  /** Absent: all objects. */
  readonly test: ObjectTest | undefined;
  /** Ids of the first and the last object that may be wanted. */
  readonly part: Part;
}

/**
 * A subgroup for a viewer that wants some of its objects. Each object is judged when it begins, and the stream is opened for the first one that
 * is wanted: without one there is no stream. It has a stream of its own, beside the fan-out of those that want everything.
 */
export class FilteredSubgroup implements Content, ObjectReader {
  readonly selects = true;
  readonly group: Group;
  /** Bytes of payload that were written to its stream. */
  payloadBytes = 0;
  readonly #subgroup: Subgroup<Group>;
  readonly #counters: Counters;
  readonly #later: Later | undefined;
  /** Its end, whatever that is. */
  readonly #left: (one: FilteredSubgroup) => void;
  #test: ObjectTest | undefined;
  #part: Part;
  #start: SubgroupStart;
  /** Opens the stream, and calls {@link attach}. */
  #open: () => void = () => {};
  #stream: OutStream | undefined;
  #channel: Channel | undefined;
  /** Index of the next kept object to judge; absent once it reads what comes. */
  #next: number | undefined;
  /** Of the last object that was written. */
  #lastId = -1;
  #lastTimestamp = 0;
  /** The object that is arriving is wanted. */
  #wanted = false;
  #over = true;

  constructor(
    subgroup: Subgroup<Group>,
    { test, part }: Judged,
    host: { readonly counters: Counters; readonly later: Later | undefined; left(one: FilteredSubgroup): void },
  ) {
    this.#subgroup = subgroup;
    this.group = subgroup.group;
    this.#start = subgroup.start;
    this.#test = test;
    this.#part = part;
    this.#counters = host.counters;
    this.#later = host.later;
    this.#left = (one) => host.left(one);
  }

  /** The group's end is not on the stream where its last object may be left out. */
  get start(): SubgroupStart {
    return this.#start;
  }

  get firstId(): number {
    return this.#subgroup.firstId;
  }

  get open(): boolean {
    return this.#subgroup.open;
  }

  get endedAt(): number | undefined {
    return this.#subgroup.endedAt;
  }

  get subgroup(): Subgroup<Group> {
    return this.#subgroup;
  }

  get over(): boolean {
    return this.#over || this.#stream?.ended === true;
  }

  /** Other objects are wanted from the next one on. */
  retest(test: ObjectTest | undefined): void {
    this.#test = test;
  }

  /** No stream is opened for it any more. One that is open is the subscription's to end. */
  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#left(this);
  }

  startAt(id: number, start: StreamStart): void {
    this.#over = false;
    this.#open = () => start.begin();
    this.#part = { first: Math.max(id, this.#part.first ?? 0), last: this.#part.last };
    this.#next = this.#subgroup.log.indexOf(this.#part.first ?? 0);
    if (!this.#judgeKept()) this.#later?.(() => this.#judgeKept());
  }

  attach(channel: Channel, stream: OutStream): void {
    this.#channel = channel;
    this.#stream = stream;
    if (channel.copies !== true) this.#subgroup.log.lend();
  }

  begins(id: number, status: ObjectStatus | undefined): void {
    this.#wanted = false;
    if (this.over || this.#next !== undefined) return;
    if (!this.#wants(id, this.#subgroup.log.properties)) return;
    this.#wanted = this.#opened(id);
    if (this.#wanted && status !== undefined) this.#write([this.#header(status)]);
  }

  appended(): void {
    if (!this.#wanted || this.over) return;
    const { log } = this.#subgroup;
    const bytes = log.appended();
    this.payloadBytes += bytes.length;
    this.#counters.bytesOut += bytes.length;
    this.#write(log.begins ? [this.#header(), bytes] : [bytes]);
  }

  ended(): void {
    if (!this.#wanted || this.over) return;
    this.#wanted = false;
    if (this.#subgroup.log.size === 0) this.#write([this.#header()]);
    this.#counters.framesOut++;
  }

  closed(reason: Reason | undefined): void {
    if (!this.over) {
      if (reason === undefined) this.#stream?.finish();
      else this.#reset(reason);
    }
    this.cancel();
  }

  /** Judges objects that are kept. False where more of them are left for a later turn. */
  #judgeKept(): boolean {
    const { log } = this.#subgroup;
    for (let left = OBJECTS_PER_TURN; ; left--) {
      const index = this.#next;
      if (index === undefined || this.over) break;
      if (log.length < index) {
        this.#reset("evicted");
        this.cancel();
        break;
      }
      if (index === log.length) {
        this.#next = undefined;
        this.#subgroup.follow(this);
        break;
      }
      if (left === 0 && this.#later !== undefined) return false;
      this.#next = index + 1;
      this.#judge(index);
    }
    if (this.over) this.cancel();
    return true;
  }

  #judge(index: number): void {
    const { log, inFrame } = this.#subgroup;
    const { id, size, properties } = log.describe(index);
    const arriving = inFrame && index === log.length - 1;
    if (!this.#wants(id, properties) || !this.#opened(id)) return;
    if (arriving) this.#wanted = true;
    // Its header is written with its first byte.
    if (arriving && log.received === 0) return;
    const pieces: Uint8Array[] = [];
    const dialect = this.#channel?.dialect;
    if (dialect === undefined) return;
    const bytes = log.encodedAfter(dialect, index, this.#lastTimestamp, pieces, id - this.#lastId - 1);
    this.#lastId = id;
    this.#lastTimestamp = log.timestampAt(index);
    this.payloadBytes += bytes;
    this.#counters.bytesOut += bytes;
    if (bytes === size) this.#counters.framesOut++;
    this.#write(pieces);
  }

  #wants(id: number, properties: Uint8Array | undefined): boolean {
    const { first = 0, last } = this.#part;
    if (last !== undefined && id > last) {
      this.#stream?.finish();
      this.cancel();
      return false;
    }
    return id >= first && (this.#test?.(id, properties) ?? true);
  }

  /** Whether there is a stream for the object `id`. */
  #opened(id: number): boolean {
    if (this.#stream !== undefined) return true;
    const { start, firstId } = this.#subgroup;
    const all = this.#test === undefined;
    this.#start = { ...start, firstObject: start.firstObject && id === firstId, endsGroup: start.endsGroup && all };
    this.#open();
    if (this.#stream === undefined) this.cancel();
    return this.#stream !== undefined;
  }

  /** That of the last object. */
  #header(status?: ObjectStatus): Uint8Array {
    const { log } = this.#subgroup;
    const dialect = this.#channel?.dialect;
    if (dialect === undefined) return NOTHING;
    const header = log.headerAfter(dialect, this.#lastTimestamp, this.#lastId, status);
    this.#lastId = log.id;
    this.#lastTimestamp = log.timestamp;
    return header;
  }

  #write(pieces: Uint8Array[]): void {
    if (this.#stream !== undefined) writeJoined(this.#stream, pieces);
  }

  #reset(reason: Reason): void {
    const [stream, channel] = [this.#stream, this.#channel];
    if (stream === undefined || channel === undefined) return;
    this.#counters.groupsDropped[reason === "evicted" ? "evicted" : "upstream"]++;
    stream.reset(channel.dialect.resetCode(reason));
  }
}

const NOTHING = new Uint8Array(0);
