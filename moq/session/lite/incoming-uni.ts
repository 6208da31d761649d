import type { Framing, PassOn, RecvStream } from "../../link.ts";
import { type Inflow, type SubgroupStart, type SubgroupWriter, wholeGroup } from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import { BoundExceeded, READ } from "../../wire/codec/index.ts";
import { type GroupHeader, type ObjectSink, type Setup, UniReader, type UniSink } from "../../wire/lite/index.ts";
import type { TurnHandler } from "../intake.ts";
import type { Receiver } from "../received-groups.ts";
import type { LiteContext } from "./context.ts";
import { framingOf } from "./dialect.ts";
import { numberedFrom } from "./numbered-frames.ts";

/** What a unidirectional stream of the peer needs of its session. */
export interface UniHost {
  setup(setup: Setup): void;
  /** Our subscription that a group is for. */
  subscription(id: number): Receiver | undefined;
  /** The header of the stream is complete. */
  headerComplete(stream: IncomingUni): void;
}

/** Reads of a stream after which no mark is asked for: the stream of a group of one frame usually has no more. */
const READS_BEFORE = 1;

/** A unidirectional stream of the peer: SETUP or a group (moq-lite Unidirectional Streams). */
export class IncomingUni implements TurnHandler, UniSink, Inflow {
  readonly #context: LiteContext;
  readonly #host: UniHost;
  readonly #stream: RecvStream;
  readonly #reader: UniReader;
  #writer: SubgroupWriter | undefined;
  #ignored = false;
  /** Up to {@link READS_BEFORE}. */
  #reads = 0;
  #mayPass = true;
  #unpassing = false;

  constructor(context: LiteContext, host: UniHost, stream: RecvStream) {
    this.#context = context;
    this.#host = host;
    this.#stream = stream;
    this.#reader = new UniReader(context.caps, context.wire, this);
  }

  group({ subscribe, sequence, subgroup, firstFrame = 0 }: GroupHeader): ObjectSink {
    this.#host.headerComplete(this);
    const { received } = this.#context.session;
    const whole = { ...wholeGroup(sequence), firstObject: firstFrame === 0 };
    const start = subgroup === undefined ? whole : startOf(sequence, subgroup);
    const writer = received.begin(this.#stream, this.#host.subscription(subscribe), start);
    this.#writer = writer;
    this.#ignored = writer === undefined;
    if (writer === undefined) return NOTHING;
    return numberedFrom(firstFrame, writer);
  }

  setup(setup: Setup): void {
    this.#host.headerComplete(this);
    this.#host.setup(setup);
  }

  unknown(): void {
    this.#host.headerComplete(this);
    this.refuse("unsupported");
  }

  data(bytes: Uint8Array): Uint8Array {
    const { session } = this.#context;
    if (this.#ignored || session.over) return READ;
    try {
      const rest = this.#read(bytes);
      if (rest.length === 0) this.#follow();
      return rest;
    } catch (error) {
      session.failed(error);
      return READ;
    }
  }

  get framing(): Framing {
    return framingOf(this.#context.caps);
  }

  mark(): void {
    this.#stream.mark?.();
  }

  pass(to: PassOn["to"], late: boolean): boolean {
    const { left } = this.#reader;
    const largest = this.#context.wire.frameBytes;
    const passable = left === undefined || !this.#mayPass ? [] : to;
    const passes = this.#stream.pass?.({ framing: this.framing, left: left ?? 0, largest, to: passable, late });
    return passes === true && passable.length > 0;
  }

  unpass(): boolean {
    this.#unpassing = true;
    return this.#stream.unpass?.() === true;
  }

  marked(): void {
    this.#context.session.guard(() => {
      if (this.#writer?.marked === undefined) this.pass([], false);
      else this.#writer.marked(this);
    });
  }

  unpassed(): void {
    // A stream with one object that the engine cannot write usually has more of them.
    if (!this.#unpassing) this.#mayPass = false;
    this.#unpassing = false;
    this.#context.session.guard(() => this.#writer?.unpassed?.());
  }

  fin(): void {
    if (this.#ignored) return;
    this.#context.session.guard(() => {
      this.#host.headerComplete(this);
      const writer = this.#writer;
      try {
        this.#reader.finish();
        this.#end((one) => one.finish());
      } finally {
        // After `finish`, so that a relay that was given up meanwhile still ends its subgroup; also where the stream ends inside a frame.
        writer?.unpassed?.();
      }
    });
  }

  reset(code: number): void {
    const { session } = this.#context;
    session.guard(() => {
      this.#host.headerComplete(this);
      this.#writer?.unpassed?.();
      this.#end((writer) => writer.reset(session.codes.reasonOf(code)));
    });
  }

  /** The stream has no half that sends. */
  stop(): void {}

  refuse(reason: Reason): void {
    this.#ignored = true;
    this.#stream.stop(this.#context.session.codes.codeOf(reason));
  }

  #read(bytes: Uint8Array): Uint8Array {
    const { received, share, admission } = this.#context.session;
    received.count(bytes.length);
    try {
      const rest = this.#reader.push(bytes, share);
      received.count(-rest.length);
      return rest;
    } catch (error) {
      // A frame over its bound ends its group, not the session.
      if (!(error instanceof BoundExceeded)) throw error;
      admission.full(error.bound);
      this.#end((writer) => writer.reset("frame_too_large"));
      this.refuse("frame_too_large");
      return READ;
    }
  }

  /** What has come was read: the engine may pass on what comes next, once the stream is one of several reads. */
  #follow(): void {
    if (!this.#mayPass || this.#stream.mark === undefined || this.#writer?.follows === undefined) return;
    if (this.#reads < READS_BEFORE) this.#reads++;
    else this.#writer.follows(this);
  }

  #end(how: (writer: SubgroupWriter) => void): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#writer = undefined;
    this.#context.session.received.end(writer);
    how(writer);
  }
}

/** Where the frames of a group that was refused go. */
const NOTHING = { object: () => {}, payload: () => {}, end: () => {}, status: () => {} };

function startOf(group: number, { id: subgroup, ...rest }: NonNullable<GroupHeader["subgroup"]>): SubgroupStart {
  return { group, subgroup, ...rest };
}
