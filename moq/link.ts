/**
 * The transport contract: what the relay gets from a QUIC engine, or from a stand-in for one.
 *
 * It is small, synchronous and batched. An engine delivers events by calling handlers. Calls into an engine never block, never return
 * promises on the data path and never throw for a peer that has gone. The model decides what to drop and which viewer to cut off; an
 * engine only reports how much is queued.
 *
 * Every engine keeps these rules, and `test/transport/conformance.ts` checks them:
 *
 * - Handlers are never called from inside a call into the engine. Events come in a turn of the engine's own.
 * - After `closed`, no handler of that link or of its streams is called again.
 * - A call on a stream or a link that has ended does nothing.
 * - Each half of a stream ends once: a receive half by `fin` or `reset`, a send half by `finish`, `reset` or `stop`.
 */
import type { Clock } from "./clock.ts";
import type { HandshakeCounts, WorkerPulse } from "./engine-figures.ts";

export type { HandshakeCounts, WorkerPulse } from "./engine-figures.ts";
export { TransportError, type TransportErrorCode } from "./transport-error.ts";

/** How the bytes of a link travel. Only `quic` has no request URI. */
export type Binding = "webtransport" | "quic" | "websocket" | "memory";

/** Facts about a connection, known from the moment it is offered. */
export interface LinkInfo {
  /** The engine's name, as in `[server] engine`. */
  readonly engine: string;
  readonly binding: Binding;
  /** The negotiated application protocol, e.g. `moq-lite-05`. Empty when none was negotiated. */
  readonly protocol: string;
  /** True at the end that dialled. */
  readonly dialled: boolean;
  /** Host and port that the client asked for, as in the `:authority` or `Host` field. Empty where there is none. */
  readonly authority: string;
  /** Request path, starting with `/`. Empty on a binding without a request URI. */
  readonly path: string;
  /** Query of the request without its `?`. Never logged, because it may contain a credential. */
  readonly query: string;
  /** Request headers by lower-case name. Never logged, because they may contain a credential. */
  readonly headers: ReadonlyMap<string, string>;
  /** Tokens of the client's SETUP, with their types. Never logged. Absent where its protocol has none, or the SETUP is not here yet. */
  readonly tokens?: readonly { readonly type: number; readonly value: Uint8Array }[];
  readonly peer: PeerAddress;
  /** DER of the client certificate whose key the peer has, where the engine asked for one. */
  readonly peerCertificate?: Uint8Array;
}

/** A socket address. */
export interface PeerAddress {
  /** IP address without brackets or zone. Empty when the engine does not know it. */
  readonly address: string;
  /** 0 when the engine does not know it. */
  readonly port: number;
}

/** Why and how a link ended. */
export interface LinkClosed {
  /** `local` and `remote`: that end closed it on purpose. `timeout`: the peer sent nothing for too long. `error`: the connection failed. */
  readonly by: "local" | "remote" | "timeout" | "error";
  /** Application close code, 0 to 2^32-1. 0 when there is none. */
  readonly code: number;
  /** UTF-8 text of at most {@link MAX_CLOSE_REASON} bytes. May be empty. */
  readonly reason: string;
}

/** Longest close reason in bytes (WebTransport over HTTP/3 section 6: 1024). Longer ones are cut. */
export const MAX_CLOSE_REASON = 1024;

/** Stream priority of control messages: above all data. */
export const PRIORITY_CONTROL = 2 ** 31 - 1;

/** Events of a link. Bytes are valid only during the call: a handler that needs them longer copies them. */
export interface LinkHandler {
  /** The peer opened a unidirectional stream. The returned handler gets its events, the first one after this call. */
  uni(stream: RecvStream): RecvHandler;
  /** The peer opened a bidirectional stream. */
  bidi(stream: BidiStream): BidiHandler;
  /** One datagram. */
  datagram(bytes: Uint8Array): void;
  /** The peer allows more streams, after `openUni` or `openBidi` returned nothing. May be spurious. */
  capacity(): void;
  /**
   * `link.queued` has risen past the link's `queueMark`, or past a further multiple of it. Called in the engine's next turn after the
   * writes that caused it.
   */
  backlog(queued: number): void;
  /** `link.queued` was over its mark and is under half of it now. */
  drained(): void;
  /**
   * The peer has acknowledged nothing for a second, although bytes wait for that: the path is dark. Called now and then while that lasts, and
   * once when it ends. Engines that cannot tell never call it.
   */
  dark?(): void;
  /** The link has ended. Last event. */
  closed(why: LinkClosed): void;
}

