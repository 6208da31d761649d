import type { BidiStream } from "../../link.ts";
import type { DatagramObject, Location, SubgroupStart, TrackInfo } from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import {
  type Capabilities,
  DATAGRAM_BYTES,
  encodeDatagram,
  encodeGroupStream,
  encodeObjectDatagram,
  encodeSubscribeResponse,
  type Subscribe,
} from "../../wire/lite/index.ts";
import type { SubscribeWriter } from "../subscribe-responder.ts";
import type { LiteContext } from "./context.ts";

/** Writes the publisher's half of one Subscribe Stream (moq-lite Subscribe). */
export class LiteSubscribeWriter implements SubscribeWriter {
  readonly promisesStart: boolean;
  readonly ownNumbers: boolean;
  readonly #context: LiteContext;
  readonly #stream: BidiStream;
  readonly #request: Subscribe;
  /** Group streams that were opened. */
  #streams = 0;
  /** The first group that will never come, which is said last where the version counts streams. */
  #end: number | undefined;

  constructor(context: LiteContext, stream: BidiStream, request: Subscribe) {
    this.#context = context;
    this.#stream = stream;
    this.#request = request;
    this.promisesStart = context.caps.subscribeOk === "start";
    this.ownNumbers = context.caps.firstHopIdentity;
  }

  accepted(info: TrackInfo, largest: Location | undefined): void {
    // The epoch is the one that the peer asked for.
    if (this.#context.caps.objects)
      this.#send({ kind: "info", info: { epoch: this.#request.epoch, ...info }, largest });
    if (this.#context.caps.subscribeOk !== "properties") return;
    const { start, end } = this.#request;
    const { priority, ordered, maxLatency } = info;
    this.#send({
      kind: "ok",
      priority,
      ordered,
      maxLatency,
      ...(start === undefined ? {} : { start }),
      ...(end === undefined ? {} : { end }),
    });
  }

  started(sequence: number): void {
    if (this.#context.caps.subscribeOk === "start") this.#send({ kind: "start", group: sequence });
  }

  subgroupHeader({ group: sequence, subgroup: id, ...rest }: SubgroupStart, firstFrame: number): Uint8Array {
    this.#streams++;
    const { id: subscribe } = this.#request;
    return encodeGroupStream(this.#context.caps, { subscribe, sequence, subgroup: { id, ...rest }, firstFrame });
  }

  datagram(datagram: DatagramObject): Uint8Array | undefined {
    const { caps } = this.#context;
    if (!caps.datagrams) return undefined;
    const { id: subscribe } = this.#request;
    const bytes = caps.objects
      ? encodeObjectDatagram({ subscribe, ...datagram })
      : groupDatagram(subscribe, datagram, caps);
    return bytes === undefined || bytes.length > DATAGRAM_BYTES ? undefined : bytes;
  }

  dropped(start: number, end: number, reason: Reason): void {
    if (this.#context.caps.streamCounts) return;
    this.#send({ kind: "drop", start, end, code: this.#context.session.codes.codeOf(reason) });
  }

  ended(end: number): void {
    if (this.#context.caps.streamCounts) this.#end = end;
    else if (this.#context.caps.subscribeEnd) this.#send({ kind: "end", group: end });
  }

  finish(): void {
    if (this.#end !== undefined) this.#send({ kind: "end", group: this.#end, streams: this.#streams });
    this.#stream.finish();
  }

  refuse(reason: Reason): void {
    const code = this.#context.session.codes.codeOf(reason);
    this.#stream.reset(code);
    this.#stream.stop(code);
  }

  #send(response: Parameters<typeof encodeSubscribeResponse>[0]): void {
    this.#stream.write(encodeSubscribeResponse(response, this.#context.caps));
  }
}

/** In moq-lite a datagram is a group of one frame, so an object that shares its group with others has none. */
function groupDatagram(subscribe: number, datagram: DatagramObject, caps: Capabilities): Uint8Array | undefined {
  const { group: sequence, object, timestamp = 0, endsGroup, payload } = datagram;
  return object === 0 && endsGroup
    ? encodeDatagram({ subscribe, sequence, timestamp, payload }, caps.varints)
    : undefined;
}
