import type { SendStream } from "../../link.ts";
import type { FetchedObject, FetchGap, FetchReader, Location, ObjectFilter, TrackInfo } from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import { encodeFetchHeader, FetchObjectEncoder } from "../../wire/ietf/index.ts";
import type { IetfContext } from "./context.ts";
import { turnedRound } from "./track-info.ts";

/** What a fetch or fill stream is for. */
export interface FetchStreamOf {
  /** Of the request, which the stream names. */
  readonly requestId: number;
  readonly info: TrackInfo;
  /** Objects that are wanted; absent: all. */
  readonly filter: ObjectFilter | undefined;
  /** Nothing else answers: that it fails is said by a stream that is reset after its header. */
  readonly fill?: true;
}

interface FetchStreamEvents {
  /** The stream is there, with its header. */
  opened(): void;
  /** The stream has ended; with a reason, it was reset or there was none. */
  ended(reason: Reason | undefined): void;
}

/** Writes the objects of one fetch or fill to a stream of their own (Fetch Streams). */
export class FetchStream implements FetchReader {
  /** Ends the fetch of the model. */
  cancel: () => void = () => {};
  readonly #context: IetfContext;
  readonly #of: FetchStreamOf;
  readonly #on: FetchStreamEvents;
  readonly #encoder: FetchObjectEncoder;
  #priority = 0;
  #stream: SendStream | undefined;
  #failed = false;
  #over = false;
  /** The header of an object whose first byte has not come: it is written together with it. */
  #header: Uint8Array | undefined;
  /** The object that comes is left out. */
  #skips = false;

  constructor(context: IetfContext, of: FetchStreamOf, on: FetchStreamEvents) {
    this.#context = context;
    this.#of = of;
    this.#on = on;
    this.#encoder = new FetchObjectEncoder(context.caps, turnedRound(of.info.priority));
  }

  get queued(): number {
    return this.#stream?.queued ?? 0;
  }

  setPriority(priority: number): void {
    this.#priority = priority;
  }

  object(object: FetchedObject): void {
    this.#skips = !this.#wants(object);
    if (this.#skips) {
      // The answer does not wait for an object that is wanted.
      this.open();
      return;
    }
    const { priority } = object;
    const header = this.#encoder.object(
      priority === undefined ? object : { ...object, priority: turnedRound(priority) },
    );
    if (object.size > 0) this.#header = header;
    else if (header.length > 0) this.open()?.write(header);
  }

  payload(bytes: Uint8Array): void {
    if (this.#skips) return;
    const header = this.#header;
    this.#header = undefined;
    // The engine may keep what is written, and the bytes are valid during the call.
    const copy = new Uint8Array((header?.length ?? 0) + bytes.length);
    if (header !== undefined) copy.set(header);
    copy.set(bytes, header?.length ?? 0);
    this.open()?.write(copy);
  }

  end(): void {}

  gap(kind: FetchGap, end: Location): void {
    const said = this.#encoder.gap(kind, end);
    if (said === undefined) this.open()?.reset(this.#context.session.codes.codeOf("not_found"));
    else if (said.length > 0) this.open()?.write(said);
  }

  /** Without any object the stream has its header alone. */
  finish(): void {
    this.open()?.finish();
    this.#end(undefined);
  }

  /** Objects that were sent may be followed by a refusal. */
  reset(reason: Reason): void {
    if (this.#over) return;
    const says = this.#of.fill === true && reason !== "cancelled" && !this.#failed;
    this.#failed = true;
    if (says) this.open();
    if (this.#over) return;
    this.#stream?.reset(this.#context.session.codes.codeOf(reason));
    this.#end(reason);
  }

  /** The session cancels the fetch when the peer stops the stream. */
  onStop(): void {}

  /** The stream with the objects; nothing where the peer allows none. */
  open(): SendStream | undefined {
    if (this.#over) return undefined;
    if (this.#stream !== undefined) return this.#stream;
    const { session, caps } = this.#context;
    const stream = session.link.openUni(this.#priority, { stop: () => void session.guard(() => this.cancel()) });
    if (stream === undefined) {
      this.reset("limit");
      session.share.later(() => {
        this.cancel();
        return true;
      });
      return undefined;
    }
    this.#stream = stream;
    stream.write(encodeFetchHeader(this.#of.requestId, caps));
    this.#on.opened();
    return stream;
  }

  #end(reason: Reason | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#on.ended(reason);
  }

  #wants({ subgroup, priority, object, properties }: FetchedObject): boolean {
    const { filter, info } = this.#of;
    const wanted = filter?.of(subgroup, priority ?? info.priority) ?? "all";
    return wanted === "all" || (wanted !== "none" && wanted(object, properties));
  }
}
