import type { BidiStream } from "../../link.ts";
import type { Asker, Later, OutStream, Subscriber, Subscription, TrackInfo } from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import {
  DATAGRAM_BYTES,
  encodeDatagram,
  encodeGroupStream,
  encodeSubscribeResponse,
  type Subscribe,
  type SubscribeUpdate,
} from "../../wire/lite/index.ts";
import { codeOf } from "./codes.ts";
import type { OldContext } from "./old-context.ts";
import { laterOf } from "./serve.ts";

/** Groups that each subscription may have under way however many there are: half a second of audio with a group for each packet. */
const LEAST_GROUPS = 32;

/** Units of work (see `Scheduler`) of new options, besides what they cost for each group that is under way. */
const UPDATE_UNITS = 16;

/** Serves one Subscribe Stream of the peer. */
export class SubscribeResponder implements Subscriber {
  readonly channel;
  readonly promisesStart: boolean;
  readonly ownNumbers: boolean;
  readonly asker: Asker;
  readonly later: Later;
  readonly #context: OldContext;
  readonly #stream: BidiStream;
  readonly #request: Subscribe;
  readonly #gone: (viewer: SubscribeResponder) => void;
  #subscription: Subscription | undefined;
  #unpin: () => void = () => {};
  #over = false;
  /** Options that are to take effect. */
  #update: SubscribeUpdate | undefined;

  constructor(context: OldContext, stream: BidiStream, request: Subscribe, gone: (viewer: SubscribeResponder) => void) {
    this.#context = context;
    this.#stream = stream;
    this.#request = request;
    this.#gone = gone;
    this.channel = context.channel;
    this.asker = context.asker;
    this.later = laterOf(context.share);
    this.ownNumbers = context.deps.ownNumbers === true;
    this.promisesStart = context.caps.subscribeOk === "start";
  }

  get maxGroups(): number {
    const { deps, viewers } = this.#context;
    return Math.max(LEAST_GROUPS, Math.floor(deps.limits.groupsPerSession / Math.max(1, viewers.size)));
  }

  start(): void {
    const { broadcasts } = this.#context.deps;
    const { path, track, epoch, ...options } = this.#request;
    const absolute = this.#context.absolute(path);
    if (epoch !== 0n) {
      const check = () => {
        const now = broadcasts.broadcast(absolute)?.route()?.advertisement.epoch;
        if (now !== undefined && now !== epoch) this.refuse("replaced");
      };
      check();
      if (this.#over) return;
      this.#unpin = broadcasts.watchOne(absolute, check);
    }
    const subscription = broadcasts.subscribe(absolute, track, options, this);
    if (this.#over) subscription?.cancel();
    else this.#subscription = subscription;
  }

  /** Several in one turn are as good as the last of them. */
  update(update: SubscribeUpdate): void {
    this.#update = update;
    this.#context.share.later(this.#updated);
  }

  readonly #updated = (): boolean => {
    const update = this.#update;
    this.#update = undefined;
    const subscription = this.#subscription;
    if (update === undefined || subscription === undefined || this.#over) return true;
    this.#context.share.left -= UPDATE_UNITS + subscription.sending;
    subscription.update(update);
    return true;
  };

  /** The hop id of the peer is known only now: what would come from the peer itself is refused. */
  recheck(): void {
    this.#context.deps.broadcasts.recheck(this.#context.absolute(this.#request.path), this.asker);
  }

  /** The link allows more streams. */
  retry(): void {
    this.#subscription?.retry();
  }

  shed(): void {
    this.#subscription?.shed();
  }

  /** The peer left, or the session ended. */
  cancel(): void {
    if (this.#over) return;
    this.#end();
    this.#subscription?.cancel();
    this.#stream.finish();
  }

  /** Ends it with a reason. */
  refuse(reason: Reason): void {
    if (this.#subscription === undefined) this.closed(reason);
    else this.#subscription.refuse(reason);
  }

  accepted(info: TrackInfo): void {
    if (this.#context.caps.subscribeOk !== "properties") return;
    const { start, end } = this.#request;
    const { priority, ordered, maxLatency } = info;
    this.#send({
      kind: "ok",
      priority,
      ordered,
      maxLatency,
      ...(start === undefined ? {} : { start }),
      ...(end === undefined ? {} : { end }),
    });
  }

  started(sequence: number): void {
    if (this.#context.caps.subscribeOk === "start") this.#send({ kind: "start", group: sequence });
  }

  open(sequence: number, priority: number): OutStream | undefined {
    const { link, caps, totals, deps } = this.#context;
    const { groupsDropped, boundsHit } = deps.broadcasts.counters;
    if (deps.quota?.free("egress") === false) {
      boundsHit.tenant_egress++;
      return undefined;
    }
    const stream = link.openUni(priority, {
      stop: () => {
        groupsDropped.stopped++;
      },
    });
    if (stream === undefined) return undefined;
    totals.groupsSent++;
    stream.write(encodeGroupStream(caps, { subscribe: this.#request.id, sequence }));
    return stream;
  }

  datagram(sequence: number, timestamp: number, payload: Uint8Array): void {
    const { caps, link, deps } = this.#context;
    if (!caps.datagrams || link.maxDatagramSize === 0) return;
    const bytes = encodeDatagram({ subscribe: this.#request.id, sequence, timestamp, payload });
    if (bytes.length > Math.min(DATAGRAM_BYTES, link.maxDatagramSize)) return;
    if (link.sendDatagram(bytes)) deps.broadcasts.counters.datagramsOut++;
  }

  dropped(start: number, end: number, reason: Reason): void {
    this.#send({ kind: "drop", start, end, code: codeOf(reason) });
  }

  ended(end: number): void {
    if (this.#context.caps.subscribeEnd) this.#send({ kind: "end", group: end });
  }

  closed(reason: Reason | undefined): void {
    if (this.#over) return;
    this.#end();
    if (reason === undefined) this.#stream.finish();
    else {
      this.#stream.reset(codeOf(reason));
      this.#stream.stop(codeOf(reason));
    }
  }

  #send(response: Parameters<typeof encodeSubscribeResponse>[0]): void {
    this.#stream.write(encodeSubscribeResponse(response, this.#context.caps));
  }

  #end(): void {
    this.#over = true;
    this.#unpin();
    this.#gone(this);
  }
}
