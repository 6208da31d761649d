import type { BidiStream } from "../link.ts";
import type { Asker } from "../model/index.ts";
import type { Reason } from "../reason.ts";
import { READ } from "../wire/codec/index.ts";
import { awaitAnswer } from "./answer-timeout.ts";
import type { SessionContext } from "./context.ts";
import type { TurnHandler } from "./intake.ts";
import type { Place } from "./opener.ts";

export interface UpstreamRequestEvents {
  /** The request has a stream, and writes its message there. */
  opened(stream: BidiStream): void;
  /** Bytes of the answer. Returns what it left over. */
  data(bytes: Uint8Array, stream: BidiStream): Uint8Array;
  /** The publisher finished its half, or the request failed for a reason. Called at most once, and not after {@link UpstreamRequest.end}. */
  ended(reason: Reason | undefined): void;
}

/** One request of ours with one answer, on a stream of its own. */
export class UpstreamRequest implements TurnHandler {
  readonly #session: SessionContext;
  readonly #on: UpstreamRequestEvents;
  readonly #gone: () => void;
  #stream: BidiStream | undefined;
  #place: Place | undefined;
  #answered: () => void = () => {};
  #over = false;

  /** `gone`: the request is over, in whatever way. */
  constructor(session: SessionContext, on: UpstreamRequestEvents, gone: () => void) {
    this.#session = session;
    this.#on = on;
    this.#gone = gone;
  }

  /** Asks on behalf of `asker`, at once or when it is its turn. */
  open(asker: Asker | undefined): void {
    this.#answered = awaitAnswer(this.#session, () => this.#giveUp("timeout"));
    this.#place = this.#session.opener.open({
      asker,
      handler: this,
      opened: (stream) => {
        this.#stream = stream;
        this.#on.opened(stream);
      },
      refused: (reason) => this.#giveUp(reason),
    });
    if (this.#over) this.#place.leave();
  }

  data(bytes: Uint8Array): Uint8Array {
    return (
      this.#session.guard(() => {
        this.#answered();
        this.#place?.answered();
        return this.#over || this.#stream === undefined ? READ : this.#on.data(bytes, this.#stream);
      }) ?? READ
    );
  }

  fin(): void {
    this.#session.guard(() => {
      this.#place?.answered();
      this.#end(undefined);
    });
  }

  reset(code: number): void {
    this.#session.guard(() => {
      this.#place?.answered();
      this.#end(this.#session.codes.reasonOf(code));
    });
  }

  stop(): void {}

  /** The answer is complete, and `then` is what it causes. Does nothing when the request is over. */
  end(then: () => void): void {
    if (!this.#leave()) return;
    this.#stream?.finish();
    then();
  }

  /** The session is over. */
  fail(reason: Reason): void {
    this.#end(reason);
  }

  /** The answer is not wanted any more. */
  cancel(): void {
    if (this.#leave()) this.#drop("cancelled");
  }

  #end(reason: Reason | undefined): void {
    this.end(() => this.#on.ended(reason));
  }

  #giveUp(reason: Reason): void {
    this.#drop(reason);
    this.#end(reason);
  }

  #drop(reason: Reason): void {
    const code = this.#session.codes.codeOf(reason);
    this.#stream?.reset(code);
    this.#stream?.stop(code);
  }

  /** False when the request was over already. */
  #leave(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#gone();
    this.#answered();
    this.#place?.leave();
    return true;
  }
}
