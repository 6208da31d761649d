/** A publisher that does random things, and remembers all that it has published. */
import {
  type FetchRange,
  type FetchWriter,
  LAST_OBJECT,
  type ObjectStatus,
  type SubgroupWriter,
} from "../../moq/model/contract.ts";
import type { Reason } from "../../moq/reason.ts";
import { FakeSource } from "./support.ts";

/** Subgroups of a group. Those of each have ids of their own: subgroup 1 has 1, 5, 9 and so on. The last ones belong to datagrams. */
export const SUBGROUPS = 3;
const STEP = SUBGROUPS + 1;

/** The payload of an object; of some it is empty. */
export function payloadOf(group: number, id: number): string {
  return id % 7 === 3 ? "" : `${group}.${id};`.repeat(1 + (id % 3));
}

/** A stream of the publisher. */
export interface SentStream {
  readonly group: number;
  readonly subgroup: number;
  readonly firstObject: boolean;
  readonly writer: SubgroupWriter;
  /** Ids of its whole objects. */
  readonly ids: number[];
  id: number;
  /** Bytes of the object that is under way and have not been sent. */
  rest: Buffer | undefined;
  state: "open" | "finished" | "reset";
  /** It has said that the group ends. */
  ends: boolean;
  stopped: Reason | undefined;
}

export class RandomPublisher extends FakeSource {
  readonly streams: SentStream[] = [];
  /** The ids of the whole objects of each group. */
  readonly published = new Map<number, Set<number>>();
  /** The lowest id that each group cannot have any more. */
  readonly ends = new Map<number, number>();

  /** A stream begins, or goes on after a reset. Nothing where the relay refuses it. */
  begin(group: number, subgroup: number, endsGroup: boolean): void {
    if (this.subscriptions.at(-1)?.cancelled !== false) return;
    const before = this.streams.filter((one) => one.group === group && one.subgroup === subgroup);
    // It has said that nothing more comes.
    if (before.some(({ id }) => id >= this.#end(group))) return;
    const last = Math.max(-1, ...before.flatMap(({ ids }) => ids));
    const firstObject = last < 0;
    const begun = this.sink.subgroup({ group, subgroup, firstObject, endsGroup });
    if (typeof begun === "string") return;
    const id = last < 0 ? subgroup - STEP : last;
    const [ids, rest, state, stopped] = [[], undefined, "open", undefined] as const;
    const stream = {
      group,
      subgroup,
      firstObject,
      writer: begun,
      ids: [...ids],
      id,
      rest,
      state,
      ends: endsGroup,
      stopped,
    };
    const sent: SentStream = { ...stream };
    begun.onStop((reason) => {
      sent.stopped = reason;
      if (sent.state === "open") sent.state = "reset";
    });
    this.streams.push(sent);
  }

  /** An object of the stream begins. `skipped`: ids of it that are left out. */
  object(stream: SentStream, skipped: number): void {
    const id = stream.id + STEP * (1 + skipped);
    if (stream.state !== "open" || stream.rest !== undefined || id >= this.#end(stream.group)) return;
    const payload = Buffer.from(payloadOf(stream.group, id));
    stream.id = id;
    stream.rest = payload;
    stream.writer.object(payload.length, id, id, id % 5 === 0 ? Buffer.from("p") : undefined);
  }

  /** So many bytes of the object that is under way, at most; then it is whole. */
  payload(stream: SentStream, bytes: number): void {
    const { rest, group, id } = stream;
    if (stream.state !== "open" || rest === undefined) return;
    const piece = rest.subarray(0, bytes);
    if (piece.length > 0) stream.writer.payload(piece);
    stream.rest = rest.subarray(piece.length);
    if (stream.rest.length > 0) return;
    stream.rest = undefined;
    stream.ids.push(id);
    this.#publish(group, id);
    stream.writer.end();
  }

  /** The group ends after all that was published of it so far. */
  endGroup(stream: SentStream): void {
    const { group } = stream;
    const ids = this.streams.filter((one) => one.group === group).map(({ id }) => id + 1);
    const end = Math.max(0, ...ids, ...[...(this.published.get(group) ?? [])].map((id) => id + 1));
    if (stream.state !== "open" || stream.rest !== undefined || this.#end(group) < end || end <= stream.id) return;
    this.ends.set(group, end);
    stream.writer.status("end_of_group", end);
    stream.id = end;
  }

  finish(stream: SentStream): void {
    if (stream.state !== "open" || stream.rest !== undefined) return;
    // Its header has said that no object of the group is above its last one.
    if (stream.ends) {
      const above = this.streams.some(({ group, id }) => group === stream.group && id > stream.id);
      const published = [...(this.published.get(stream.group) ?? [])].some((id) => id > stream.id);
      if (above || published || stream.id < 0) return;
      this.ends.set(stream.group, Math.min(this.#end(stream.group), stream.id + 1));
    }
    stream.state = "finished";
    stream.writer.finish();
  }

  reset(stream: SentStream): void {
    if (stream.state !== "open") return;
    stream.state = "reset";
    stream.rest = undefined;
    // What was cut is sent again, where the subgroup goes on.
    stream.writer.reset("cancelled");
  }

  /** A datagram object, after the last one of its group. */
  datagram(group: number): void {
    const ids = [...(this.published.get(group) ?? [])].filter((id) => id % STEP === SUBGROUPS);
    const object = Math.max(SUBGROUPS - STEP, ...ids) + STEP;
    if (this.subscriptions.at(-1)?.cancelled !== false || object >= this.#end(group)) return;
    this.#publish(group, object);
    const payload = Buffer.from(payloadOf(group, object));
    this.sink.datagram({ group, object, timestamp: object, properties: undefined, endsGroup: false, payload });
  }

  /** Answers a fetch with all that was published of the range. */
  override fetch(_path: string, _track: string, range: FetchRange, _priority: number, writer: FetchWriter): () => void {
    const { start, end } = range;
    for (let group = start.group; group <= end.group; group++) {
      const from = group === start.group ? start.object : 0;
      const to = group === end.group ? end.object : LAST_OBJECT;
      for (const id of this.idsOf(group)) if (id >= from && id <= to) this.#give(writer, group, id);
    }
    writer.finish();
    return () => {};
  }

  idsOf(group: number): number[] {
    return [...(this.published.get(group) ?? [])].toSorted((a, b) => a - b);
  }

  #give(writer: FetchWriter, group: number, object: number): void {
    const payload = payloadOf(group, object);
    const own = object % STEP;
    const subgroup = own === SUBGROUPS ? undefined : own;
    const none: { priority: undefined; status: ObjectStatus | undefined; properties: undefined } = {
      priority: undefined,
      status: undefined,
      properties: undefined,
    };
    writer.object({ ...none, group, object, subgroup, size: payload.length, timestamp: object });
    if (payload !== "") writer.payload(Buffer.from(payload));
    writer.end();
  }

  #publish(group: number, id: number): void {
    const ids = this.published.get(group) ?? new Set();
    this.published.set(group, ids.add(id));
  }

  #end(group: number): number {
    return this.ends.get(group) ?? Number.POSITIVE_INFINITY;
  }
}
