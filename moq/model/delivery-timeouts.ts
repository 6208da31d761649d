import type { Clock } from "../clock.ts";
import { LazyMap } from "../lazy.ts";
import type { SubscribeOptions } from "./contract.ts";
import { hasLeft, type Sending } from "./outgoing.ts";

/** Checks within a time-out: what is late is given up after at most a quarter more. */
const CHECKS = 4;

/** Milliseconds between two checks: at least so many, because a check looks at each stream, and at most so many. */
const SHORTEST_MS = 20;
const LONGEST_MS = 1_000;

/** Bytes that an object has on a stream besides its payload, at most, without its properties. */
const HEADER_BYTES = 64;

/** What a stream's content was at a check. */
interface Mark {
  readonly at: number;
  readonly payload: number;
  /** Of its group. */
  readonly objects: number;
}

/** What is timed: its options may change. */
interface Timed {
  readonly options: Pick<SubscribeOptions, "objectTimeout" | "subgroupTimeout">;
}

interface TimeoutEvents {
  /** Its stream carries an object, or the rest of a subgroup, that comes too late. */
  late(sending: Sending): void;
  /** A check has found late streams. */
  checked(): void;
}

/**
 * Resets the streams of a subscription whose objects wait too long to be sent, or that are not sent in time after their subgroup has ended
 * (moq-transport Delivery Timeouts). An object waits from its arrival on, or from when the stream was opened for it. A subscription
 * without a time-out has no timer.
 */
export class DeliveryTimeouts {
  readonly #clock: Pick<Clock, "now" | "timer">;
  readonly #subscription: Timed;
  readonly #on: TimeoutEvents;
  readonly #marks = new LazyMap<Sending, Mark[]>();
  #cancel: (() => void) | undefined;

  constructor(clock: Pick<Clock, "now" | "timer">, subscription: Timed, on: TimeoutEvents) {
    this.#clock = clock;
    this.#subscription = subscription;
    this.#on = on;
  }

  /** `sending` is under way, perhaps not since now. */
  watch(sending: Sending): void {
    const interval = this.#interval;
    if (interval === undefined || this.#marks.has(sending) || hasLeft(sending)) return;
    this.#marks.set(sending, [this.#mark(sending)]);
    this.#cancel ??= this.#clock.timer(interval, this.#check);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#marks.clear();
  }

  get #interval(): number | undefined {
    const { objectTimeout = Number.POSITIVE_INFINITY, subgroupTimeout = Number.POSITIVE_INFINITY } =
      this.#subscription.options;
    const shortest = Math.min(objectTimeout, subgroupTimeout);
    if (shortest === Number.POSITIVE_INFINITY) return undefined;
    return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, shortest / CHECKS));
  }

  readonly #check = (): void => {
    this.#cancel = undefined;
    let found = false;
    for (const [sending, marks] of [...this.#marks]) {
      const late = !hasLeft(sending) && (this.#objectIsLate(sending, marks) || this.#subgroupIsLate(sending));
      if (!late && !hasLeft(sending)) continue;
      this.#marks.delete(sending);
      if (!late) continue;
      found = true;
      this.#on.late(sending);
    }
    if (found) this.#on.checked();
    const interval = this.#interval;
    if (interval === undefined) this.stop();
    else if (this.#marks.size > 0) this.#cancel ??= this.#clock.timer(interval, this.#check);
  };

  /** More waits than has come since the time-out began: some of what was there then has not been sent. */
  #objectIsLate(sending: Sending, marks: Mark[]): boolean {
    const { objectTimeout } = this.#subscription.options;
    const now = this.#mark(sending);
    marks.push(now);
    if (objectTimeout === undefined) {
      marks.splice(0, marks.length - 1);
      return false;
    }
    const newest = marks.findLastIndex(({ at }) => now.at - at >= objectTimeout);
    if (newest < 0) return false;
    marks.splice(0, newest);
    const [then = now] = marks;
    const since = now.payload - then.payload + HEADER_BYTES * (now.objects - then.objects + 1);
    return sending.stream.queued > since;
  }

  #subgroupIsLate({ content: { endedAt }, openedAt }: Sending): boolean {
    const { subgroupTimeout } = this.#subscription.options;
    if (subgroupTimeout === undefined || endedAt === undefined) return false;
    return this.#clock.now() - Math.max(endedAt, openedAt) >= subgroupTimeout;
  }

  #mark({ content }: Sending): Mark {
    return { at: this.#clock.now(), payload: content.payloadBytes, objects: content.group.objects };
  }
}