/** Events of a receive half. */
export interface RecvHandler {
  /** `bytes` is never empty and valid only during the call. */
  data(bytes: Uint8Array): void;
  /** What was read before the mark has been given to `data`. Nothing more is read until {@link RecvStream.pass}. */
  marked?(): void;
  /** What comes from here on is not passed on: `unpass` was called, the engine cannot go on with it, or the link is over. */
  unpassed?(): void;
  fin(): void;
  /** The peer reset its send half. Data that was not delivered yet is lost. `code` is 0 to 2^32-1. */
  reset(code: number): void;
}

/** Events of a send half. */
export interface SendHandler {
  /**
   * The peer sent STOP_SENDING. The send half has ended: the queue is dropped, and no `reset` is needed. After `finish`, the queue is
   * dropped without this event.
   */
  stop(code: number): void;
}

/** Events of a bidirectional stream. */
export interface BidiHandler extends RecvHandler, SendHandler {}

/** The receive half of a stream. */
export interface RecvStream {
  /** Unique among the live streams of its link. */
  readonly id: number;
  /** Sends STOP_SENDING. No more events come for this half. */
  stop(code: number): void;
  /** Asks for {@link RecvHandler.marked}, once at a time. Absent where the engine cannot pass streams on. */
  mark?(): void;
  /** Answers a mark. False, and nothing done, where the mark does not stand any more: the stream has ended, or `unpassed` has come. */
  pass?(how: PassOn): boolean;
  /** Ends what `pass` began: `unpassed`, `fin` or `reset` follows behind what was passed on. False where the stream passes nothing on. */
  unpass?(): boolean;
}

/**
 * How the objects of a stream follow one another. Integers are varints of QUIC; `timed_ones`: with leading ones.
 *
 * - `sized`: size, payload.
 * - `timed`, `timed_ones`: timestamp delta, size, payload. Deltas are signed and interleave with unsigned numbers.
 * - `flagged`: as `timed`, with twice the size. With an odd number in its place the header has more.
 */
export type Framing = "sized" | "timed" | "timed_ones" | "flagged";

/**
 * What comes on a stream goes to other streams at once, before `data` is called with it, written in their framing. A header is written with
 * the first byte of its payload. The engine ends this before an object whose header has more than it knows, or that is too large.
 */
export interface PassOn {
  readonly framing: Framing;
  /** Bytes of a payload that come first. */
  readonly left: number;
  /** Largest payload of an object, in bytes, up to 2^32-1. */
  readonly largest: number;
  /** All streams that get it: from now on `write` of these sets does nothing for those that are in them now. An empty list keeps the streams of the last `pass`. */
  readonly to: readonly PassTarget[];
  /** `data` may come some milliseconds later. */
  readonly late: boolean;
}

export interface PassTarget {
  readonly fan: FanOut;
  /** `sized` becomes `sized` alone, and each other framing each of those. */
  readonly framing: Framing;
}

/** The send half of a stream. */
export interface SendStream {
  readonly id: number;
  /** Bytes written and not yet handed to the network. 0 once the half has ended by reset or stop. */
  readonly queued: number;
  /** True after `finish`, `reset`, a `stop` from the peer, or the end of the link. Writing then does nothing. */
  readonly ended: boolean;
  /** True once the peer has acknowledged all of it, or nothing more will be sent. Absent where the engine cannot tell. */
  readonly acknowledged?: boolean;
  /** Always accepts. The bytes are kept by reference and must not change afterwards, unless the engine {@link FanOutFactory.copies} them. */
  write(bytes: Uint8Array): void;
  /** Sends FIN after what is queued. */
  finish(): void;
  /** Ends the half at once and drops its queue, also after `finish`. */
  reset(code: number): void;
  /** Higher first among the streams of the link. An integer from 0 to 2^31-1. */
  setPriority(priority: number): void;
}

/** Both halves. */
export interface BidiStream extends RecvStream, SendStream {}

/** Receives a new link and returns the handler of its events. Streams may be opened on the link from inside this call. */
export type Attach = (link: Link) => LinkHandler;

