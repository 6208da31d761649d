import {
  type BidiHandler,
  type BidiStream,
  type Link,
  type LinkClosed,
  type LinkHandler,
  PRIORITY_CONTROL,
  type RecvHandler,
  type RecvStream,
} from "../../../moq/link.ts";
import { DEFAULT_WIRE_LIMITS } from "../../../moq/wire/codec/index.ts";
import {
  type Capabilities,
  encodeMessage,
  type Message,
  MessageReader,
  type ObjectTarget,
  type RequestKind,
  requestErrorCode,
  type StreamContext,
  type SubgroupHeader,
  UniReader,
} from "../../../moq/wire/ietf/index.ts";

/** Close code of a session that read what it does not understand (PROTOCOL_VIOLATION). */
const CLOSE_FAILED = 3;

const IGNORE = { data() {}, fin() {}, reset() {}, stop() {} };

/** What one end of the load does with its session. */
export interface IetfPart {
  /** The session is set up. */
  start(session: IetfLoadSession): void;
  /** The relay asks for something. Absent: everything is refused. */
  request?(request: Message, stream: BidiStream, session: IetfLoadSession): void;
  /** The relay has ended a request, or asks to stop. */
  left?(stream: BidiStream): void;
  /** A stream of a track begins. */
  subgroup?(header: SubgroupHeader): ObjectTarget | undefined;
  /** The session has ended; `why` is a short reason. */
  closed(why: string): void;
}

/** One link of the load: a small moq-transport session without model or cache. An error in it ends it. */
export class IetfLoadSession implements LinkHandler {
  readonly link: Link;
  readonly caps: Capabilities;
  readonly #part: IetfPart;
  readonly #context: StreamContext;
  #requestId = 0;
  #over = false;

  constructor(link: Link, caps: Capabilities, part: IetfPart) {
    this.link = link;
    this.caps = caps;
    this.#part = part;
    const { binding, path, query, authority } = link.info;
    this.#context = { caps, from: "server", uriBound: binding !== "quic" };
    const target = binding === "quic" ? { path: query === "" ? path : `${path}?${query}`, authority } : {};
    const control = link.openUni(PRIORITY_CONTROL, IGNORE);
    control?.write(encodeMessage({ kind: "setup", maxAuthTokenCacheSize: 0, tokens: [], ...target }, caps));
    part.start(this);
  }

  /** Opens a request. `answer` gets what the relay sends; `ended` is called when it ends its half or resets it. */
  ask(
    kind: RequestKind,
    request: (requestId: number) => Message,
    answer: (message: Message) => void,
    ended: () => void,
  ): BidiStream | undefined {
    const reader = MessageReader.answers(this.#context, kind);
    const stream = this.link.openBidi(PRIORITY_CONTROL, {
      data: (bytes) => this.#guard(() => reader.push(bytes, answer)),
      fin: ended,
      reset: ended,
      stop: () => {},
    });
    // Ids of a client's requests are even.
    stream?.write(encodeMessage(request(this.#requestId), this.caps));
    if (stream !== undefined) this.#requestId += 2;
    return stream;
  }

  uni(_stream: RecvStream): RecvHandler {
    const reader = new UniReader(this.caps, DEFAULT_WIRE_LIMITS, {
      subgroup: (header, open) => {
        const target = this.#part.subgroup?.(header);
        return target && open(target);
      },
      fetch: () => undefined,
      control: () => {
        const messages = MessageReader.control(this.#context);
        return {
          push: (bytes, allowance) => messages.push(bytes, () => {}, allowance),
          finish: () => void messages.finish(),
        };
      },
    });
    return { data: (bytes) => this.#guard(() => reader.push(bytes)), fin: () => {}, reset: () => {} };
  }

  bidi(stream: BidiStream): BidiHandler {
    const reader = MessageReader.requests(this.#context);
    const left = () => this.#part.left?.(stream);
    const data = (bytes: Uint8Array) =>
      this.#guard(() => reader.push(bytes, (message) => this.#asked(message, stream)));
    return { data, fin: left, reset: left, stop: left };
  }

  datagram(): void {}
  backlog(): void {}
  drained(): void {}
  capacity(): void {}

  closed({ by, code, reason }: LinkClosed): void {
    this.#end(`${by} ${code}${reason === "" ? "" : `: ${reason}`}`);
  }

  /** Refuses a request that is not served. */
  refuse(stream: BidiStream): void {
    const code = requestErrorCode("not_supported", this.caps);
    stream.write(encodeMessage({ kind: "requestError", code, reason: "" }, this.caps));
    stream.finish();
  }

  #asked(message: Message, stream: BidiStream): void {
    // An update of a request that is served needs no answer here.
    if (message.kind === "requestUpdate") return;
    if (this.#part.request === undefined) this.refuse(stream);
    else this.#part.request(message, stream, this);
  }

  /** Runs a function that reads the peer's bytes; a protocol violation ends the session. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.link.close(CLOSE_FAILED, why);
      this.#end(why);
    }
  }

  #end(why: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#part.closed(why);
  }
}
