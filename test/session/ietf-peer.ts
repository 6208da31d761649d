/** A peer of a test relay that writes and reads single messages of moq-transport. */
import type { BidiHandler, BidiStream, Link, LinkClosed, RecvStream, SendStream } from "../../moq/link.ts";
import { DEFAULT_WIRE_LIMITS, UNBOUNDED } from "../../moq/wire/codec/index.ts";
import {
  type Capabilities,
  capabilities,
  encodeMessage,
  encodeObjectHeader,
  encodeSubgroupHeader,
  type Message,
  MessageReader,
  namespaceOf,
  type Request,
  type SubgroupHeader,
  UniReader,
} from "../../moq/wire/ietf/index.ts";
import { LINK_LIMITS, type TestRelay } from "./support.ts";

/** One request, of the peer or of the relay, with what the relay has sent on its stream. */
export interface RequestStream {
  readonly stream: BidiStream;
  /** What came from the relay; of a request of the relay the request is the first one. */
  readonly messages: Message[];
  /** `fin`, `reset CODE` and `stop CODE` of the relay. */
  readonly events: string[];
  send(message: Message): void;
}

/** A stream of objects from the relay. */
export interface ObjectStream {
  header?: SubgroupHeader;
  /** The request of a fetch. */
  fetch?: number;
  /** `GROUP/ID payload`; of a fetch also its gaps. */
  readonly objects: string[];
  end: string;
}

const bytes = (text: string) => Buffer.from(text);

/** A namespace and a track's name. */
export function named(path: string, track = "video") {
  return { namespace: namespaceOf(path) ?? [], name: bytes(track) };
}

/** Where a peer connects: a test relay, or the world of a relay. */
export type Place = Pick<TestRelay, "network" | "established" | "pass">;

export class MoqtPeer {
  readonly caps: Capabilities;
  readonly link: Link;
  readonly closed: LinkClosed[];
  /** Requests of the relay. */
  readonly requests: RequestStream[];
  readonly streams: ObjectStream[];
  /** What came on the relay's control stream. */
  readonly control: Message[];
  /** Requests whose fetch streams have the highest group first. */
  readonly descending: Set<number>;
  readonly #relay: Place;
  #controlStream: SendStream | undefined;
  #nextId = 0;

  private constructor(relay: Place, caps: Capabilities, link: Link, parts: Parts) {
    this.#relay = relay;
    this.caps = caps;
    this.link = link;
    ({ closed: this.closed, requests: this.requests, streams: this.streams, control: this.control } = parts);
    this.descending = parts.descending;
  }

  /** Connects, and sends SETUP, with the name of a program, unless `setup` is false. */
  static async connect(
    relay: Place,
    version: string,
    { setup = true, path = "/", at = "relay:4443", implementation = "" } = {},
  ): Promise<MoqtPeer> {
    const caps = capabilities(version);
    if (caps === undefined) throw new Error(version);
    const parts: Parts = { closed: [], requests: [], streams: [], control: [], descending: new Set() };
    const link = await relay.established(
      relay.network.engine().dial(
        {
          url: new URL(`https://${at}${path}`),
          protocols: [version],
          trust: { kind: "insecure" },
          limits: LINK_LIMITS,
          timeoutMs: 5000,
        },
        () => ({
          uni: (stream) => receive(caps, stream, parts),
          bidi: (stream) => accept(caps, stream, parts),
          datagram: () => {},
          capacity: () => {},
          backlog: () => {},
          drained: () => {},
          closed: (why) => parts.closed.push(why),
        }),
      ),
    );
    const peer = new MoqtPeer(relay, caps, link, parts);
    if (setup) peer.setup(implementation);
    await relay.pass(50);
    return peer;
  }

  setup(implementation = ""): void {
    const name = implementation === "" ? {} : { implementation };
    const setup: Message = { kind: "setup", tokens: [], maxAuthTokenCacheSize: 0, ...name };
    this.#controlStream = this.uni(encodeMessage(setup, this.caps));
  }

  /** Writes to the control stream. */
  sendControl(message: Message): void {
    this.#controlStream?.write(encodeMessage(message, this.caps));
  }

  endControl(): void {
    this.#controlStream?.finish();
  }

  /** The id of the next request. */
  nextId(): number {
    const id = this.#nextId;
    this.#nextId += 2;
    return id;
  }

  /** Opens a unidirectional stream. */
  uni(...pieces: Uint8Array[]): SendStream {
    const stream = this.link.openUni(1, { stop: () => {} });
    if (stream === undefined) throw new Error("no stream");
    for (const piece of pieces) stream.write(piece);
    return stream;
  }

