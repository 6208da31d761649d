import type { Reason } from "../reason.ts";
import type { FetchedObject, FetchWriter, ObjectStatus, SubgroupWriter } from "./contract.ts";

/** Takes a fetch of one group, and writes its objects, whatever their subgroups, to one writer in the order of their ids. */
export class FetchIntoGroup implements FetchWriter {
  readonly #writer: SubgroupWriter;

  constructor(writer: SubgroupWriter) {
    this.#writer = writer;
  }

  object({ object, size, status, timestamp, properties }: FetchedObject): void {
    if (status === undefined) this.#writer.object(size, timestamp, object, properties);
    else this.#writer.status(status, object, properties);
  }

  payload(bytes: Uint8Array): void {
    this.#writer.payload(bytes);
  }

  end(): void {
    this.#writer.end();
  }

  /** Ids need not be consecutive. */
  gap(): void {}

  finish(): void {
    this.#writer.finish();
  }

  reset(reason: Reason): void {
    this.#writer.reset(reason);
  }

  onStop(callback: (reason: Reason) => void): void {
    this.#writer.onStop(callback);
  }
}

/** Answers a fetch with one subgroup of one group: what is written to it goes to the writer of the fetch. */
export class GroupIntoFetch implements SubgroupWriter {
  readonly #writer: FetchWriter;
  readonly #record: { -readonly [K in keyof FetchedObject]: FetchedObject[K] };

  constructor(group: number, writer: FetchWriter, subgroup = 0) {
    this.#writer = writer;
    this.#record = {
      group,
      object: -1,
      subgroup,
      priority: undefined,
      size: 0,
      status: undefined,
      timestamp: undefined,
      properties: undefined,
    };
  }

  object(size: number, timestamp: number | undefined, id?: number, properties?: Uint8Array): void {
    this.#begin(size, undefined, id ?? this.#record.object + 1, properties, timestamp);
  }

  payload(bytes: Uint8Array): void {
    this.#writer.payload(bytes);
  }

  end(): void {
    this.#writer.end();
  }

  status(status: ObjectStatus, id: number, properties?: Uint8Array): void {
    this.#begin(0, status, id, properties, undefined);
  }

  finish(): void {
    this.#writer.finish();
  }

  reset(reason: Reason): void {
    this.#writer.reset(reason);
  }

  onStop(callback: (reason: Reason) => void): void {
    this.#writer.onStop(callback);
  }

  #begin(
    size: number,
    status: ObjectStatus | undefined,
    id: number,
    properties: Uint8Array | undefined,
    timestamp: number | undefined,
  ): void {
    const record = this.#record;
    record.object = id;
    record.size = size;
    record.status = status;
    record.timestamp = timestamp;
    record.properties = properties;
    this.#writer.object(record);
  }
}
