import type { BidiStream } from "../../link.ts";
import type { Reason } from "../../reason.ts";
import { READ } from "../../wire/codec/index.ts";
import { type AuthToken, isRequest, type Message, type Request } from "../../wire/ietf/index.ts";
import type { TurnHandler } from "../intake.ts";
import type { IetfContext } from "./context.ts";
import type { MessageSource } from "./message-codec.ts";
import { INVALID_FILTER } from "./range-filters.ts";
import { goingAway, type Refusal, refusalOf, refuseRequest } from "./refusal.ts";
import type { RequestResponder } from "./request-responder.ts";
import { verifyTokens } from "./request-tokens.ts";
import { serveRequest } from "./serve-request.ts";

/** Messages that may follow a request before its tokens are verified. */
const MAX_HELD = 16;

interface Held {
  readonly messages: Message[];
  finished: boolean;
}

/** What a request stream of the peer needs of its session. */
export interface BidiHost {
  /** The first message of the stream is complete. */
  headerComplete(stream: IncomingBidi): void;
  /** The stream is over. */
  left(stream: IncomingBidi): void;
  /** We have sent GOAWAY with this URI, which may be empty: new requests are refused. Absent: we have not. */
  readonly destination: string | undefined;
}

/** A bidirectional stream of the peer: its first message is the request (Session initialization). */
export class IncomingBidi implements TurnHandler {
  readonly #context: IetfContext;
  readonly #host: BidiHost;
  readonly #stream: BidiStream;
  readonly #reader: MessageSource;
  #responder: RequestResponder | undefined;
  /** What came while the tokens of the request are verified; undefined at other times. */
  #held: Held | undefined;
  /** Its token need not be watched any longer. */
  #forget: (() => void) | undefined;
  #over = false;

  constructor(context: IetfContext, host: BidiHost, stream: BidiStream) {
    this.#context = context;
    this.#host = host;
    this.#stream = stream;
    this.#reader = context.codec.requests();
  }

  data(bytes: Uint8Array): Uint8Array {
    if (this.#over) return READ;
    const { session } = this.#context;
    return session.guard(() => this.#reader.push(bytes, (message) => this.#on(message), session.share)) ?? READ;
  }

  fin(): void {
    if (this.#over) return;
    this.#context.session.guard(() => {
      if (!this.#reader.finish()) this.gone();
      else if (this.#held === undefined) this.#responder?.fin();
      else this.#held.finished = true;
    });
  }

  reset(): void {
    this.#context.session.guard(() => this.gone());
  }

  /** A publisher may read no more of our answers while its PUBLISH_DONE is still on the way: its own half says when it is over. */
  stop(): void {
    if (this.#reader.request === "publish") return;
    this.#context.session.guard(() => this.gone());
  }

  /** The peer gave the stream up, or the session is over. */
  gone(): void {
    if (this.#over) return;
    this.#done();
    if (this.#responder === undefined) this.#stream.finish();
    else this.#responder.gone();
  }

  /** Ends the stream before its request is complete. */
  refuse(reason: Reason): void {
    if (this.#over) return;
    this.#done();
    const code = this.#context.session.codes.codeOf(reason);
    this.#stream.reset(code);
    this.#stream.stop(code);
  }

  #on(message: Message): void {
    // Messages may follow the one that ended the request.
    if (this.#over) return;
    // An answer to an update of ours has the id of that.
    const asks = isRequest(message.kind) || message.kind === "requestUpdate";
    if (asks && "requestId" in message && message.requestId !== undefined) this.#context.ids.use(message.requestId);
    // Tokens are registered even by a request that is refused.
    const tokens = "parameters" in message ? this.#context.tokens.resolve(message.parameters.tokens ?? []) : [];
    if (this.#responder !== undefined) {
      this.#responder.message?.(message);
      return;
    }
    if (this.#held !== undefined) {
      this.#hold(this.#held, message);
      return;
    }
    this.#host.headerComplete(this);
    const request = message as Request;
    if (this.#verify(request, tokens)) this.#held = { messages: [], finished: false };
    else this.#begin(request, this.#context);
  }

  /** Keeps a message of the peer for the time when its tokens are verified. */
  #hold({ messages }: Held, message: Message): void {
    messages.push(message);
    if (messages.length > MAX_HELD) this.#refuse(refusalOf("limit"));
  }

  /** Serves the request once its tokens are verified. False when it has none. */
  #verify(request: Request, tokens: readonly AuthToken[]): boolean {
    return verifyTokens(request, tokens, this.#context, (outcome) => {
      const held = this.#held;
      this.#held = undefined;
      if (this.#over) return;
      if ("reason" in outcome) {
        this.#refuse(outcome);
        return;
      }
      const { access, presented } = outcome;
      this.#forget = this.#context.tokenWatch.add(presented, (reason) => this.#expire(reason));
      this.#begin(request, { ...this.#context, access, presented });
      for (const message of held?.messages ?? []) if (!this.#over) this.#responder?.message?.(message);
      if (held?.finished === true && !this.#over) this.#responder?.fin();
    });
  }

  #begin(request: Request, context: IetfContext): void {
    const served = this.#serve(request, context);
    if ("reason" in served) this.#refuse(served);
    else this.#responder = served;
  }

  /** Its token no longer holds. */
  #expire(reason: Reason): void {
    if (this.#over) return;
    const responder = this.#responder;
    this.refuse(reason);
    responder?.gone();
  }

  #serve(request: Request, context: IetfContext): RequestResponder | Refusal {
    const { destination } = this.#host;
    if (destination !== undefined) return goingAway(request, destination, context);
    if (request.parameters.invalidFilter) return INVALID_FILTER;
    return serveRequest(context, request, this.#stream, () => this.#done());
  }

  #refuse(refusal: Refusal): void {
    this.#done();
    refuseRequest(this.#stream, refusal, this.#context, this.#reader.request ?? "subscribe");
  }

  #done(): void {
    this.#over = true;
    this.#forget?.();
    this.#host.left(this);
  }
}