  /** Opens a stream of objects with ids 0, 1, 2 and the payloads. */
  subgroup(header: Partial<SubgroupHeader> & { trackAlias: number; group: number }, ...payloads: string[]): SendStream {
    const whole = { subgroup: 0, firstObject: true, endsGroup: false, ...header };
    const stream = this.uni(encodeSubgroupHeader(whole, this.caps));
    this.more(stream, ...payloads);
    return stream;
  }

  /** Writes the next objects of a stream. */
  more(stream: SendStream, ...payloads: string[]): void {
    for (const payload of payloads) {
      stream.write(encodeObjectHeader(this.caps, payload.length, 0, new Uint8Array(0), undefined, undefined).slice());
      stream.write(bytes(payload));
    }
  }

  /** Opens a request stream, writes the bytes, and waits for what the relay answers at once. */
  async raw(first: Uint8Array, request: Request["kind"] = "subscribe"): Promise<RequestStream> {
    const reader = MessageReader.answers({ caps: this.caps, from: "server", uriBound: true }, request);
    const messages: Message[] = [];
    const events: string[] = [];
    const stream = this.link.openBidi(1, handlerOf(reader, messages, events));
    if (stream === undefined) throw new Error("no stream");
    stream.write(first);
    await this.#relay.pass(50);
    return { stream, messages, events, send: (message) => stream.write(encodeMessage(message, this.caps)) };
  }

  /** Sends a request, and waits for what the relay answers at once. */
  async request(request: WithoutId): Promise<RequestStream> {
    const message = { ...request, requestId: this.nextId() } as Request;
    return await this.raw(encodeMessage(message, this.caps), message.kind);
  }

  /** The last close of the link: `CODE reason`. */
  get end(): string {
    const [why] = this.closed;
    return why === undefined ? "" : `${why.code} ${why.reason}`;
  }
}

type WithoutId = Request extends infer R
  ? R extends Request
    ? Omit<R, "requestId"> & { requestId?: number }
    : never
  : never;

interface Parts {
  readonly closed: LinkClosed[];
  readonly requests: RequestStream[];
  readonly streams: ObjectStream[];
  readonly control: Message[];
  readonly descending: Set<number>;
}

function handlerOf(reader: MessageReader, messages: Message[], events: string[]): BidiHandler {
  return {
    data: (piece) => void reader.push(piece, (message) => messages.push(message)),
    fin: () => events.push("fin"),
    reset: (code) => events.push(`reset ${code}`),
    stop: (code) => events.push(`stop ${code}`),
  };
}

function accept(caps: Capabilities, stream: BidiStream, { requests }: Parts): BidiHandler {
  const messages: Message[] = [];
  const events: string[] = [];
  requests.push({ stream, messages, events, send: (message) => stream.write(encodeMessage(message, caps)) });
  return handlerOf(MessageReader.requests({ caps, from: "server", uriBound: true }), messages, events);
}

function receive(caps: Capabilities, _stream: RecvStream, parts: Parts) {
  const { streams, control } = parts;
  const received: ObjectStream = { objects: [], end: "open" };
  let at = "";
  let payload = "";
  const sink = {
    object: (...[first, , id]: unknown[]) => {
      const fetched = first as { group: number; object: number; size: number };
      at = typeof first === "number" ? `${received.header?.group}/${String(id)}` : `${fetched.group}/${fetched.object}`;
      payload = "";
    },
    payload: (piece: Uint8Array) => {
      payload += Buffer.from(piece).toString();
    },
    end: () => void received.objects.push(`${at} ${payload}`),
    status: (status: string, id: number) => void received.objects.push(`${received.header?.group}/${id} ${status}`),
    gap: (gap: string, end: { group: number; object: number }) => {
      received.objects.push(`${gap} to ${end.group}/${end.object}`);
    },
  };
  const controls = MessageReader.control({ caps, from: "server", uriBound: true });
  const reader = new UniReader(caps, DEFAULT_WIRE_LIMITS, {
    control: () => ({
      push: (piece) => controls.push(piece, (message) => control.push(message)),
      finish: () => {},
    }),
    subgroup: (header, open) => {
      received.header = header;
      streams.push(received);
      return open({ sink, timescale: 1000 });
    },
    fetch: (request) => {
      received.fetch = request;
      streams.push(received);
      return { sink, timescale: 1000, descending: parts.descending.has(request) };
    },
  });
  return {
    data: (piece: Uint8Array) => void reader.push(piece, UNBOUNDED),
    fin: () => {
      received.end = "fin";
    },
    reset: (code: number) => {
      received.end = `reset ${code}`;
    },
  };
}

/** The wishes for a new group that a publisher got on the stream of a request, by kind of message. */
export function wishes({ messages }: RequestStream): string[] {
  return messages.flatMap((one) =>
    "parameters" in one && one.parameters.newGroupRequest !== undefined
      ? [`${one.kind} ${one.parameters.newGroupRequest}`]
      : [],
  );
}
