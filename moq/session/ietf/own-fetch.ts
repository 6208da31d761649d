import type { RecvStream } from "../../link.ts";
import { type Asker, type FetchRange, type FetchWriter, LAST_OBJECT } from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import { DEFAULT_TIMESCALE, type FullTrackName, type Message, type Parameters } from "../../wire/ietf/index.ts";
import type { UpstreamRequest, UpstreamRequestEvents } from "../upstream-request.ts";
import { requestReasonOf } from "./codes.ts";
import type { RequestContext } from "./context.ts";
import { FetchIntoModel } from "./fetch-into-model.ts";
import type { MessageSource } from "./message-codec.ts";
import type { AwaitedFetch, IncomingFetch } from "./own-fetches.ts";
import { send } from "./stream-context.ts";
import { infoOf, turnedRound } from "./track-info.ts";

/** What is fetched. */
export interface FetchAsk {
  readonly name: FullTrackName;
  readonly range: FetchRange;
  /** 0 to 255, higher first. */
  readonly priority: number;
  readonly writer: FetchWriter;
}

/** A FETCH of ours: one request stream, and a stream of its own for the objects. */
export class OwnFetch implements AwaitedFetch {
  readonly #context: RequestContext;
  readonly #ask: FetchAsk;
  readonly #request: UpstreamRequest;
  readonly #reader: MessageSource;
  #forget: () => void = () => {};
  #timescale = DEFAULT_TIMESCALE;
  #stream: RecvStream | undefined;
  #over = false;

  /** `request` makes the request of `on`, which ends with the session. */
  constructor(context: RequestContext, ask: FetchAsk, request: (on: UpstreamRequestEvents) => UpstreamRequest) {
    this.#context = context;
    this.#ask = ask;
    this.#reader = context.codec.answers("fetch");
    const { ids, fetches, session } = context;
    this.#request = request({
      opened: (stream) => {
        const requestId = ids.next();
        this.#forget = fetches.add(requestId, this);
        send(stream, { kind: "fetch", requestId, of: ask.name, parameters: parametersOf(ask) }, context);
      },
      data: (bytes) => this.#reader.push(bytes, (message) => this.#answer(message), session.share),
      // The objects may still be under way when the publisher has finished its answer.
      ended: (reason) => {
        if (reason !== undefined) this.#fail(reason);
      },
    });
  }

  /** Asks on behalf of `asker`. Returns a cancel. */
  open(asker: Asker | undefined): () => void {
    this.#ask.writer.onStop((reason) => this.#cancel(reason));
    this.#request.open(asker);
    return () => this.#cancel("cancelled");
  }

  begin(stream: RecvStream): IncomingFetch | undefined {
    if (this.#stream !== undefined) return undefined;
    this.#stream = stream;
    const { writer, range } = this.#ask;
    const sink = new FetchIntoModel(writer);
    return {
      target: { sink, timescale: this.#timescale, descending: range.descending === true },
      finished: () => this.#end(() => writer.finish()),
      lost: (reason) => this.#fail(reason),
    };
  }

  close(): void {
    this.#fail("upstream");
  }

  #answer(message: Message): void {
    const { caps } = this.#context;
    if (message.kind === "requestError") this.#fail(requestReasonOf(message.code, caps, "fetch"));
    else if (message.kind === "fetchOk") {
      const info = infoOf(message.properties);
      if (info === undefined) this.#cancel("unsupported");
      else this.#timescale = info.timescale;
    }
  }

  #cancel(reason: Reason): void {
    this.#stream?.stop(this.#context.session.codes.codeOf(reason));
    this.#request.cancel();
    this.#fail(reason);
  }

  #fail(reason: Reason): void {
    this.#end(() => this.#ask.writer.reset(reason));
  }

  #end(how: () => void): void {
    if (this.#over) return;
    this.#over = true;
    this.#forget();
    this.#request.end(() => {});
    how();
  }
}

function parametersOf({ range, priority }: FetchAsk): Parameters {
  const { start, end, descending = false } = range;
  const last = end.object === LAST_OBJECT ? { group: end.group } : end;
  return {
    priority: turnedRound(priority),
    ...(descending ? { groupOrder: "descending" as const } : {}),
    filter: { kind: "absolute", start, end: last },
  };
}
