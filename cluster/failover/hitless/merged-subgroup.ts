import type { ObjectStatus, SubgroupWriter } from "../../../moq/model/index.ts";
import type { Reason } from "../../../moq/reason.ts";

/** Which of a track's two sources sends a copy of a group. */
export type Sender = "first" | "second";

export interface MergedSubgroupEvents {
  /** The viewers have all of it, or get no more of it. Last call. */
  over(): void;
  /** No source sends it now, and it is not complete. `reason` is that of the last one. */
  unfed(reason: Reason): void;
  /** The copy of `sender` is another content: it is not passed on any more. */
  differs(sender: Sender): void;
  /** So many bytes of payload came a second time. */
  duplicate(bytes: number): void;
}

/** What the viewers have of a subgroup. */
interface Progress {
  /** The id of the last whole object; -1 without one. */
  last: number;
  /** An object has begun that is not whole; its id, its size, and the bytes of it that were passed on. */
  inFrame: boolean;
  id: number;
  size: number;
  at: number;
  /** The ids of the last {@link REMEMBERED} objects, ascending: a source that has other ones shares the group out in another way. */
  readonly ids: number[];
}

/** A source that is further behind is not compared. */
const REMEMBERED = 64;

/**
 * One subgroup that two sources send at once. Of each object the first copy of each byte is passed on at once, and the second one is dropped:
 * where one source stops, the other one continues with the next byte. Nothing is kept, so a slow source holds nothing.
 */
export class MergedSubgroup {
  readonly #writer: SubgroupWriter;
  readonly #events: MergedSubgroupEvents;
  readonly #progress: Progress = { last: -1, inFrame: false, id: -1, size: 0, at: 0, ids: [] };
  readonly #copies = new Map<Sender, Copy>();
  /** Sources that will not send it again. */
  readonly #failed = new Set<Sender>();
  #over = false;

  constructor(writer: SubgroupWriter, events: MergedSubgroupEvents) {
    this.#writer = writer;
    this.#events = events;
    writer.onStop((reason) => this.#close(reason));
  }

  /** Whether `sender` has not reset it, so that it may still send it. */
  possible(sender: Sender): boolean {
    return !this.#failed.has(sender);
  }

  fedBy(sender: Sender): boolean {
    return this.#copies.has(sender);
  }

  /**
   * `sender` begins to send it. An earlier copy of the same source is dropped. `whole`: from its first object; else inside, where objects after those
   * that viewers have may be missing.
   */
  feed(sender: Sender, whole: boolean): SubgroupWriter {
    this.#copies.get(sender)?.detach();
    const copy = new Copy(this.#writer, this.#progress, whole, {
      ahead: () => {
        this.#leave(sender, "upstream", copy);
        copy.stop("duplicate");
      },
      differs: () => {
        this.#events.differs(sender);
        this.#leave(sender, "upstream", copy);
        copy.stop("duplicate");
      },
      ended: (reason) => this.#ended(sender, copy, reason),
      duplicate: (bytes) => this.#events.duplicate(bytes),
    });
    this.#copies.set(sender, copy);
    return copy;
  }

