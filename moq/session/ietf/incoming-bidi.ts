import type { BidiStream } from "../../link.ts";
import type { Reason } from "../../reason.ts";
import { READ } from "../../wire/codec/index.ts";
import { type Message, MessageReader, type Request } from "../../wire/ietf/index.ts";
import type { TurnHandler } from "../intake.ts";
import type { IetfContext } from "./context.ts";
import { type Refusal, refusalOf, refuseRequest } from "./refusal.ts";
import type { RequestResponder } from "./request-responder.ts";
import { serveRequest } from "./serve-request.ts";
import { fromPeer } from "./stream-context.ts";

/** What a request stream of the peer needs of its session. */
export interface BidiHost {
  /** The first message of the stream is complete. */
  headerComplete(stream: IncomingBidi): void;
  /** The stream is over. */
  left(stream: IncomingBidi): void;
  /** We have sent GOAWAY, so new requests are refused. */
  readonly draining: boolean;
}

/** A bidirectional stream of the peer: its first message is the request (Session initialization). */
export class IncomingBidi implements TurnHandler {
  readonly #context: IetfContext;
  readonly #host: BidiHost;
  readonly #stream: BidiStream;
  readonly #reader: MessageReader;
  #responder: RequestResponder | undefined;
  #over = false;

  constructor(context: IetfContext, host: BidiHost, stream: BidiStream) {
    this.#context = context;
    this.#host = host;
    this.#stream = stream;
    this.#reader = MessageReader.requests(fromPeer(context));
  }

  data(bytes: Uint8Array): Uint8Array {
    if (this.#over) return READ;
    const { session } = this.#context;
    return session.guard(() => this.#reader.push(bytes, (message) => this.#on(message), session.share)) ?? READ;
  }

  fin(): void {
    if (this.#over) return;
    this.#context.session.guard(() => {
      if (this.#reader.finish()) this.#responder?.fin();
      else this.gone();
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
    if ("requestId" in message && message.requestId !== undefined && message.kind !== "goaway") {
      this.#context.ids.use(message.requestId);
    }
    // Tokens are registered even by a request that is refused.
    if ("parameters" in message) this.#context.tokens.resolve(message.parameters.tokens ?? []);
    if (this.#responder !== undefined) {
      this.#responder.message?.(message);
      return;
    }
    this.#host.headerComplete(this);
    const served = this.#serve(message as Request);
    if ("reason" in served) this.#refuse(served);
    else this.#responder = served;
  }

  #serve(request: Request): RequestResponder | Refusal {
    if (this.#host.draining) return refusalOf("closed");
    const { rangeFilters = [], invalidFilter = false } = request.parameters;
    if (rangeFilters.length > 0 || invalidFilter) {
      return {
        reason: "unsupported",
        error: "invalid_filter",
        text: "this relay allows no range filters (MAX_FILTER_RANGES)",
      };
    }
    return serveRequest(this.#context, request, this.#stream, () => this.#done());
  }

  #refuse(refusal: Refusal): void {
    this.#done();
    refuseRequest(this.#stream, refusal, this.#context);
  }

  #done(): void {
    this.#over = true;
    this.#host.left(this);
  }
}
