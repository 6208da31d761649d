import type { BidiStream } from "../link.ts";
import type {
  Asker,
  DatagramObject,
  SubgroupStart,
  SubgroupWriter,
  SubscribeOptions,
  Upstream,
  UpstreamSink,
} from "../model/index.ts";
import type { Reason } from "../reason.ts";
import { READ } from "../wire/codec/index.ts";
import { awaitAnswer } from "./answer-timeout.ts";
import type { SessionContext } from "./context.ts";
import type { TurnHandler } from "./intake.ts";
import type { Place } from "./opener.ts";
import type { SubscribeMessages } from "./source-protocol.ts";

/** Milliseconds until an update that found the one before it still queued tries again. */
const UPDATE_RETRY_MS = 100;

/** Milliseconds that counted group streams of a finished subscription are awaited: those that were reset early never show whose they are. */
const COUNTED_MS = 5000;

export interface UpstreamSubscriptionDeps {
  readonly session: SessionContext;
  readonly messages: SubscribeMessages;
  readonly sink: UpstreamSink;
  /** A publisher that has no group may leave the subscription unanswered: see `SourceProtocol.hasInfo`. */
  readonly mayBeSilent: boolean;
  /** No group of the subscription is accepted any more. */
  readonly gone: () => void;
}

/** One subscription of ours at a publisher, on a stream of its own. */
export class UpstreamSubscription implements Upstream, TurnHandler {
  readonly #deps: UpstreamSubscriptionDeps;
  readonly #session: SessionContext;
  readonly #sink: UpstreamSink;
  #stream: BidiStream | undefined;
  #place: Place | undefined;
  /** The publisher has shown that it has the track, so its answer is not awaited any more. */
  #known = false;
  #answered: () => void = () => {};
  /** The newest options: written, or to be written once the stream is open or has room. */
  #options: SubscribeOptions;
  #updating = false;
  #over = false;
  #stopLingering: (() => void) | undefined;
  /** Group streams that have come, and those that there are, once the publisher has said so. */
  #streams = 0;
  #counted: number | undefined;
  /** The publisher has finished it, and counted group streams are missing. */
  #incomplete = false;

  constructor(deps: UpstreamSubscriptionDeps, options: SubscribeOptions) {
    this.#deps = deps;
    this.#session = deps.session;
    this.#sink = deps.sink;
    this.#options = options;
  }

  /** Asks on behalf of `asker`, at once or when it is its turn. */
  open(asker: Asker | undefined): void {
    const session = this.#session;
    this.#answered = awaitAnswer(session, () => this.#late());
    const place = session.opener.open({
      asker,
      handler: this,
      opened: (stream) => {
        this.#stream = stream;
        stream.write(this.#deps.messages.request(this.#options));
        this.#countAnswered();
      },
      shared: () => this.#sink.shared?.() === true,
      refused: (reason) => this.#giveUp(reason),
    });
    this.#place = place;
    if (this.#over) place.leave();
    else if (this.#sink.known === true) this.known();
  }

  data(bytes: Uint8Array): Uint8Array {
    const { share } = this.#session;
    return (
      this.#session.guard(() => {
        if (this.#over) return READ;
        this.known();
        return this.#deps.messages.answer.push(bytes, share);
      }) ?? READ
    );
  }

  fin(): void {
    this.#session.guard(() => {
      this.known();
      this.#deps.messages.answer.finish();
      this.#finished();
    });
  }