  /** The source is gone. Another one may take its place, and send the subgroup again. */
  drop(sender: Sender): void {
    const copy = this.#copies.get(sender);
    if (copy === undefined) return;
    this.#copies.delete(sender);
    copy.detach();
    if (!this.#over && this.#copies.size === 0) this.#events.unfed("upstream");
  }

  /** Ends it with a reason for the viewers. */
  reset(reason: Reason): void {
    if (this.#over) return;
    this.#writer.reset(reason);
    this.#close(reason);
  }

  #ended(sender: Sender, copy: Copy, reason: Reason | undefined): void {
    if (reason !== undefined) {
      this.#leave(sender, reason, copy);
      return;
    }
    if (copy.behind || this.#progress.inFrame) {
      // It says that the subgroup is over, and the other source has sent more of it.
      this.#leave(sender, "upstream", copy);
      return;
    }
    this.#writer.finish();
    this.#copies.delete(sender);
    copy.detach();
    this.#close(undefined);
  }

  #leave(sender: Sender, reason: Reason, copy: Copy): void {
    if (this.#over || this.#copies.get(sender) !== copy) return;
    this.#copies.delete(sender);
    this.#failed.add(sender);
    copy.detach();
    if (this.#copies.size === 0) this.#events.unfed(reason);
  }

  /** Without a reason it is complete: a copy that still brings payload is stopped, and one that only has to end is not. */
  #close(reason: Reason | undefined): void {
    if (this.#over) return;
    this.#over = true;
    const copies = [...this.#copies.values()];
    this.#copies.clear();
    for (const copy of copies) {
      copy.detach();
      if (reason !== undefined || copy.behind) copy.stop(reason ?? "duplicate");
    }
    this.#events.over();
  }
}

interface CopyEvents {
  /** It begins after an object that viewers lack. */
  ahead(): void;
  /** The object that begins is another one than at the other source. */
  differs(): void;
  /** The source has finished the subgroup, or has reset it for a reason. */
  ended(reason: Reason | undefined): void;
  duplicate(bytes: number): void;
}

/** The subgroup as one source sends it. */
class Copy implements SubgroupWriter {
  readonly #progress: Progress;
  readonly #events: CopyEvents;
  /** Absent once nothing of this copy is passed on any more. */
  #target: SubgroupWriter | undefined;
  /** The id of the last object that came whole, and of the last one that began. */
  #last = -1;
  #id = -1;
  /** Bytes of the current object that came. */
  #at = 0;
  /** Bytes of payload that came, that were passed on, and that were reported as duplicate. */
  #received = 0;
  #passed = 0;
  #reported = 0;
  #onStop: ((reason: Reason) => void) | undefined;
  #stopped: Reason | undefined;
  /** It begins with the first object of the subgroup. */
  readonly #whole: boolean;
  /** No object that viewers lack is missing before the next one. */
  #joins: boolean;

  constructor(target: SubgroupWriter, progress: Progress, whole: boolean, events: CopyEvents) {
    this.#target = target;
    this.#progress = progress;
    this.#whole = whole;
    this.#joins = whole || (progress.last < 0 && !progress.inFrame);
    this.#events = events;
  }

  /** Viewers have bytes or objects that this copy has yet to bring. */
  get behind(): boolean {
    const { last, inFrame, id, at } = this.#progress;
    return this.#last < last || (inFrame && (this.#id < id || this.#at < at));
  }

  detach(): void {
    this.#target = undefined;
    this.#report();
  }

  stop(reason: Reason): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = reason;
    this.#onStop?.(reason);
  }

  object(size: number, timestamp: number | undefined, id = this.#id + 1, properties?: Uint8Array): void {
    if (this.#target === undefined) return;
    const before = this.#whole || this.#id >= 0 ? this.#id : id;
    this.#at = 0;
    this.#id = id;
    const progress = this.#progress;
    this.#joins ||= id <= (progress.inFrame ? progress.id : progress.last + 1);
    if (!this.#joins) {
      this.#events.ahead();
      return;
    }
    if (!agrees(progress.ids, before, id)) {
      this.#events.differs();
      return;
    }
    if (id <= progress.last) return;
    if (!progress.inFrame) {
      progress.ids.push(id);
      if (progress.ids.length > REMEMBERED) progress.ids.shift();
      progress.inFrame = true;
      progress.id = id;
      progress.size = size;
      progress.at = 0;
      this.#target.object(size, timestamp, id, properties);
    } else if (progress.id !== id || progress.size !== size) this.#events.differs();
  }

  payload(bytes: Uint8Array): void {
    this.#received += bytes.length;
    if (this.#target === undefined) return;
    const progress = this.#progress;
    const known = progress.at - this.#at;
    this.#at += bytes.length;
    if (this.#id <= progress.last || known >= bytes.length) return;
    const rest = known > 0 ? bytes.subarray(known) : bytes;
    progress.at += rest.length;
    this.#passed += rest.length;
    this.#target.payload(rest);
  }

  end(): void {
    if (this.#target === undefined) return;
    const progress = this.#progress;
    if (this.#id > progress.last) {
      progress.inFrame = false;
      progress.last = this.#id;
      this.#target.end();
    }
    this.#last = this.#id;
    this.#at = 0;
  }

  status(status: ObjectStatus, id: number, properties?: Uint8Array): void {
    if (this.#target === undefined) return;
    this.#id = id;
    this.#last = id;
    const progress = this.#progress;
    if (id <= progress.last) return;
    this.#joins ||= !progress.inFrame && id === progress.last + 1;
    if (!this.#joins) this.#events.ahead();
    else if (progress.inFrame) this.#events.differs();
    else {
      progress.last = id;
      this.#target.status(status, id, properties);
    }
  }

  finish(): void {
    this.#report();
    if (this.#target !== undefined) this.#events.ended(undefined);
  }

  reset(reason: Reason): void {
    this.#report();
    if (this.#target !== undefined) this.#events.ended(reason);
  }

  onStop(callback: (reason: Reason) => void): void {
    this.#onStop = callback;
    if (this.#stopped !== undefined) callback(this.#stopped);
  }

  /** Once for a subgroup, not for each object. */
  #report(): void {
    const duplicate = this.#received - this.#passed - this.#reported;
    if (duplicate <= 0) return;
    this.#reported += duplicate;
    this.#events.duplicate(duplicate);
  }
}

/** Whether a source that sends the object `id` after the object `before` may have the same objects as those with `ids`, the last of a subgroup. */
function agrees(ids: readonly number[], before: number, id: number): boolean {
  const [oldest] = ids;
  if (oldest === undefined || id < oldest) return true;
  const newest = ids.at(-1) ?? -1;
  // It comes after all of them, and this source has sent the last one.
  if (id > newest) return newest <= before;
  const at = ids.lastIndexOf(id);
  return at >= 0 && (ids[at - 1] ?? -1) <= before;
}