/** One connection with one negotiated protocol. */
export interface Link {
  readonly info: LinkInfo;
  /** The engine that runs it: streams of links of one engine may share a {@link FanOut}. */
  readonly engine: FanOutFactory;
  /** Bytes written to streams of this link and not yet handed to the network. */
  readonly queued: number;
  /** True once `close` was called or the link ended. */
  readonly ended: boolean;
  /** Longest datagram that can be sent, in bytes. 0 where the link has no datagrams. */
  readonly maxDatagramSize: number;
  /** Opens a stream. Returns nothing at the peer's stream limit, and `capacity` follows; or when the link has ended. */
  openUni(priority: number, handler: SendHandler): SendStream | undefined;
  openBidi(priority: number, handler: BidiHandler): BidiStream | undefined;
  /**
   * Raises the number of bidirectional streams that the peer may have open above `LinkLimits.bidiStreams`. A lower number than before
   * changes nothing. The engines `rwebtransport` and `fails-components` cannot raise it and ignore the call.
   */
  allowBidi(streams: number): void;
  /**
   * True: the engine reads nothing more of the link until this is called with false, so that the peer has to wait. Events that were
   * read already still come. The engines `rwebtransport`, `fails-components` and `memory` cannot pause and ignore the call.
   */
  pauseReading(paused: boolean): void;
  /** Sends a datagram. False when it is too long, the queue is full, or the link has no datagrams. */
  sendDatagram(bytes: Uint8Array): boolean;
  /** Ends the link without flushing its streams. `closed` follows with `by: "local"`. */
  close(code: number, reason: string): void;
  stats(): LinkStats;
}

/** Figures of a link. One that the engine does not know is absent. */
export interface LinkStats {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Smoothed round-trip time in milliseconds. */
  readonly rttMs?: number;
  /** Estimated send rate in bits per second. */
  readonly sendRate?: number;
  readonly packetsSent?: number;
  readonly packetsLost?: number;
  /**
   * Rises with each packet of the peer, acknowledgements included, at once and without JavaScript. Absent where the engine does not know
   * it, or knows it late.
   */
  readonly heard?: number;
}

/** Creates fan-outs. All streams of a fan-out belong to links of one engine. */
export interface FanOutFactory {
  readonly name: string;
  /** What is written to its streams is copied before the call returns. Absent: it is kept by reference. */
  readonly copies?: boolean;
  fanOut(): FanOut;
}

/** A set of send streams that are written to in one call. A stream that ends leaves the set by itself. */
export interface FanOut {
  readonly size: number;
  /** Streams that `write` writes to: those to which nothing is passed on. Absent where the engine cannot pass streams on: all. */
  readonly written?: number;
  /** From now on `write` writes to all of them again. */
  unpassed?(): void;
  add(stream: SendStream): void;
  remove(stream: SendStream): void;
  /** Writes the same bytes, by reference, to every stream of the set. */
  write(bytes: Uint8Array): void;
  /** Finishes every stream and empties the set. */
  finish(): void;
  /** Resets every stream and empties the set. */
  reset(code: number): void;
}

/** Certificate chain and key as PEM text; the key is PKCS#8. */
export interface Certificate extends KeyPairPem {
  /**
   * Further certificates by DNS name, lower-case, `*.` for one label, for clients that send that name (SNI). Engines without SNI use the
   * first certificate for all clients.
   */
  readonly names?: ReadonlyMap<string, KeyPairPem>;
}

export interface KeyPairPem {
  readonly cert: string;
  readonly key: string;
}

/** Which certificates a listener accepts from clients. One that chains to no authority is refused. */
export interface ClientAuthorities {
  /** Certificates of the authorities, PEM. */
  readonly pem: string;
  /** Clients without a certificate are refused. */
  readonly required: boolean;
}

/** Bounds of every link that a listener accepts or a dial creates. */
export interface LinkLimits {
  /** Concurrent unidirectional streams that the peer may have open. */
  readonly uniStreams: number;
  /** Concurrent bidirectional streams that the peer may have open. */
  readonly bidiStreams: number;
  /** Milliseconds without a packet from the peer after which the link has ended. */
  readonly idleTimeoutMs: number;
  /** Milliseconds between the probes that keep a link alive. */
  readonly keepAliveMs: number;
  /** Step in bytes at which `backlog` is reported. */
  readonly queueMark: number;
}

/** A client's request for a link. The relay calls exactly one of `accept` and `reject`, at once or later. */
export interface LinkRequest {
  readonly info: LinkInfo;
  /**
   * Completes the handshake. `attach` is called with the link before its first event, from inside this call or in a later turn. When
   * the client has gone meanwhile, `gone` is called instead. An engine that does not learn of that calls neither.
   */
  accept(attach: Attach, gone?: () => void): void;
  /** Answers with an HTTP status where the binding has one. */
  reject(status: number, reason: string): void;
}

