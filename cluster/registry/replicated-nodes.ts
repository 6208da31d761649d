/** Most pending paths, over all relays. At the bound a change is dropped; the next comparison with the backend finds it. */
const MAX_PENDING_PATHS = 200_000;

/**
 * Most departures that a root remembers during one comparison. Beyond it, an outdated record can bring a departed relay back until the next
 * comparison.
 */
const MAX_DEPARTURES = 10_000;

const NO_PATHS: ReadonlySet<string> = new Set();

/** Changes of a relay that this root has not written to the backend yet. */
interface Pending {
  /** The relay itself changed, or its lease is to begin again. */
  info: boolean;
  readonly paths: Set<string>;
}

/** A relay that left on purpose. It is removed from the backend until that succeeds, or until its lease there is over. */
interface Removal {
  readonly startedAt: number;
  readonly until: number;
}

/** The backend has a later start of a relay than the session at this root. */
interface NewerStart {
  readonly startedAt: number;
  /** What remained of its lease at `seenAt`, in milliseconds. */
  readonly remainingMs: number;
  readonly seenAt: number;
}

/** How far a root and the backend agree on one relay. */
export interface ReplicatedNode {
  readonly node: string;
  /** Nothing when all is written. */
  pending: Pending | undefined;
  /** Pending paths were dropped at the bound: only a comparison finds them. */
  overflowed: boolean;
  /** Version of the backend's record that equals this root's state plus `pending`. Absent if the two may differ. */
  version: string | undefined;
  /** When this root last renewed the lease. */
  renewedAt: number | undefined;
  removal: Removal | undefined;
  /** `startedAt` of a relay that left on purpose during the current comparison. A record read earlier must not register it again. */
  departedStart: number | undefined;
  /** Stored paths unknown here at the last comparison; removed if still unknown at the next. */
  unknownPaths: ReadonlySet<string>;
  newerStart: NewerStart | undefined;
}

/** One record for each relay that a root writes to the backend or reads from it. */
export class ReplicatedNodes {
  readonly #records = new Map<string, ReplicatedNode>();
  /** Those with something to write or to remove, in the order in which it came. */
  readonly #unwritten = new Set<ReplicatedNode>();
  #pendingPaths = 0;
  #departed = 0;

  /** True if something is to be written or removed. */
  get unwritten(): boolean {
    return this.#unwritten.size > 0;
  }

  get(node: string): ReplicatedNode | undefined {
    return this.#records.get(node);
  }

  /** The record of a relay; an empty one where there is none yet. */
  record(node: string): ReplicatedNode {
    const known = this.#records.get(node);
    if (known !== undefined) return known;
    const record: ReplicatedNode = {
      node,
      pending: undefined,
      overflowed: false,
      version: undefined,
      renewedAt: undefined,
      removal: undefined,
      departedStart: undefined,
      unknownPaths: NO_PATHS,
      newerStart: undefined,
    };
    this.#records.set(node, record);
    return record;
  }

  withPending(): ReplicatedNode[] {
    return [...this.#unwritten].filter(({ pending }) => pending !== undefined);
  }

  withRemoval(): ReplicatedNode[] {
    return [...this.#unwritten].filter(({ removal }) => removal !== undefined);
  }

  /** Marks the relay (without `path`), or its holding of `path`, as not yet written. */
  mark(node: string, path?: string): void {
    const record = this.record(node);
    record.pending ??= { info: false, paths: new Set() };
    this.#unwritten.add(record);
    const { pending } = record;
    if (path === undefined) pending.info = true;
    else if (!pending.paths.has(path)) {
      if (this.#pendingPaths >= MAX_PENDING_PATHS) {
        record.overflowed = true;
        return;
      }
      pending.paths.add(path);
      this.#pendingPaths++;
    }
  }

  /** A write of the relay and these paths begins. */
  beginWrite({ pending }: ReplicatedNode, paths: Iterable<string>): void {
    if (pending === undefined) return;
    pending.info = false;
    for (const path of paths) if (pending.paths.delete(path)) this.#pendingPaths--;
  }

  /** A write succeeded. Clears `pending` unless something changed during the write. */
  written(record: ReplicatedNode): void {
    const { pending } = record;
    if (pending?.info === false && pending.paths.size === 0) this.clearPending(record);
  }

  clearPending(record: ReplicatedNode): void {
    this.#pendingPaths -= record.pending?.paths.size ?? 0;
    record.pending = undefined;
    this.#forgetWritten(record);
  }

  setRemoval(node: string, removal: Removal): void {
    const record = this.record(node);
    record.removal = removal;
    this.#unwritten.add(record);
  }

  /** The removal is done, or the relay is back. */
  clearRemoval(record: ReplicatedNode): void {
    record.removal = undefined;
    this.#forgetWritten(record);
  }

  /** This root no longer writes the relay. */
  forgetWriteState(node: string): void {
    const record = this.#records.get(node);
    if (record === undefined) return;
    this.clearPending(record);
    record.overflowed = false;
    record.version = undefined;
    record.newerStart = undefined;
    record.unknownPaths = NO_PATHS;
  }

  setUnknownPaths(record: ReplicatedNode, paths: ReadonlySet<string>): void {
    record.unknownPaths = paths.size > 0 ? paths : NO_PATHS;
  }

  /** The relay left on purpose during the current comparison. */
  setDeparted(node: string, startedAt: number): void {
    if (this.#departed >= MAX_DEPARTURES) return;
    const record = this.record(node);
    if (record.departedStart === undefined) this.#departed++;
    record.departedStart = startedAt;
  }

  clearDeparted(): void {
    for (const record of this.#records.values()) record.departedStart = undefined;
    this.#departed = 0;
  }

  /** Forgets all versions, because the backend may have lost data. */
  clearVersions(): void {
    for (const record of this.#records.values()) record.version = undefined;
  }

  /** Forgets renewals before `since`, and empty records. */
  prune(since: number): void {
    for (const record of this.#records.values()) {
      if (record.renewedAt !== undefined && record.renewedAt < since) record.renewedAt = undefined;
      if (isEmpty(record)) this.#records.delete(record.node);
    }
  }

  #forgetWritten(record: ReplicatedNode): void {
    if (record.pending === undefined && record.removal === undefined) this.#unwritten.delete(record);
  }
}

function isEmpty(record: ReplicatedNode): boolean {
  const { pending, overflowed, version, renewedAt, removal, departedStart, unknownPaths, newerStart } = record;
  const states = [pending, version, renewedAt, removal, departedStart, newerStart];
  return !overflowed && unknownPaths.size === 0 && states.every((state) => state === undefined);
}
