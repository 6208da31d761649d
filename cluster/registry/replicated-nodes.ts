/** Paths of all relays together that may be pending; changes beyond that are found by comparison. */
const MAX_PENDING_PATHS = 200_000;

/** Relays whose leaving is remembered while others are read. */
const MAX_LEFT = 10_000;

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

/** A start of a relay that the backend keeps, later than the one that has a session here. */
interface NewerStart {
  readonly startedAt: number;
  /** What was left of its lease at `seenAt`. */
  readonly leftMs: number;
  readonly seenAt: number;
}

/** How far a root and the backend agree on one relay. */
export interface ReplicatedNode {
  readonly node: string;
  /** Nothing when all is written. */
  pending: Pending | undefined;
  /** Pending paths were dropped at the bound: only a comparison finds them. */
  overflowed: boolean;
  /** The backend's version that the registry's state equals, but for what is pending; nothing when they may differ. */
  version: string | undefined;
  /** When this root last renewed the lease. */
  renewedAt: number | undefined;
  removal: Removal | undefined;
  /** The start that left on purpose since the comparison under way began reading. */
  leftStart: number | undefined;
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
  #left = 0;

  /** Whether anything is to be written or removed. */
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
      leftStart: undefined,
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

  /** The relay itself changed, or what it holds of `path`. */
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

  /** The relay and these paths are being written. */
  beginWrite({ pending }: ReplicatedNode, paths: Iterable<string>): void {
    if (pending === undefined) return;
    pending.info = false;
    for (const path of paths) if (pending.paths.delete(path)) this.#pendingPaths--;
  }

  /** All that was pending is written, but for what changed meanwhile. */
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

  /** This root does not write the relay any more. */
  clearWriting(node: string): void {
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

  /** The relay left on purpose while others are being read. */
  setLeft(node: string, startedAt: number): void {
    if (this.#left >= MAX_LEFT) return;
    const record = this.record(node);
    if (record.leftStart === undefined) this.#left++;
    record.leftStart = startedAt;
  }

  clearLeft(): void {
    for (const record of this.#records.values()) record.leftStart = undefined;
    this.#left = 0;
  }

  /** The backend may have lost anything. */
  clearVersions(): void {
    for (const record of this.#records.values()) record.version = undefined;
  }

  /** Forgets renewals before `since`, and records that say nothing any more. */
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
  const { pending, overflowed, version, renewedAt, removal, leftStart, unknownPaths, newerStart } = record;
  const states = [pending, version, renewedAt, removal, leftStart, newerStart];
  return !overflowed && unknownPaths.size === 0 && states.every((state) => state === undefined);
}