export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Application protocols, best first. */
  readonly protocols: readonly string[];
  /**
   * The protocol of a WebTransport client that offers none, because it agrees on its version later. Absent: its link has the protocol "".
   * Engines whose WebTransport must have a protocol refuse such clients.
   */
  readonly unoffered?: string;
  readonly certificate: Certificate;
  /** Absent: the listener asks for no client certificate. Engines without {@link Engine.clientCertificates} ignore it. */
  readonly clients?: ClientAuthorities;
  readonly limits: LinkLimits;
  /**
   * Where clients shall go on after their handshake: IP addresses with ports, at most one of each family (RFC 9000 section 9.6). Engines
   * that cannot tell clients ignore it.
   */
  readonly preferred?: readonly string[];
}

export interface Listener {
  readonly address: PeerAddress;
  /**
   * New connections use `certificate`, and `clients` if the listener was opened with some; existing connections go on. False when the
   * engine cannot change them. Throws {@link TransportError} `bad_certificate` when they are unusable; then the old ones stay in use.
   */
  setCertificate(certificate: Certificate, clients?: ClientAuthorities): boolean;
  /** Accepts no more connections; existing ones go on. */
  stopAccepting(): void;
  /** Ends all its links and frees the socket. */
  close(): Promise<void>;
}

/** How a dialled server proves its identity. */
export type Trust =
  /** By the system's root certificates. */
  | { readonly kind: "system" }
  /** By these root certificates, PEM. */
  | { readonly kind: "roots"; readonly pem: string }
  /** By a certificate whose DER has one of these SHA-256 hashes. */
  | { readonly kind: "hashes"; readonly sha256: readonly Uint8Array[] }
  /** Not at all: only for tests and debugging. */
  | { readonly kind: "insecure" };

export interface DialOptions {
  /** `https:` for WebTransport, `ws:` or `wss:` for WebSocket, `moql:` for raw QUIC. */
  readonly url: URL;
  /**
   * IP address to connect to, in place of the URL's host. SNI, certificate and request are still those of the host. An engine without
   * {@link Engine.dialsAddresses} rejects with `dial_failed`.
   */
  readonly address?: string;
  /** Application protocols, best first. */
  readonly protocols: readonly string[];
  /**
   * The protocol of a WebTransport server that names none, because it agrees on its version later; one of {@link protocols}. Absent: such a
   * server is refused (`no_common_protocol`).
   */
  readonly unanswered?: string;
  readonly headers?: ReadonlyMap<string, string>;
  readonly trust: Trust;
  /** Shown to a server that asks for one. Engines without {@link Engine.clientCertificates} ignore it. */
  readonly certificate?: KeyPairPem;
  readonly limits: LinkLimits;
  /** Milliseconds until the attempt fails. */
  readonly timeoutMs: number;
}

/** A QUIC engine, or a stand-in for one. Errors of `listen` and `dial` are {@link TransportError}. */
export interface Engine extends FanOutFactory {
  /** Rejects when the socket cannot be bound or the certificate is unusable. */
  listen(options: ListenOptions, onRequest: (request: LinkRequest) => void): Promise<Listener>;
  /** Whether `DialOptions.address` can be used. */
  readonly dialsAddresses: boolean;
  /** Whether `DialOptions.trust` may be roots of one's own. */
  readonly trustsRoots: boolean;
  /** Begins at most `perSecond` handshakes in a second, and `burst` at once; 0: no bound. Absent where the engine has no such bound. */
  limitHandshakes?(perSecond: number, burst: number): void;
  /** Handshakes that did not begin because of that bound, since the start. */
  handshakesLimited?(): number;
  /** The threads of the engine, and asks each for a sign of life, which costs it next to nothing. Absent where the engine cannot tell. */
  pulses?(): readonly WorkerPulse[];
  /** Whether a listener can ask for a client certificate, and a dial show one. */
  readonly clientCertificates: boolean;
  /** Whether connection ids show a load balancer which relay made them, and clients get {@link ListenOptions.preferred}. Absent: no. */
  readonly routable?: boolean;
  /** Replaces the key of stateless resets for new connections. False for an engine without a key; absent where an engine has none. */
  setResetKey?(key: Uint8Array): boolean;
  /** Absent where the engine cannot tell. */
  handshakes?(): HandshakeCounts;
  /** Ends the threads of the engine. Its listeners and links have been closed, and no call follows. Absent where it has none of its own. */
  close?(): void;
  /** Resolves when the link is established with one of the protocols, after `attach` was called with it. */
  dial(options: DialOptions, attach: Attach): Promise<Link>;
}

/** What every engine is built from. */
export interface EngineDeps {
  readonly clock: Clock;
  /** Reports an unexpected error inside the engine, other than the end of a link. The message has no credential. */
  readonly warn: (message: string, error?: unknown) => void;
}
