import type {
  DatagramObject,
  SubgroupStart,
  SubgroupWriter,
  SubscribeOptions,
  Upstream,
  UpstreamSink,
} from "../../../moq/model/index.ts";
import type { Reason } from "../../../moq/reason.ts";
import { FailoverTrack } from "../track.ts";
import type { TrackAddress } from "../track-at-relay.ts";
import type { FailoverTrackDeps } from "../track-deps.ts";
import type { Hitless, HitlessMember } from "./hitless.ts";
import { MergedGroups } from "./merged-groups.ts";
import type { ProtectionCode } from "./metrics.ts";
import { SecondSource } from "./second-source.ts";

export interface HitlessTrackDeps extends Omit<FailoverTrackDeps, "carried" | "continues"> {
  readonly hitless: Hitless;
  /** Relays to take the broadcast from beside the relay `first`, best first: those that share least with the way through it. */
  readonly besides: (first: string) => readonly string[];
}

/**
 * One track of other relays. It is taken from one relay, and from the next one when that fails. Under a hitless prefix it is taken from a
 * second relay at the same time: whatever comes first is passed on, so that viewers see nothing when one of the two fails. The second
 * source only adds to the first: what it does not deliver, the first one does, as without it.
 */
export class HitlessTrack implements Upstream, HitlessMember {
  readonly #path: string;
  readonly #deps: HitlessTrackDeps;
  readonly #sink: UpstreamSink;
  readonly #first: FailoverTrack;
  /** Once the path has been under a hitless prefix: other tracks need none. */
  #merged: MergedGroups | undefined;
  readonly #address: TrackAddress;
  #options: SubscribeOptions;
  /** While the path is under a hitless prefix. */
  #second: SecondSource | undefined;
  /** The newest group that came from the first source alone, or the one before the first group that it named. */
  #direct: number | undefined;
  /** The first source has sent something since its relay was lost last. */
  #firstSends = false;
  #known: boolean;
  /** The first source has named an end, while the second one may still go on. */
  #end: number | undefined;

