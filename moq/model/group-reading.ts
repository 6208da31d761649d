import type { FetchedObject, FetchReader, Later, ObjectStatus } from "./contract.ts";
import { DATAGRAMS } from "./datagram-run.ts";
import type { Group } from "./group.ts";

/** Objects that are read in one turn. */
const OBJECTS_PER_TURN = 256;

export interface GroupReadingOptions {
  /** Ids of the first and the last object that are wanted. */
  readonly from: number;
  readonly to: number;
  /** As `Subscriber` has it. */
  readonly later: Later | undefined;
  /** An object is given to the reader. */
  readonly passed: (id: number, bytes: number) => void;
  /** `complete`: all of it was read; else the rest is not kept. Called once, unless the reading was stopped. */
  readonly over: (complete: boolean) => void;
}

type GroupPart = Group["first"];

/** The next object of a subgroup. */
interface Next {
  readonly subgroup: GroupPart;
  readonly index: number;
  readonly id: number;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Reads the objects of a kept group in the order of their ids, whatever their subgroups: those that are whole, and then each one once it is.
 * An object waits while an open subgroup may still bring a lower one, unless it follows the last one directly.
 */
export class GroupReading {
  readonly #group: Group;
  readonly #reader: FetchReader;
  readonly #options: GroupReadingOptions;
  /** How far each subgroup was read. */
  readonly #read = new Map<GroupPart, number>();
  readonly #record: Writable<FetchedObject>;
  #lastId: number;
  #stopWatching: (() => void) | undefined;
  #over = false;

  constructor(group: Group, reader: FetchReader, options: GroupReadingOptions) {
    this.#group = group;
    this.#reader = reader;
    this.#options = options;
    this.#lastId = options.from - 1;
    this.#record = {
      group: group.sequence,
      object: 0,
      subgroup: 0,
      priority: undefined,
      size: 0,
      status: undefined,
      timestamp: undefined,
      properties: undefined,
    };
  }

  start(): void {
    this.#pump();
  }

  stop(): void {
    this.#over = true;
    this.#stopWatching?.();
  }

  readonly #pump = (): void => {
    for (let left = OBJECTS_PER_TURN; !this.#over; left--) {
      if (!this.#group.keeps) {
        this.#end(false);
        return;
      }
      const next = this.#next();
      if (next === undefined || next.id > this.#options.to) {
        if (next !== undefined || this.#isComplete()) this.#end(true);
        else this.#watch();
        return;
      }
      if (this.#mustWait(next.id)) {
        this.#watch();
        return;
      }
      const { later } = this.#options;
      if (left === 0 && later !== undefined) {
        this.#stopWatching?.();
        this.#stopWatching = undefined;
        later(() => {
          this.#pump();
          return true;
        });
        return;
      }
      this.#give(next);
    }
  };

  #watch(): void {
    this.#stopWatching ??= this.#group.watch(this.#pump);
  }

  /** The whole object with the lowest id. Those that come too late are left out. */
  #next(): Next | undefined {
    let lowest: Next | undefined;
    for (const subgroup of this.#group.subgroups) {
      const { log } = subgroup;
      const whole = wholeObjects(subgroup);
      let index = this.#read.get(subgroup) ?? log.indexOf(this.#lastId + 1);
      while (index < whole && log.idAt(index) <= this.#lastId) index++;
      this.#read.set(subgroup, index);
      if (index >= whole) continue;
      const id = log.idAt(index);
      if (lowest === undefined || id < lowest.id) lowest = { subgroup, index, id };
    }
    return lowest;
  }

  #mustWait(id: number): boolean {
    if (id === this.#lastId + 1 || !this.#group.open) return false;
    for (const subgroup of this.#group.subgroups) {
      // Its next object, also one that is arriving, may be lower.
      if (subgroup.open && (subgroup.inFrame ? subgroup.lastId < id : subgroup.lastId < id - 1)) return true;
    }
    return false;
  }

  /** No object that is wanted is missing. */
  #isComplete(): boolean {
    const { to } = this.#options;
    if (!this.#group.open) return true;
    if (this.#group.lastId < to) return false;
    return !this.#group.subgroups.some(({ inFrame, lastId }) => inFrame && lastId <= to);
  }

  #give({ subgroup, index, id }: Next): void {
    const { start, log } = subgroup;
    const record = this.#record;
    record.subgroup = start.subgroup === DATAGRAMS ? undefined : start.subgroup;
    record.priority = start.priority;
    this.#lastId = id;
    this.#read.set(subgroup, index + 1);
    log.read(this.#writer, index, index + 1);
  }

  readonly #writer = {
    object: (size: number, timestamp: number | undefined, id = 0, properties?: Uint8Array) => {
      this.#begin(size, timestamp, id, undefined, properties);
    },
    payload: (bytes: Uint8Array) => this.#reader.payload(bytes),
    end: () => this.#reader.end(),
    status: (status: ObjectStatus, id: number, properties?: Uint8Array) => {
      this.#begin(0, undefined, id, status, properties);
    },
  };

  #begin(
    size: number,
    timestamp: number | undefined,
    id: number,
    status: ObjectStatus | undefined,
    properties: Uint8Array | undefined,
  ): void {
    const record = this.#record;
    record.object = id;
    record.size = size;
    record.timestamp = timestamp;
    record.status = status;
    record.properties = properties;
    this.#options.passed(id, size);
    this.#reader.object(record);
  }

  #end(complete: boolean): void {
    this.stop();
    this.#options.over(complete);
  }
}

/** Objects of a subgroup that are whole. */
function wholeObjects({ log, inFrame }: GroupPart): number {
  return inFrame ? log.length - 1 : log.length;
}
