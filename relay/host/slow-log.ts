import type { DropReason } from "../../moq/counters.ts";
import type { Loss } from "../../moq/model/index.ts";

/** Milliseconds in which a viewer must lose so many groups of a track that it is listed. */
const WINDOW_MS = 10_000;

/** Viewers whose losses are counted and not listed yet. Beyond, the one that lost nothing for longest is forgotten. */
const MAX_COUNTING = 1_024;

/** A viewer that lost groups of a track. */
export interface SlowEntry {
  /** Rises with each entry. */
  readonly id: number;
  /** Empty for a viewer that is no session. */
  readonly session: string;
  readonly peer: string;
  readonly broadcast: string;
  readonly track: string;
  /** Groups that it lost since `firstAt`. */
  readonly groups: number;
  readonly reasons: Readonly<Partial<Record<DropReason, number>>>;
  /** In milliseconds since 1970. */
  readonly firstAt: number;
  readonly lastAt: number;
}

export interface SlowLogOptions {
  /** Groups that a viewer must lose within 10 s to be listed. */
  readonly threshold: number;
  /** Entries that are kept: the newest ones. */
  readonly length: number;
  readonly wallNow: () => number;
}

/**
 * Viewers that lost groups lately, one entry for each viewer of each track, as Redis has a SLOWLOG. Its cost is that of a lost group, and
 * it is bounded.
 */
export class SlowLog {
  #options: SlowLogOptions;
  /** By viewer and track, the newest last. */
  readonly #entries = new Map<string, SlowEntry>();
  readonly #counting = new Map<string, SlowEntry>();
  #nextId = 1;

  constructor(options: SlowLogOptions) {
    this.#options = options;
  }

  /** Entries beyond a new length are forgotten, the oldest first. */
  configure(bounds: Pick<SlowLogOptions, "threshold" | "length">): void {
    this.#options = { ...this.#options, ...bounds };
    while (this.#entries.size > bounds.length) bound(this.#entries, bounds.length);
  }

  get threshold(): number {
    return this.#options.threshold;
  }

  /** Most entries. */
  get length(): number {
    return this.#options.length;
  }

  /** Entries that were listed since the start. */
  get listed(): number {
    return this.#nextId - 1;
  }

  /** The newest first. */
  get entries(): SlowEntry[] {
    return [...this.#entries.values()].toReversed();
  }

  lost(loss: Loss): void {
    const { session = "", peer = "" } = loss.viewer?.who ?? {};
    const key = `${session}\n${loss.path}\n${loss.track}`;
    const now = this.#options.wallNow();
    const listed = this.#entries.get(key);
    const counted = this.#counting.get(key);
    const before = listed ?? (counted !== undefined && now - counted.firstAt <= WINDOW_MS ? counted : undefined);
    const entry = added(
      before ?? { id: 0, session, peer, broadcast: loss.path, track: loss.track, firstAt: now },
      loss,
      now,
    );
    this.#counting.delete(key);
    if (listed !== undefined || entry.groups >= this.#options.threshold) {
      this.#entries.delete(key);
      this.#entries.set(key, entry.id > 0 ? entry : { ...entry, id: this.#nextId++ });
      bound(this.#entries, this.#options.length);
    } else {
      this.#counting.set(key, entry);
      bound(this.#counting, MAX_COUNTING);
    }
  }

  /** Forgets all entries. Returns their number. */
  reset(): number {
    const { size } = this.#entries;
    this.#entries.clear();
    this.#counting.clear();
    return size;
  }
}

type Begun = Omit<SlowEntry, "groups" | "reasons" | "lastAt"> & Partial<SlowEntry>;

function added(before: Begun, { reason, groups }: Loss, now: number): SlowEntry {
  const { reasons = {} } = before;
  return {
    ...before,
    groups: (before.groups ?? 0) + groups,
    reasons: { ...reasons, [reason]: (reasons[reason] ?? 0) + groups },
    lastAt: now,
  };
}

/** Removes the oldest entry where there are more than `max`. */
function bound(entries: Map<string, SlowEntry>, max: number): void {
  if (entries.size <= max) return;
  const [oldest = ""] = entries.keys();
  entries.delete(oldest);
}