  reset(code: number): void {
    this.#session.guard(() => {
      this.known();
      this.close(this.#session.codes.reasonOf(code));
    });
  }

  stop(): void {}

  /** Only the newest options wait for a publisher that reads slowly, however often they change. */
  update(options: SubscribeOptions): void {
    // The wish for a new group is in the request itself.
    const { newGroup } = this.#options;
    this.#options = this.#stream === undefined && newGroup !== undefined ? { ...options, newGroup } : options;
    if (this.#over || this.#stream === undefined || this.#updating) return;
    this.#updating = true;
    this.#sendUpdate();
  }

  requestGroup(above: number): void {
    if (this.#over) return;
    if (this.#stream === undefined) {
      this.#options = { ...this.#options, newGroup: above };
      return;
    }
    const message = this.#deps.messages.requestGroup?.(above);
    if (message !== undefined) this.send(message);
  }

  send(message: Uint8Array): void {
    if (!this.#over) this.#stream?.write(message);
  }

  /** The publisher has the track, as it said here or in answer to another request. It may have no group for long. */
  known(): void {
    if (this.#known) return;
    this.#known = true;
    this.#countAnswered();
  }

  cancel(): void {
    if (this.#over) {
      this.#incomplete = false;
      this.#forget();
      return;
    }
    this.#over = true;
    this.#forget();
    // A FIN is how a subscriber leaves: some publishers notice no reset while they have nothing to send.
    this.#stream?.finish();
    this.#stream?.stop(this.#session.codes.codeOf("cancelled"));
  }

  subgroup(start: SubgroupStart): SubgroupWriter | Reason {
    this.known();
    this.#streams++;
    const writer = this.#sink.subgroup(start);
    // The model must have the group before the subscription is over.
    if (this.#incomplete && this.#isComplete) this.#session.share.later(this.#complete);
    return writer;
  }

  counted(streams: number): void {
    this.#counted = streams;
  }

  datagram(datagram: DatagramObject): void {
    this.#sink.datagram(datagram);
  }

  /** The publisher ended it by a message: cleanly without a reason. */
  ended(reason: Reason | undefined): void {
    if (reason === undefined) this.#finished();
    else this.close(reason);
  }

  /** The subscription failed, or the session is over. */
  close(reason: Reason): void {
    if (this.#incomplete) {
      this.#complete();
      return;
    }
    if (this.#over) {
      this.#forget();
      return;
    }
    this.#over = true;
    this.#forget();
    this.#stream?.finish();
    this.#sink.closed(reason);
  }

  /** The request no longer counts as unanswered, once it was sent. */
  #countAnswered(): void {
    if (!this.#known || this.#stream === undefined) return;
    this.#answered();
    this.#place?.answered();
  }

  #sendUpdate(): void {
    if (this.#over || this.#stream === undefined) return;
    if (this.#stream.queued > 0) {
      this.#session.deps.clock.timer(UPDATE_RETRY_MS, () => this.#sendUpdate());
      return;
    }
    this.#updating = false;
    const update = this.#deps.messages.update(this.#options);
    if (update !== undefined) this.#stream.write(update);
  }

  /** The publisher's time to answer is over. Where it may be silent, a request for the track's properties has a limit of its own. */
  #late(): void {
    if (this.#deps.mayBeSilent && this.#stream !== undefined) this.#place?.answered();
    else this.#giveUp("timeout");
  }

  #giveUp(reason: Reason): void {
    const code = this.#session.codes.codeOf(reason);
    this.#stream?.reset(code);
    this.#stream?.stop(code);
    this.close(reason);
  }

  /** The publisher has said all. Its last groups may still be under way: where it has counted them the subscription ends with the last one. */
  #finished(): void {
    if (this.#over) return;
    this.#over = true;
    this.#leave();
    this.#stream?.finish();
    const { clock } = this.#session.deps;
    if (this.#counted === undefined) {
      this.#stopLingering = this.#session.stragglers.add(() => this.#forget());
      this.#sink.closed(undefined);
      return;
    }
    this.#incomplete = true;
    if (this.#isComplete) this.#complete();
    else this.#stopLingering = clock.timer(COUNTED_MS, () => this.#session.guard(this.#complete));
  }

  get #isComplete(): boolean {
    return this.#streams >= (this.#counted ?? 0);
  }

  readonly #complete = (): boolean => {
    if (!this.#incomplete) return true;
    this.#incomplete = false;
    this.#forget();
    this.#sink.closed(undefined);
    return true;
  };

  #forget(): void {
    this.#stopLingering?.();
    this.#stopLingering = undefined;
    this.#leave();
    this.#deps.gone();
  }

  #leave(): void {
    this.#answered();
    this.#place?.leave();
  }
}
