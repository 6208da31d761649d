import { IncomingGroup } from "../../bench/load/incoming-group.ts";
import { MAX_LATENCY_MS, PRIORITY } from "../../bench/load/published-track.ts";
import type { LoadSession, Part } from "../../bench/load/session.ts";
import { stampFrame, stampSentUs } from "../../bench/load/stamp.ts";
import type { Clock } from "../../moq/clock.ts";
import { type BidiStream, type Link, PRIORITY_CONTROL, type RecvHandler, type RecvStream } from "../../moq/link.ts";
import { encodeRequest, type Request } from "../../moq/wire/lite/index.ts";

/** Milliseconds before a refused or ended subscription is retried. */
const RETRY_MS = 200;

/** Close code of a client that has finished. */
const CLOSE_DONE = 0;

export interface VisitEvents {
  /** A whole frame, sent at `sentUs` of `sharedMicros`. */
  frame(visit: Visit, number: number, sentUs: number): void;
  /** The relay sent GOAWAY, with `uri` unless it is empty. */
  goaway(visit: Visit, uri: string): void;
  /** A subscription that had delivered a frame was lost; the session retries it. */
  subscriptionLost(): void;
  /** A group has ended. */
  groupEnded(visit: Visit): void;
  /** The session ended. `timedOut`: the relay had stopped answering. */
  closed(visit: Visit, timedOut: boolean): void;
}

/** A viewer's session with one relay: one subscription to one track. */
export class Visit implements Part {
  readonly broadcasts: readonly string[] = [];
  readonly url: string;
  readonly #what: { readonly path: string; readonly track: string };
  readonly #clock: Clock;
  readonly #events: VisitEvents;
  #session: LoadSession | undefined;
  #nextId = 0;
  #openGroups = 0;
  #hasDelivered = false;
  #over = false;
  /** The session has ended or was left: no further event is reported. */
  #left = false;

  constructor(url: string, what: { path: string; track: string }, clock: Clock, events: VisitEvents) {
    this.url = url;
    this.#what = what;
    this.#clock = clock;
    this.#events = events;
  }

  /** Groups that have begun and not ended. */
  get openGroups(): number {
    return this.#openGroups;
  }

  /** It has delivered a frame. */
  get hasDelivered(): boolean {
    return this.#hasDelivered;
  }

  get over(): boolean {
    return this.#over;
  }

  start(session: LoadSession): void {
    this.#session = session;
    if (this.#left) session.link.close(CLOSE_DONE, "");
    else this.#subscribe(session);
  }

  /** Ends the session; no further event is reported. */
  leave(link: Link | undefined = this.#session?.link): void {
    this.#left = true;
    this.#over = true;
    link?.close(CLOSE_DONE, "");
  }

  request(request: Request, stream: BidiStream): void {
    if (request.kind !== "goaway") return;
    stream.finish();
    if (!this.#left) this.#events.goaway(this, request.uri);
  }

  uni(_stream: RecvStream): RecvHandler {
    const session = this.#session;
    if (session === undefined) throw new Error("a stream arrived before the session was set up");
    let open = false;
    return new IncomingGroup(session, {
      began: () => {
        open = true;
        this.#openGroups++;
      },
      frame: (stamp) => {
        if (this.#left) return;
        this.#hasDelivered = true;
        this.#events.frame(this, stampFrame(stamp), stampSentUs(stamp));
      },
      over: () => {
        if (!open) return;
        open = false;
        this.#openGroups--;
        if (!this.#left) this.#events.groupEnded(this);
      },
    });
  }

  closed(why: string): void {
    const leftBefore = this.#left;
    this.#over = true;
    this.#left = true;
    if (!leftBefore) this.#events.closed(this, why.startsWith("timeout"));
  }

  #subscribe(session: LoadSession): void {
    let ended = false;
    const again = () => {
      if (ended || this.#left) return;
      ended = true;
      if (this.#hasDelivered) this.#events.subscriptionLost();
      this.#clock.timer(RETRY_MS, () => {
        if (!this.#left) this.#subscribe(session);
      });
    };
    const stream = session.link.openBidi(PRIORITY_CONTROL, { data() {}, fin: again, reset: again, stop() {} });
    if (stream === undefined) {
      again();
      return;
    }
    const { path, track } = this.#what;
    const options = { priority: PRIORITY, ordered: false, maxLatency: MAX_LATENCY_MS };
    const id = this.#nextId++;
    stream.write(encodeRequest({ kind: "subscribe", id, path, track, epoch: 0n, ...options }, session.caps));
  }
}
