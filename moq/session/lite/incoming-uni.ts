import type { RecvStream } from "../../link.ts";
import { type SubgroupStart, type SubgroupWriter, wholeGroup } from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import { BoundExceeded, READ } from "../../wire/codec/index.ts";
import { type GroupHeader, type ObjectSink, type Setup, UniReader, type UniSink } from "../../wire/lite/index.ts";
import type { TurnHandler } from "../intake.ts";
import type { Receiver } from "../received-groups.ts";
import type { LiteContext } from "./context.ts";
import { numberedFrom } from "./numbered-frames.ts";

/** What a unidirectional stream of the peer needs of its session. */
export interface UniHost {
  setup(setup: Setup): void;
  /** Our subscription that a group is for. */
  subscription(id: number): Receiver | undefined;
  /** The header of the stream is complete. */
  headerComplete(stream: IncomingUni): void;
}

/** A unidirectional stream of the peer: SETUP or a group (moq-lite Unidirectional Streams). */
export class IncomingUni implements TurnHandler, UniSink {
  readonly #context: LiteContext;
  readonly #host: UniHost;
  readonly #stream: RecvStream;
  readonly #reader: UniReader;
  #writer: SubgroupWriter | undefined;
  #ignored = false;

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
      return this.#read(bytes);
    } catch (error) {
      session.failed(error);
      return READ;
    }
  }

  fin(): void {
    if (this.#ignored) return;
    this.#context.session.guard(() => {
      this.#host.headerComplete(this);
      this.#reader.finish();
      this.#end((writer) => writer.finish());
    });
  }

  reset(code: number): void {
    const { session } = this.#context;
    session.guard(() => {
      this.#host.headerComplete(this);
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
