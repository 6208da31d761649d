import type { FetchedObject, FetchRange, FetchWriter } from "../model/index.ts";
import { groupRange, LAST_OBJECT } from "../model/index.ts";
import type { Reason } from "../reason.ts";

/** Groups of a range that are asked for one by one. What is beyond them is reported as unknown. */
const MAX_GROUPS = 256;

/** Reasons for which a publisher refuses one group, and may have others. */
const OF_ONE_GROUP: ReadonlySet<Reason> = new Set(["not_found", "expired", "evicted", "unsupported"]);

/** Asks for one group. Returns a cancel. */
type FetchGroup = (range: FetchRange, writer: FetchWriter) => () => void;

/** Whether the range is one whole group. */
export function isGroup({ start, end }: FetchRange): boolean {
  return start.group === end.group && start.object === 0 && end.object === LAST_OBJECT;
}

/** A fetch of a range at a publisher whose version can ask for one whole group at a time. Returns a cancel. */
export function fetchGroupByGroup(range: FetchRange, writer: FetchWriter, fetch: FetchGroup): () => void {
  const run = new GroupByGroup(range, writer, fetch);
  writer.onStop(() => run.cancel());
  run.next();
  return () => run.cancel();
}

class GroupByGroup {
  readonly #range: FetchRange;
  readonly #writer: FetchWriter;
  readonly #fetch: FetchGroup;
  readonly #descending: boolean;
  #group: number;
  #groups = 0;
  #cancel: () => void = () => {};
  /** The group is complete before its fetch has returned. */
  #again = false;
  #asking = false;
  #over = false;

  constructor(range: FetchRange, writer: FetchWriter, fetch: FetchGroup) {
    this.#range = range;
    this.#writer = writer;
    this.#fetch = fetch;
    this.#descending = range.descending === true;
    this.#group = this.#descending ? range.end.group : range.start.group;
  }

  cancel(): void {
    this.#over = true;
    this.#cancel();
  }

  /** Asks for the next group. */
  next(): void {
    this.#again = true;
    if (this.#asking) return;
    this.#asking = true;
    while (this.#again && !this.#over) {
      this.#again = false;
      this.#ask();
    }
    this.#asking = false;
  }

  #ask(): void {
    const { start, end } = this.#range;
    const group = this.#group;
    const last = this.#descending ? start.group : end.group;
    if (this.#descending ? group < last : group > last) this.#finish();
    else if (this.#groups++ >= MAX_GROUPS) {
      this.#writer.gap("unknown", this.#descending ? { group: last, object: LAST_OBJECT } : end);
      this.#finish();
    } else {
      const from = group === start.group ? start.object : 0;
      const to = group === end.group ? end.object : LAST_OBJECT;
      const wanted = new WantedObjects(this.#writer, from, to, (reason, cut) => this.#ended(reason, cut));
      this.#cancel = this.#fetch(groupRange(group), wanted);
    }
  }

  #ended(reason: Reason | undefined, cut: boolean): void {
    if (this.#over) return;
    const { start, end } = this.#range;
    if (reason !== undefined && (cut || !OF_ONE_GROUP.has(reason) || start.group === end.group)) {
      this.#over = true;
      this.#writer.reset(reason);
      return;
    }
    if (reason !== undefined) this.#writer.gap("unknown", { group: this.#group, object: LAST_OBJECT });
    this.#group += this.#descending ? -1 : 1;
    this.next();
  }

  #finish(): void {
    this.#over = true;
    this.#writer.finish();
  }
}

/** Passes the objects of one group on whose ids are wanted. */
class WantedObjects implements FetchWriter {
  readonly #writer: FetchWriter;
  readonly #from: number;
  readonly #to: number;
  readonly #ended: (reason: Reason | undefined, cut: boolean) => void;
  #passes = false;

  /** `ended`: the group is complete, or was reset for a reason; `cut`: inside an object that was passed on in part. */
  constructor(
    writer: FetchWriter,
    from: number,
    to: number,
    ended: (reason: Reason | undefined, cut: boolean) => void,
  ) {
    this.#writer = writer;
    this.#from = from;
    this.#to = to;
    this.#ended = ended;
  }

  object(object: FetchedObject): void {
    const wanted = object.object >= this.#from && object.object <= this.#to;
    this.#passes = wanted && object.status === undefined;
    if (wanted) this.#writer.object(object);
  }

  payload(bytes: Uint8Array): void {
    if (this.#passes) this.#writer.payload(bytes);
  }

  end(): void {
    if (this.#passes) this.#writer.end();
    this.#passes = false;
  }

  gap(): void {}

  finish(): void {
    this.#ended(undefined, false);
  }

  reset(reason: Reason): void {
    this.#ended(reason, this.#passes);
  }

  /** The request that is under way is cancelled when the whole fetch is. */
  onStop(): void {}
}
