import type { RecvStream } from "../../link.ts";
import type { SubgroupWriter } from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import { type Allowance, BoundExceeded, READ, UNBOUNDED } from "../../wire/codec/index.ts";
import {
  type FetchTarget,
  type ObjectTarget,
  type StreamReader,
  type SubgroupHeader,
  UniReader,
  type UniSink,
} from "../../wire/ietf/index.ts";
import type { TurnHandler } from "../intake.ts";
import type { IetfContext } from "./context.ts";
import type { ControlStreams } from "./control-streams.ts";
import type { IncomingFetch } from "./own-fetches.ts";
import type { AliasedTrack } from "./track-aliases.ts";
import { turnedRound } from "./track-info.ts";

/** What a unidirectional stream of the peer needs of its session. */
export interface UniHost {
  readonly control: ControlStreams;
  /** The header of the stream is complete. */
  headerComplete(stream: IncomingUni): void;
}

/** A unidirectional stream of the peer: its control stream, a subgroup, or the answer to a fetch (Unidirectional Stream Types). */
export class IncomingUni implements TurnHandler, UniSink {
  readonly #context: IetfContext;
  readonly #host: UniHost;
  readonly #stream: RecvStream;
  readonly #reader: UniReader;
  #writer: SubgroupWriter | undefined;
  #fetch: IncomingFetch | undefined;
  /** The bytes after the header, while the alias of the track is unknown. */
  #held: HeldObjects | undefined;
  #isControl = false;
  #ignored = false;

  constructor(context: IetfContext, host: UniHost, stream: RecvStream) {
    this.#context = context;
    this.#host = host;
    this.#stream = stream;
    this.#reader = new UniReader(context.caps, context.wire, this);
  }

  control(): StreamReader {
    this.#host.headerComplete(this);
    const { control } = this.#host;
    control.received();
    this.#isControl = true;
    return control;
  }

  headed(): void {
    this.#host.headerComplete(this);
  }

  subgroup(header: SubgroupHeader, open: (target: ObjectTarget) => StreamReader): StreamReader | undefined {
    const { aliases } = this.#context;
    const track = aliases.get(header.trackAlias);
    if (track !== undefined) return this.#begin(track, header, open);
    const held = new HeldObjects(aliases, () => this.refuse("limit"));
    this.#held = held;
    held.cancel = aliases.wait(header.trackAlias, (known) => {
      this.#context.session.guard(() => this.#settle(held, known, header, open));
    });
    return this.#ignored ? undefined : held;
  }

  fetch(request: number): FetchTarget | undefined {
    this.#host.headerComplete(this);
    this.#fetch = this.#context.fetches.begin(request, this.#stream);
    if (this.#fetch === undefined) this.refuse("cancelled");
    return this.#fetch?.target;
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
      if (this.#held === undefined) this.#reader.finish();
      // A stream without objects may begin with its end.
      if (this.#held !== undefined) {
        this.#held.finished = true;
        return;
      }
      this.#end((writer) => writer.finish());
      this.#fetch?.finished();
    });
  }

  reset(code: number): void {
    const { session } = this.#context;
    session.guard(() => {
      this.#host.headerComplete(this);
      this.#held?.drop();
      this.#held = undefined;
      if (this.#isControl) this.#host.control.lost();
      const reason = session.codes.reasonOf(code);
      this.#end((writer) => writer.reset(reason));
      this.#fetch?.lost(reason);
    });
  }

  /** The stream has no half that sends. */
  stop(): void {}

  refuse(reason: Reason): void {
    this.#ignored = true;
    this.#held?.drop();
    this.#held = undefined;
    this.#stream.stop(this.#context.session.codes.codeOf(reason));
  }

  #begin(
    track: AliasedTrack,
    header: SubgroupHeader,
    open: (target: ObjectTarget) => StreamReader,
  ): StreamReader | undefined {
    const { group, subgroup, firstObject, endsGroup, priority } = header;
    const start = {
      group,
      subgroup,
      firstObject,
      endsGroup,
      priority: priority === undefined ? track.defaultPriority : turnedRound(priority),
    };
    this.#writer = this.#context.session.received.begin(this.#stream, track, start);
    this.#ignored = this.#writer === undefined;
    return this.#writer && open({ sink: this.#writer, timescale: track.timescale });
  }

  /** The alias of the stream stands for `track`, or has not become known in time. */
  #settle(
    held: HeldObjects,
    track: AliasedTrack | undefined,
    header: SubgroupHeader,
    open: (target: ObjectTarget) => StreamReader,
  ): void {
    if (this.#held !== held) return;
    if (track === undefined) {
      this.refuse("cancelled");
      return;
    }
    this.#held = undefined;
    const reader = this.#begin(track, header, open);
    if (reader === undefined) {
      held.drop();
      return;
    }
    this.#bounded(() => {
      held.release(reader);
      if (!held.finished) return;
      reader.finish();
      this.#end((writer) => writer.finish());
    });
  }

  #read(bytes: Uint8Array): Uint8Array {
    const { received, share } = this.#context.session;
    received.count(bytes.length);
    const rest = this.#bounded(() => this.#reader.push(bytes, share)) ?? READ;
    received.count(-rest.length);
    return rest;
  }

  /** An object over its bound ends its subgroup, not the session. */
  #bounded<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof BoundExceeded)) throw error;
      this.#context.session.admission.full(error.bound);
      this.#end((writer) => writer.reset("frame_too_large"));
      this.#fetch?.lost("frame_too_large");
      this.refuse("frame_too_large");
      return undefined;
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

/** What each piece that is held counts, besides its bytes: they may come one by one. */
const PIECE_BYTES = 256;

/** Holds the objects of a stream until its track is known. */
class HeldObjects implements StreamReader {
  readonly #bound: Holder;
  readonly #full: () => void;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #reader: StreamReader | undefined;
  /** The stream has ended. */
  finished = false;
  /** Ends the wait for the alias. */
  cancel: () => void = () => {};

  /** `full`: the session holds too much already. */
  constructor(bound: Holder, full: () => void) {
    this.#bound = bound;
    this.#full = full;
  }

  push(bytes: Uint8Array, allowance: Allowance): Uint8Array {
    if (this.#reader !== undefined) return this.#reader.push(bytes, allowance);
    const counted = bytes.length + PIECE_BYTES;
    if (!this.#bound.hold(counted)) {
      this.#full();
      return READ;
    }
    this.#bytes += counted;
    this.#pieces.push(new Uint8Array(bytes));
    return READ;
  }

  finish(): void {
    this.#reader?.finish();
  }

  /** Gives what is held to `reader`, and what follows as well. */
  release(reader: StreamReader): void {
    this.#reader = reader;
    const pieces = this.#pieces;
    this.#giveBack();
    for (const piece of pieces) reader.push(piece, UNBOUNDED);
  }

  drop(): void {
    this.cancel();
    this.#giveBack();
  }

  #giveBack(): void {
    this.#bound.hold(-this.#bytes);
    this.#bytes = 0;
    this.#pieces = [];
  }
}

/** Counts the bytes that a session holds. */
interface Holder {
  /** False, and nothing counted, where that would be too many. */
  hold(bytes: number): boolean;
}
