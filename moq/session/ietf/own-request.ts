import type { BidiStream } from "../../link.ts";
import type { Reason } from "../../reason.ts";
import { READ } from "../../wire/codec/index.ts";
import type { Message, Request } from "../../wire/ietf/index.ts";
import type { TurnHandler } from "../intake.ts";
import type { Place } from "../opener.ts";
import { requestReasonOf } from "./codes.ts";
import type { IetfContext } from "./context.ts";
import type { MessageSource } from "./message-codec.ts";
import { abort, send } from "./stream-context.ts";

export interface OwnRequestEvents {
  /** The request is sent now. */
  request(requestId: number): Request;
  /** The peer accepted it, or sends more. */
  message(message: Message): void;
  /** The request is over, and not by `cancel`: the peer refused it, gave it up, or finished. Called once. */
  ended(reason: Reason): void;
}

/** A request of ours that lasts, such as PUBLISH_NAMESPACE. The peer is asked for no viewer. */
export class OwnRequest implements TurnHandler {
  readonly #context: IetfContext;
  readonly #on: OwnRequestEvents;
  #reader: MessageSource | undefined;
  #place: Place | undefined;
  #stream: BidiStream | undefined;
  #over = false;

  constructor(context: IetfContext, on: OwnRequestEvents) {
    this.#context = context;
    this.#on = on;
  }

  /** Sends it, at once or when the peer allows another stream. */
  open(): void {
    const { session, ids } = this.#context;
    this.#place = session.opener.open({
      handler: this,
      opened: (stream) => {
        this.#stream = stream;
        const request = this.#on.request(ids.next());
        this.#reader = this.#context.codec.answers(request.kind);
        send(stream, request, this.#context);
      },
      refused: (reason) => this.#end(reason),
    });
    if (this.#over) this.#place.leave();
  }

  /** A further message on its stream. */
  send(message: Message): void {
    if (this.#stream !== undefined && !this.#over) send(this.#stream, message, this.#context);
  }

  data(bytes: Uint8Array): Uint8Array {
    const { session } = this.#context;
    return (
      session.guard(() => {
        if (this.#over || this.#reader === undefined) return READ;
        this.#place?.answered();
        return this.#reader.push(bytes, (message) => this.#message(message), session.share);
      }) ?? READ
    );
  }

  fin(): void {
    this.#context.session.guard(() => {
      this.#reader?.finish();
      this.#end("closed");
    });
  }

  reset(code: number): void {
    this.#context.session.guard(() => this.#end(this.#context.session.codes.reasonOf(code)));
  }

  stop(code: number): void {
    this.reset(code);
  }

  /** The request is withdrawn. */
  cancel(): void {
    if (!this.#leave() || this.#stream === undefined) return;
    abort(this.#stream, this.#context.session.codes.codeOf("cancelled"));
  }

  #message(message: Message): void {
    if (this.#over) return;
    const { request } = this.#reader ?? {};
    if (message.kind === "requestError" && request !== undefined)
      this.#end(requestReasonOf(message.code, this.#context.caps, request));
    else this.#on.message(message);
  }

  #end(reason: Reason): void {
    if (!this.#leave()) return;
    this.#stream?.finish();
    this.#stream?.stop(this.#context.session.codes.codeOf("cancelled"));
    this.#on.ended(reason);
  }

  /** False when the request was over already. */
  #leave(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#place?.leave();
    return true;
  }
}
