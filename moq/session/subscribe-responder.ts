import type {
  Asker,
  DatagramObject,
  Later,
  Location,
  OutStream,
  SubgroupStart,
  SubscribeOptions,
  Subscriber,
  Subscription,
  TrackInfo,
} from "../model/index.ts";
import type { Reason } from "../reason.ts";
import { awaitEpoch } from "./await-epoch.ts";
import type { SessionContext } from "./context.ts";
import { laterOf } from "./responder.ts";
import type { Viewer } from "./serving.ts";

/** Groups that each subscription may have under way however many there are: half a second of audio with a group for each packet. */
const LEAST_GROUPS = 32;

/** Units of work (see `Scheduler`) of new options, besides what they cost for each group that is under way. */
const UPDATE_UNITS = 16;

/** A peer asks for a track. */
export interface SubscribeAsk {
  /** Absolute. */
  readonly path: string;
  readonly track: string;
  /** The epoch that the peer asks for; 0: any epoch. */
  readonly epoch: bigint;
  readonly options: SubscribeOptions;
}

/** Writes what the peer learns of one subscription, as a protocol version has it. */
export interface SubscribeWriter {
  /** Whether `started` is a promise to the peer, so that no group below it may be sent. */
  readonly promisesStart: boolean;
  /** As `Subscriber` has it: groups have their publisher's numbers, and another publisher ends the subscription. */
  readonly ownNumbers: boolean;
  /** The track exists. `largest`: its newest object, where one is known. */
  accepted(info: TrackInfo, largest: Location | undefined): void;
  /** The first group that can come. */
  started(sequence: number): void;
  /** What the stream of a subgroup begins with. `first`: no object with a lower id is sent. */
  subgroupHeader(start: SubgroupStart, first: number): Uint8Array;
  /** Nothing where the version has no datagrams, or the datagram would be too long. */
  datagram(datagram: DatagramObject): Uint8Array | undefined;
  /** Groups that will not come, both ends inclusive. */
  dropped(start: number, end: number, reason: Reason): void;
  /** No group at or after `end` will come. */
  ended(end: number): void;
  /** The subscription is over. */
  finish(): void;
  /** The peer left, or the session is over. Absent: as {@link finish}. */
  left?(): void;
  /** The subscription failed. */
  refuse(reason: Reason): void;
}

/** Serves one subscription of the peer. */
export class SubscribeResponder implements Subscriber, Viewer {
  readonly channel;
  readonly promisesStart: boolean;
  readonly ownNumbers: boolean;
  readonly asker: Asker;
  readonly later: Later;
  readonly epoch: bigint | undefined;
  readonly #session: SessionContext;
  readonly #ask: SubscribeAsk;
  readonly #writer: SubscribeWriter;
  readonly #gone: () => void;
  #subscription: Subscription | undefined;
  #stopWaiting: () => void = () => {};
  #over = false;
  /** The newest options, until they take effect. */
  #update: SubscribeOptions | undefined;

  /** `gone`: the subscription is over. */
  constructor(session: SessionContext, ask: SubscribeAsk, writer: SubscribeWriter, gone: () => void) {
    this.#session = session;
    this.#ask = ask;
    this.#writer = writer;
    this.#gone = gone;
    this.channel = session.channel;
    this.asker = session.asker;
    this.later = laterOf(session.share);
    this.ownNumbers = session.deps.ownNumbers === true || writer.ownNumbers;
    this.epoch = ask.epoch === 0n ? undefined : ask.epoch;
    this.promisesStart = writer.promisesStart;
  }

  get sentPayload(): number {
    return this.#subscription?.sentPayload ?? 0;
  }

  get maxGroups(): number {
    const { deps, serving } = this.#session;
    return Math.max(LEAST_GROUPS, Math.floor(deps.limits.groupsPerSession / Math.max(1, serving.viewers.size)));
  }

  start(): void {
    const { path, epoch } = this.#ask;
    this.#stopWaiting = awaitEpoch(this.#session, path, epoch, () => this.#subscribe());
  }

  /** The newest options take effect in the next turn; older ones that have not yet are dropped. */
  update(update: SubscribeOptions): void {
    const { newGroup } = this.#update ?? {};
    this.#update = newGroup === undefined ? update : { newGroup, ...update };
    this.#session.share.later(this.#updated);
  }

  readonly #updated = (): boolean => {
    const update = this.#update;
    const subscription = this.#subscription;
    // While the subscription waits for its epoch, the newest options wait with it.
    if (update === undefined || subscription === undefined || this.#over) return true;
    this.#update = undefined;
    this.#session.share.left -= UPDATE_UNITS + subscription.sending;
    subscription.update(update);
    return true;
  };

  recheck(): void {
    this.#session.deps.broadcasts.recheck(this.#ask.path, this.asker);
  }

  retry(): void {
    this.#subscription?.retry();
  }

  shed(): void {
    this.#subscription?.shed();
  }

  dark(): void {
    this.#subscription?.dark();
  }

  cancel(): void {
    if (this.#over) return;
    this.#end();
    this.#subscription?.cancel();
    if (this.#writer.left === undefined) this.#writer.finish();
    else this.#writer.left();
  }

  /** Ends the subscription with a reason. */
  refuse(reason: Reason): void {
    if (this.#subscription === undefined) this.closed(reason);
    else this.#subscription.refuse(reason);
  }

  accepted(info: TrackInfo, largest: Location | undefined): void {
    this.#writer.accepted(info, largest);
  }

  started(sequence: number): void {
    this.#writer.started(sequence);
  }

  open(start: SubgroupStart, priority: number, first: number): OutStream | undefined {
    const { link, totals, deps, admission } = this.#session;
    const over = deps.quota?.over("egress");
    if (over !== undefined) {
      admission.full(over);
      return undefined;
    }
    const { groupsDropped } = deps.broadcasts.counters;
    const stream = link.openUni(priority, {
      stop: () => {
        groupsDropped.stopped++;
      },
    });
    if (stream === undefined) return undefined;
    totals.groupsSent++;
    stream.write(this.#writer.subgroupHeader(start, first));
    return stream;
  }

  datagram(datagram: DatagramObject): void {
    const { link, deps } = this.#session;
    if (link.maxDatagramSize === 0) return;
    const bytes = this.#writer.datagram(datagram);
    if (bytes === undefined || bytes.length > link.maxDatagramSize) return;
    if (link.sendDatagram(bytes)) deps.broadcasts.counters.datagramsOut++;
  }

  dropped(start: number, end: number, reason: Reason): void {
    this.#writer.dropped(start, end, reason);
  }

  ended(end: number): void {
    this.#writer.ended(end);
  }

  closed(reason: Reason | undefined): void {
    if (this.#over) return;
    this.#end();
    if (reason === undefined) this.#writer.finish();
    else this.#writer.refuse(reason);
  }

  #subscribe(): void {
    const { path, track, options } = this.#ask;
    const subscription = this.#session.deps.broadcasts.subscribe(path, track, this.#update ?? options, this);
    this.#update = undefined;
    // It may be over before it is known here.
    if (this.#over) {
      subscription?.cancel();
      this.#session.serving.payload += subscription?.sentPayload ?? 0;
    } else this.#subscription = subscription;
  }

  #end(): void {
    this.#over = true;
    this.#stopWaiting();
    this.#gone();
  }
}
