import type { Content } from "./content.ts";
import type { DatagramObject, Later, ObjectFilter, ObjectTest, SubgroupStart } from "./contract.ts";
import { FilteredSubgroup } from "./filtered-subgroup.ts";
import type { Group } from "./group.ts";
import type { Sending } from "./outgoing.ts";
import type { Part } from "./replay.ts";
import { Subgroup } from "./subgroup.ts";
import type { SubscribedTrack } from "./subscribed-track.ts";
import type { ViewerRange } from "./viewer-range.ts";

/** What the selections of a subscription need from it. */
export interface SelectionHost {
  readonly track: Pick<SubscribedTrack<unknown>, "counters">;
  readonly range: Pick<ViewerRange, "partOf">;
  readonly later: Later | undefined;
  /** The priority of the publisher: 0 to 255, higher first. */
  priorityOf(start: Pick<SubgroupStart, "priority">): number;
}

/** What one subscription with a filter wants of each subgroup. */
export class Selections {
  readonly #host: SelectionHost;
  /** Subgroups that it takes in part. */
  readonly #filtered = new Set<FilteredSubgroup>();

  constructor(host: SelectionHost) {
    this.#host = host;
  }

  /** What is sent of a subgroup that begins. Nothing where no object of it is wanted. */
  of(content: Content, filter: ObjectFilter): Content | undefined {
    if (!isSubgroup(content)) return content;
    const wanted = this.#wanted(content, filter);
    if (wanted === "none") return undefined;
    return wanted === "all" ? content : this.#filter(content, wanted, this.#host.range.partOf(content.group));
  }

  /** Whether the object of a datagram is wanted. */
  passes({ object, properties, ...start }: DatagramObject, filter: ObjectFilter): boolean {
    const wanted = filter.of(undefined, this.#host.priorityOf(start));
    return wanted === "all" || (wanted !== "none" && wanted(object, properties));
  }

  /**
   * The filter has changed: what is under way goes on with the objects that are wanted now, and what is wanted no longer is reset. Returns what may
   * be taken in addition: of the subgroups in `groups` that still get objects, what comes from now on.
   */
  change(
    filter: ObjectFilter | undefined,
    sending: Iterable<Sending>,
    groups: readonly Group[],
    code: number,
  ): Content[] {
    const running = new Set<Content>();
    for (const one of sending) {
      const { content, stream } = one;
      if (!stream.ended && content.open) this.#retest(one, filter, code);
      if (!stream.ended) running.add(content instanceof FilteredSubgroup ? content.subgroup : content);
    }
    for (const one of [...this.#filtered]) if (!running.has(one.subgroup)) one.cancel();
    const more: Content[] = [];
    for (const subgroup of groups.flatMap((group) => group.subgroups)) {
      const wanted = this.#wanted(subgroup, filter);
      if (!subgroup.open || running.has(subgroup) || wanted === "none") continue;
      const { first = 0, last } = this.#host.range.partOf(subgroup.group);
      const next = subgroup.inFrame ? subgroup.lastId : subgroup.lastId + 1;
      more.push(this.#filter(subgroup, testOf(wanted), { first: Math.max(first, next), last }));
    }
    return more;
  }

  /** Some of them may still have something to send, though no stream is open for it. */
  get waiting(): boolean {
    for (const one of this.#filtered) if (!one.over && one.open) return true;
    return false;
  }

  /** Nothing more is wanted for now. */
  cancel(): void {
    for (const one of [...this.#filtered]) one.cancel();
  }

  #retest({ content, stream }: Sending, filter: ObjectFilter | undefined, code: number): void {
    const wanted = this.#wanted(content, filter);
    if (content instanceof FilteredSubgroup && wanted !== "none") content.retest(testOf(wanted));
    else if (wanted !== "all") stream.reset(code);
  }

  #wanted({ start }: Content, filter: ObjectFilter | undefined) {
    return filter?.of(start.subgroup, this.#host.priorityOf(start)) ?? "all";
  }

  #filter(subgroup: Subgroup<Group>, test: ObjectTest | undefined, part: Part): FilteredSubgroup {
    const { track, later } = this.#host;
    const left = (one: FilteredSubgroup) => void this.#filtered.delete(one);
    const filtered = new FilteredSubgroup(subgroup, { test, part }, { counters: track.counters, later, left });
    this.#filtered.add(filtered);
    return filtered;
  }
}

function isSubgroup(content: Content): content is Subgroup<Group> {
  return content instanceof Subgroup;
}

function testOf(wanted: "all" | ObjectTest): ObjectTest | undefined {
  return wanted === "all" ? undefined : wanted;
}
