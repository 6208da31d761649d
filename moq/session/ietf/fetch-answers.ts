import type { BidiStream, SendStream } from "../../link.ts";
import type { FetchedObject, FetchGap, FetchReader, Location, ObjectFilter, TrackInfo } from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import { encodeFetchHeader, FetchObjectEncoder, type RangeEnd } from "../../wire/ietf/index.ts";
import type { IetfContext } from "./context.ts";
import { refusalOf, refuseRequest } from "./refusal.ts";
import { send } from "./stream-context.ts";
import { propertiesOf, turnedRound } from "./track-info.ts";

export interface FetchAnswer {
  /** Of the request, which the stream with the objects names. */
  readonly requestId: number;
  /** Of the request. */
  readonly stream: BidiStream;
  readonly info: TrackInfo;
  /** Objects that are wanted; absent: all. */
  readonly filter: ObjectFilter | undefined;
  /** FETCH_OK was sent. */
  readonly accepted: () => void;
  /** The last location that the answer covers. */
  readonly end: RangeEnd;
}

/** Answers one fetch of the peer: FETCH_OK on its request stream, and the objects on a stream of their own (Fetch Handling). */
export class FetchAnswers implements FetchReader {
  /** Ends the fetch of the model. */
  cancel: () => void = () => {};
  readonly #context: IetfContext;
  readonly #answer: FetchAnswer;
  readonly #encoder: FetchObjectEncoder;
  #priority = 0;
  #stream: SendStream | undefined;
  #accepted = false;
  #over = false;
  /** The header of an object whose first byte has not come: it is written together with it. */
  #header: Uint8Array | undefined;
  /** The object that comes is left out. */
  #skips = false;

  constructor(context: IetfContext, answer: FetchAnswer) {
    this.#context = context;
    this.#answer = answer;
    this.#encoder = new FetchObjectEncoder(context.caps, turnedRound(answer.info.priority));
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
      this.#open();
      return;
    }
    const { priority } = object;
    const header = this.#encoder.object(
      priority === undefined ? object : { ...object, priority: turnedRound(priority) },
    );
    if (object.size > 0) this.#header = header;
    else if (header.length > 0) this.#open()?.write(header);
  }

  payload(bytes: Uint8Array): void {
    if (this.#skips) return;
    const header = this.#header;
    this.#header = undefined;
    // The engine may keep what is written, and the bytes are valid during the call.
    const copy = new Uint8Array((header?.length ?? 0) + bytes.length);
    if (header !== undefined) copy.set(header);
    copy.set(bytes, header?.length ?? 0);
    this.#open()?.write(copy);
  }

  end(): void {}

  gap(kind: FetchGap, end: Location): void {
    const said = this.#encoder.gap(kind, end);
    if (said === undefined) this.#open()?.reset(this.#context.session.codes.codeOf("not_found"));
    else if (said.length > 0) this.#open()?.write(said);
  }

  /** Without any object the stream has its header alone. */
  finish(): void {
    this.#open()?.finish();
    this.#answer.stream.finish();
    this.#over = true;
  }

  /** Objects that were sent may be followed by a refusal. */
  reset(reason: Reason): void {
    if (this.#over) return;
    this.#over = true;
    this.#stream?.reset(this.#context.session.codes.codeOf(reason));
    if (this.#accepted) this.#answer.stream.finish();
    else refuseRequest(this.#answer.stream, refusalOf(reason), this.#context, "fetch");
  }

  /** The session cancels the fetch when the peer stops the stream. */
  onStop(): void {}

  #wants({ subgroup, priority, object, properties }: FetchedObject): boolean {
    const { filter, info } = this.#answer;
    const wanted = filter?.of(subgroup, priority ?? info.priority) ?? "all";
    return wanted === "all" || (wanted !== "none" && wanted(object, properties));
  }

  /** The stream with the objects; nothing where the peer allows none. */
  #open(): SendStream | undefined {
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
    stream.write(encodeFetchHeader(this.#answer.requestId, caps));
    this.#accept();
    return stream;
  }

  #accept(): void {
    this.#accepted = true;
    const { end, info, stream } = this.#answer;
    const properties = propertiesOf(info);
    send(stream, { kind: "fetchOk", endOfTrack: false, end, parameters: {}, properties }, this.#context);
    this.#answer.accepted();
  }
}
