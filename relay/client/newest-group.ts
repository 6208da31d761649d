import type { Clock } from "../../moq/clock.ts";
import {
  type DatagramObject,
  ForwardingWriter,
  type SubgroupStart,
  type SubgroupWriter,
  type Upstream,
  type UpstreamSink,
} from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import { type FetchedFrame, GroupCollector } from "./group-collector.ts";

/** Milliseconds without a new subgroup after which a group whose publisher does not say where it ends counts as whole. */
const QUIET_MS = 500;

export interface NewestGroupOptions {
  readonly clock: Clock;
  /** A group with more payload ends with `limit`. */
  readonly maxBytes: number;
  /** Called at the start of each frame. */
  readonly begin: () => void;
  readonly done: (group: number, result: readonly FetchedFrame[] | Reason) => void;
  /** The subscription ended before a group began. */
  readonly fail: (reason: Reason) => void;
}

/**
 * Subscribes, and collects the group that begins first. It is whole once all its subgroups that began have ended, and one of them ends the group, a
 * later group begins, or nothing more comes for a while. Returns a function that cancels.
 */
export function collectNewestGroup(
  options: NewestGroupOptions,
  subscribe: (sink: UpstreamSink) => Upstream,
): () => void {
  const group = new NewestGroup(options);
  const upstream = subscribe(group);
  return () => {
    group.cancel();
    upstream.cancel();
  };
}

class NewestGroup implements UpstreamSink {
  readonly #options: NewestGroupOptions;
  /** In the order of their first objects. */
  readonly #frames: { readonly id: number; readonly frame: FetchedFrame }[] = [];
  #group: number | undefined;
  #open = 0;
  #bytes = 0;
  /** No further subgroup comes. */
  #ended = false;
  #over = false;
  #cancelQuiet = () => {};

  constructor(options: NewestGroupOptions) {
    this.#options = options;
  }

  /** What arrives from now on is not wanted. */
  cancel(): void {
    this.#over = true;
    this.#cancelQuiet();
  }

  info(): void {}
  started(): void {}
  dropped(): void {}
  ended(): void {}

  subgroup({ group, endsGroup }: SubgroupStart): SubgroupWriter | Reason {
    this.#group ??= group;
    if (group !== this.#group || this.#over) {
      if (group > this.#group) this.#end();
      return "cancelled";
    }
    this.#open++;
    this.#cancelQuiet();
    const { begin, maxBytes } = this.#options;
    const ids: number[] = [];
    const collector = new GroupCollector(begin, maxBytes - this.#bytes, (result) => {
      if (typeof result === "string") return this.#tell(result);
      for (const [index, frame] of result.entries()) this.#frames.push({ id: ids[index] ?? 0, frame });
      this.#bytes += result.reduce((sum, { payload }) => sum + payload.length, 0);
      this.#open--;
      if (endsGroup) this.#ended = true;
      this.#check();
    });
    return new Numbered(collector, ids);
  }

  /** An object in a datagram is taken for a group: a subscriber learns of no other one of it. */
  datagram({ group, timestamp, payload }: DatagramObject): void {
    if (this.#group !== undefined) return;
    this.#group = group;
    this.#options.begin();
    const frame = { payload: payload.slice(), ...(timestamp !== undefined && { timestamp }) };
    this.#frames.push({ id: 0, frame });
    this.#end();
  }

  closed(reason: Reason | undefined): void {
    if (this.#group === undefined) this.#options.fail(reason ?? "not_found");
    else this.#end();
  }

  #end(): void {
    this.#ended = true;
    this.#check();
  }

  #check(): void {
    if (this.#open > 0) return;
    if (!this.#ended) {
      this.#cancelQuiet = this.#options.clock.timer(QUIET_MS, () => this.#end());
      return;
    }
    this.#tell(this.#frames.toSorted((a, b) => a.id - b.id).map(({ frame }) => frame));
  }

  #tell(result: readonly FetchedFrame[] | Reason): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.done(this.#group ?? 0, result);
  }
}

/** Notes the ids of the objects that a collector gets. */
class Numbered extends ForwardingWriter {
  readonly #ids: number[];
  #last = -1;

  constructor(to: SubgroupWriter, ids: number[]) {
    super(to);
    this.#ids = ids;
  }

  override object(size: number, timestamp: number | undefined, id = this.#last + 1): void {
    this.#last = id;
    this.#ids.push(id);
    super.object(size, timestamp);
  }

  override status(): void {}
}
