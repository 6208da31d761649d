import {
  type Attach,
  type BidiHandler,
  type BidiStream,
  type Link,
  type LinkClosed,
  type LinkHandler,
  PRIORITY_CONTROL,
  type RecvHandler,
  type RecvStream,
} from "../../moq/link.ts";
import { stripPrefix } from "../../moq/path.ts";
import { DEFAULT_WIRE_LIMITS } from "../../moq/wire/codec/index.ts";
import {
  type Capabilities,
  capabilities,
  encodeAnnouncement,
  encodeAnnounceOk,
  encodeSetupStream,
  type Request,
  RequestReader,
} from "../../moq/wire/lite/index.ts";

/** Close code for an unexpected error; no specification defines it. */
const CLOSE_FAILED = 1;

/** Reset code of requests that the load does not serve (moq-lite defines no codes; moq-rs uses 13 for "not found"). */
const NOT_SERVED = 13;

const IGNORE = { data() {}, fin() {}, reset() {}, stop() {} };

/** Handlers of a load session after the handshake. */
export interface Part {
  /** Broadcasts that it announces. */
  readonly broadcasts: readonly string[];
  /** Answers a request for announcements under a prefix in place of `broadcasts`. */
  announcing?(stream: BidiStream, session: LoadSession, prefix: string): void;
  /** The session is set up. */
  start(session: LoadSession): void;
  /** A request other than for announcements; absent when nothing is published. */
  request?(request: Request, stream: BidiStream, session: LoadSession): void;
  /** The opener of a stream on which `request` was called has ended its half, or asked to stop. */
  left?(stream: BidiStream): void;
  uni?(stream: RecvStream): RecvHandler;
  capacity?(): void;
  /** The session has ended; `why` is a short reason. */
  closed(why: string): void;
}

/** One link of the load: a small moq-lite session without model or cache. An error in it ends it. */
export class LoadSession implements LinkHandler {
  readonly link: Link;
  readonly caps: Capabilities;
  readonly #part: Part;
  readonly #hop: bigint;
  #over = false;

  /** `hop`: the hop id that it announces its broadcasts with, not 0. */
  constructor(link: Link, caps: Capabilities, part: Part, hop: bigint) {
    this.link = link;
    this.caps = caps;
    this.#part = part;
    this.#hop = hop;
    if (caps.setupStream) {
      const setup = link.openUni(PRIORITY_CONTROL, IGNORE);
      setup?.write(encodeSetupStream({ probe: 0, role: "both" }, caps));
      setup?.finish();
    }
    part.start(this);
  }

  uni(stream: RecvStream): RecvHandler {
    return this.#part.uni?.(stream) ?? IGNORE;
  }

  bidi(stream: BidiStream): BidiHandler {
    const reader = new RequestReader(this.caps, DEFAULT_WIRE_LIMITS);
    const left = () => this.#part.left?.(stream);
    return {
      data: (bytes) => this.guard(() => reader.push(bytes, (request) => this.#request(request, stream))),
      fin: left,
      reset: left,
      stop: left,
    };
  }

  datagram(): void {}
  backlog(): void {}
  drained(): void {}

  capacity(): void {
    this.#part.capacity?.();
  }

  closed({ by, code, reason }: LinkClosed): void {
    this.#end(`${by} ${code}${reason === "" ? "" : `: ${reason}`}`);
  }

  /** Runs a function that reads the peer's bytes; a protocol violation ends the session. */
  guard(work: () => void): void {
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

  #request(request: Request, stream: BidiStream): void {
    if (request.kind === "announce" && this.#part.announcing !== undefined)
      this.#part.announcing(stream, this, request.prefix);
    else if (request.kind === "announce") this.#announce(request.prefix, stream);
    else if (this.#part.request !== undefined) this.#part.request(request, stream, this);
    else refuse(stream);
  }

  /** Announces our broadcasts under the prefix; the stream then stays open without further announcements. */
  #announce(prefix: string, stream: BidiStream): void {
    const suffixes = this.#part.broadcasts
      .map((path) => stripPrefix(prefix, path))
      .filter((suffix) => suffix !== undefined);
    const { caps } = this;
    if (caps.announceOk) stream.write(encodeAnnounceOk({ hop: this.#hop, active: suffixes.length }, caps));
    const fields = { hops: caps.announceOk ? [] : [this.#hop], epoch: 1n, ended: false, cost: 0 };
    for (const suffix of suffixes) {
      stream.write(encodeAnnouncement({ kind: "start", suffix, ...fields }, caps));
    }
  }
}

/** Resets a request that is not served. */
export function refuse(stream: BidiStream): void {
  stream.reset(NOT_SERVED);
  stream.stop(NOT_SERVED);
}

/** For an engine's `dial`. */
export function attachLoad(part: Part, hop: bigint): Attach {
  return (link) => {
    const caps = capabilities(link.info.protocol);
    if (caps === undefined) throw new Error(`the load does not support "${link.info.protocol}"`);
    return new LoadSession(link, caps, part, hop);
  };
}
