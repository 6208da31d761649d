import type { Reason } from "../reason.ts";
import type { FetchedObject, SubgroupWriter } from "./contract.ts";
import { DATAGRAMS } from "./datagram-run.ts";
import type { Group } from "./group.ts";
import type { GroupStore } from "./group-store.ts";

/** Puts one group of a fetch into the cache, with its subgroups. */
export class CachedFetch {
  readonly #sequence: number;
  readonly #store: GroupStore;
  #group: Group | undefined;
  readonly #writers = new Map<number, SubgroupWriter>();
  /** Of the object that is arriving. */
  #writer: SubgroupWriter | undefined;
  #givenUp = false;

  constructor(sequence: number, store: GroupStore) {
    this.#sequence = sequence;
    this.#store = store;
  }

  object({ object, subgroup, priority, size, status, timestamp, properties }: FetchedObject): void {
    const writer = this.#writerOf(subgroup ?? DATAGRAMS, priority);
    this.#writer = writer;
    if (writer === undefined) this.giveUp();
    else if (status === undefined) writer.object(size, timestamp, object, properties);
    else writer.status(status, object, properties);
  }

  payload(bytes: Uint8Array): void {
    this.#writer?.payload(bytes);
  }

  end(): void {
    this.#writer?.end();
  }

  /** The group is complete. */
  finish(): void {
    for (const writer of this.#writers.values()) writer.finish();
    this.#group?.conclude();
  }

  reset(reason: Reason): void {
    for (const writer of this.#writers.values()) writer.reset(reason);
  }

  /** Something of the group is missing, so the cache does not keep it. */
  giveUp(): void {
    this.#givenUp = true;
    this.#group?.evict();
    this.reset("evicted");
    this.#writers.clear();
  }

  #writerOf(subgroup: number, priority: number | undefined): SubgroupWriter | undefined {
    const known = this.#writers.get(subgroup);
    if (known !== undefined || this.#givenUp) return known;
    const start = {
      group: this.#sequence,
      subgroup,
      firstObject: true,
      endsGroup: false,
      ...(priority === undefined ? {} : { priority }),
    };
    const writer = this.#group === undefined ? this.#begin(start) : this.#group.begin(start);
    if (typeof writer === "string") return undefined;
    this.#writers.set(subgroup, writer);
    return writer;
  }

  #begin(start: Parameters<GroupStore["fetched"]>[0]): SubgroupWriter {
    this.#group = this.#store.fetched(start);
    return this.#group.first;
  }
}