  constructor(
    address: Omit<TrackAddress, "known" | "epoch">,
    options: SubscribeOptions,
    sink: UpstreamSink,
    deps: HitlessTrackDeps,
  ) {
    const { epoch } = deps;
    this.#path = address.path;
    this.#address = { ...address, epoch, known: () => this.#known };
    this.#known = sink.known === true;
    // A second source that comes later is not told of the first viewer's wish for a new group.
    const { newGroup: _, ...rest } = options;
    this.#options = rest;
    this.#sink = sink;
    this.#deps = deps;
    this.#first = new FailoverTrack(address, options, this.#firstSink(), {
      ...deps,
      candidates: (keep) => this.#candidates(keep),
      carried: () => this.#carries(),
      continues: (node) => this.#second?.continuesBeside(node) === true,
      gone: () => this.#gone(),
    });
  }

  get name(): string {
    return this.#first.name;
  }

  /** The relay that the first source takes it from; nothing while it is between two relays. */
  get relay(): string | undefined {
    return this.#first.relay;
  }

  /** The relay of the second source, if there is one. */
  get secondRelay(): string | undefined {
    return this.#second?.node;
  }

  get protection(): ProtectionCode | undefined {
    return this.#second?.state;
  }

  /** Called once, when the owner has stored the track. */
  start(): void {
    this.#deps.hitless.add(this);
    if (this.#deps.hitless.covers(this.#path)) this.#second = this.#makeSecond();
    this.#first.start();
  }

  update(options: SubscribeOptions): void {
    this.#options = options;
    this.#first.update(options);
    this.#second?.update(options);
  }

  /** Both sources are asked: where each has a publisher of its own, both publishers must begin the same groups. */
  requestGroup(above: number): void {
    this.#first.requestGroup(above);
    this.#second?.requestGroup(above);
  }

  known(): void {
    this.#known = true;
    this.#first.known();
    this.#second?.known();
  }

  cancel(): void {
    this.#first.cancel();
  }

  candidatesChanged(): void {
    this.#first.candidatesChanged();
    this.#checkSecond();
  }

  hitlessChanged(): void {
    const wanted = this.#deps.hitless.covers(this.#path);
    if (wanted === (this.#second !== undefined)) return;
    const before = this.#second;
    this.#second = wanted ? this.#makeSecond() : undefined;
    before?.close();
    this.#checkSecond();
  }

  #makeSecond(): SecondSource {
    const { clock, peers, hitless, besides } = this.#deps;
    this.#merged ??= this.#makeMerged();
    return new SecondSource({
      clock,
      peers,
      address: this.#address,
      options: () => this.#options,
      merged: this.#merged,
      direct: () => this.#direct,
      candidates: besides,
      datagram: (datagram) => this.#datagram(datagram),
      carried: () => void hitless.counters.carried++,
      ended: (node) => this.#first.otherEnded(node),
    });
  }

  #makeMerged(): MergedGroups {
    const { clock, counters, hitless } = this.#deps;
    return new MergedGroups({
      clock,
      begin: (start) => this.#sink.subgroup(start),
      expects: (sender) => sender === "first" || this.#second?.live === true,
      differs: () => {
        hitless.counters.differences++;
        this.#second?.contentDiffers();
      },
      duplicate: (bytes) => {
        hitless.counters.duplicateBytes += bytes;
      },
      lost: () => void counters.groupsLost++,
    });
  }

  #firstSink(): UpstreamSink {
    const sink = this.#sink;
    return {
      ...(sink.known !== undefined && { known: sink.known }),
      shared: () => sink.shared?.() === true,
      info: (info, largest) => sink.info(info, largest),
      started: (sequence) => {
        this.#direct ??= sequence - 1;
        sink.started(sequence);
        this.#checkSecond();
      },
      subgroup: (start) => this.#subgroup(start),
      datagram: (datagram) => this.#datagram(datagram),
      dropped: (start, end) => sink.dropped(start, end),
      ended: (end) => this.#ended(end),
      closed: (reason) => {
        if (reason === undefined && this.#end !== undefined) {
          sink.ended(Math.max(this.#end, (this.#merged?.newest ?? -1) + 1));
        }
        sink.closed(reason);
      },
    };
  }

  /** Viewers learn of the end at once where the second source does not go on, else when that is known. */
  #ended(end: number): void {
    const waits = this.#second?.continuesBeside(this.#first.relay ?? "") === true;
    this.#end = waits ? end : undefined;
    if (!waits) this.#sink.ended(end);
  }

  /** A subgroup of the first source. */
  #subgroup(start: SubgroupStart): SubgroupWriter | Reason {
    const sequence = start.group;
    this.#firstSends = true;
    const merged = this.#merged;
    if (merged === undefined || (this.#second === undefined && merged.isNew(sequence))) {
      this.#direct = Math.max(this.#direct ?? sequence, sequence);
      return this.#sink.subgroup(start);
    }
    const writer = merged.begin("first", start);
    this.#checkSecond(sequence);
    return writer;
  }

  #datagram(datagram: DatagramObject): void {
    if (this.#second === undefined || this.#merged?.isFirst(datagram) === true) {
      this.#sink.datagram(datagram);
    } else this.#deps.hitless.counters.duplicateBytes += datagram.payload.length;
  }

  /** A second source is asked once the first one has answered: a relay that has no such track is not asked twice. */
  #checkSecond(begun?: number): void {
    if (this.#direct === undefined && this.#merged?.newest === undefined) return;
    this.#second?.check(this.#first.relay, begun);
  }

  /** The relay of the second source comes last: the first source moves there only where there is no other one. */
  #candidates(keep?: string): readonly string[] {
    const candidates = this.#deps.candidates(keep);
    const second = this.#second?.node;
    if (second === undefined || !candidates.includes(second)) return candidates;
    return [...candidates.filter((node) => node !== second), second];
  }

  /** The relay of the first source was lost. */
  #carries(): boolean {
    const carries = this.#second?.live === true;
    if (carries && this.#firstSends) this.#deps.hitless.counters.carried++;
    this.#firstSends = false;
    return carries;
  }

  #gone(): void {
    this.#deps.hitless.delete(this);
    this.#second?.close();
    this.#second = undefined;
    this.#merged?.reset("upstream");
    this.#deps.gone();
  }
}
