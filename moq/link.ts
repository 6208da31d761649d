/**
 * The transport contract: what a QUIC engine (or a stand-in for one) gives the relay.
 *
 * It is small, synchronous and batched. An engine delivers events by calling handlers; calls into it never
 * block, never return promises on the data path and never throw for a peer that is gone. Policy (what to
 * drop, whom to cut off) belongs to the model; an engine only reports what is queued.
 *
 * Rules every engine keeps and `test/transport/conformance.ts` checks:
 *
 * - Handlers are never called from inside a call into the engine; events arrive from the engine's own turn.
 * - After `closed` no handler of that link or of its streams is called again.
 * - A call on a stream or a link that is gone does nothing.
 * - Each half of a stream ends once: a receive half by `fin` or `reset`, a send half by `finish`, `reset` or `stop`.
 */
import type { Clock } from "./clock.ts";

/** How the bytes of a link travel. `quic` alone has no request URI of its own. */
export type Binding = "webtransport" | "quic" | "websocket" | "memory";

/** What is known of a connection when it is offered, and for as long as it lasts. */
export interface LinkInfo {
  /** The engine's name, as in `[server] engine`. */
  readonly engine: string;
  readonly binding: Binding;
  /** The negotiated application protocol, e.g. `moq-lite-05`; empty when none was agreed on. */
  readonly protocol: string;
  /** True at the end that dialled. */
  readonly dialled: boolean;
  /** Host and port that the client asked for, as in the `:authority` or `Host` field; empty where there is none. */
  readonly authority: string;
  /** Request path, starting with `/`; empty on a binding without a request URI. */
  readonly path: string;
  /** Query of the request without its `?`; may hold a credential, so it is never logged. */
  readonly query: string;
  /** Request headers by lower-case name; may hold a credential, so they are never logged. */
  readonly headers: ReadonlyMap<string, string>;
  readonly peer: PeerAddress;
  /** DER of the certificate that the peer proved to own, where the engine asked for one. */
  readonly peerCertificate?: Uint8Array;
}

/** A socket address. */
export interface PeerAddress {
  /** IP address without brackets or zone; empty when the engine cannot tell. */
  readonly address: string;
  /** 0 when the engine cannot tell. */
  readonly port: number;
}

/** Why and how a link ended. */
export interface LinkClosed {
  /** `local` and `remote`: closed on purpose by that end. `timeout`: the peer fell silent. `error`: the engine gave up. */
  readonly by: "local" | "remote" | "timeout" | "error";
  /** Application close code, 0 to 2^32-1; 0 when there is none. */
  readonly code: number;
  /** UTF-8 text, at most {@link MAX_CLOSE_REASON} bytes; may be empty. */
  readonly reason: string;
}

/** Longest close reason in bytes (WebTransport over HTTP/3 section 6: 1024). Longer ones are cut. */
export const MAX_CLOSE_REASON = 1024;

/** Stream priority of control messages: above all data. */
export const PRIORITY_CONTROL = 2 ** 31 - 1;

/** Events of a link. The bytes given are valid only during the call; who needs them longer copies them. */
export interface LinkHandler {
  /** The peer opened a unidirectional stream. The returned handler gets its events, starting after this call. */
  uni(stream: RecvStream): RecvHandler;
  /** The peer opened a bidirectional stream. */
  bidi(stream: BidiStream): BidiHandler;
  /** One datagram. */
  datagram(bytes: Uint8Array): void;
  /** After `openUni` or `openBidi` returned nothing: the peer now allows more. May be spurious. */
  capacity(): void;
  /**
   * `link.queued` rose past the link's `queueMark`, or past a further multiple of it. Comes in the engine's
   * next turn after the writes that caused it.
   */
  backlog(queued: number): void;
  /** `link.queued` was over its mark and is now under half of it. */
  drained(): void;
  /** The link is gone. Last event. */
  closed(why: LinkClosed): void;
}

/** Events of a receive half. */
export interface RecvHandler {
  /** `bytes` is never empty and valid only during the call. */
  data(bytes: Uint8Array): void;
  fin(): void;
  /** The peer reset its send half; data not yet delivered is lost. `code` is 0 to 2^32-1. */
  reset(code: number): void;
}

/** Events of a send half. */
export interface SendHandler {
  /**
   * The peer asked to stop (STOP_SENDING). The send half is over: what is queued is dropped, no `reset` is needed. After
   * `finish` the queue is dropped without this event.
   */
  stop(code: number): void;
}

/** Events of a bidirectional stream. */
export interface BidiHandler extends RecvHandler, SendHandler {}

/** The receive half of a stream. */
export interface RecvStream {
  /** Unique among the live streams of its link. */
  readonly id: number;
  /** Asks the peer to stop sending; no more events come for this half. */
  stop(code: number): void;
}

/** The send half of a stream. */
export interface SendStream {
  readonly id: number;
  /** Bytes written and not yet handed to the network; 0 once the half has ended by reset or stop. */
  readonly queued: number;
  /** True after `finish`, `reset`, a `stop` from the peer, or the end of the link. Writing then does nothing. */
  readonly ended: boolean;
  /** Always accepts. The bytes are kept by reference and must not change afterwards. */
  write(bytes: Uint8Array): void;
  /** Sends FIN after what is queued. */
  finish(): void;
  /** Ends the half at once and drops what is queued, also after `finish` while something is. */
  reset(code: number): void;
  /** Higher first among the streams of the link. An integer from 0 to 2^31-1. */
  setPriority(priority: number): void;
}

/** Both halves. */
export interface BidiStream extends RecvStream, SendStream {}

/** Takes a new link and says who gets its events. Streams may be opened on the link from inside this call. */
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
  /** Longest datagram that can be sent, in bytes; 0 where there are none. */
  readonly maxDatagramSize: number;
  /** A new stream, or nothing when the peer's stream limit is reached or the link has ended; `capacity` follows. */
  openUni(priority: number, handler: SendHandler): SendStream | undefined;
  openBidi(priority: number, handler: BidiHandler): BidiStream | undefined;
  /**
   * The peer may have so many bidirectional streams open from now on, beyond `LinkLimits.bidiStreams`; fewer than before change
   * nothing. Engines that cannot, `rwebtransport` and `fails-components`, do nothing.
   */
  allowBidi(streams: number): void;
  /**
   * True: the peer's bytes, streams and datagrams wait in the network until this is called with false. Events that have been read
   * already still come. Engines that cannot, `rwebtransport`, `fails-components` and `memory`, do nothing.
   */
  pauseReading(paused: boolean): void;
  /** False when it could not be sent: too long, queue full, or unsupported. */
  sendDatagram(bytes: Uint8Array): boolean;
  /** Ends the link; `closed` follows with `by: "local"`. Streams are not flushed. */
  close(code: number, reason: string): void;
  stats(): LinkStats;
}

/** What an engine knows of a link; a figure it cannot give is absent. Cheap to call. */
export interface LinkStats {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Smoothed round-trip time in milliseconds. */
  readonly rttMs?: number;
  /** Estimated send rate in bits per second. */
  readonly sendRate?: number;
  readonly packetsLost?: number;
}

/** Makes fan-outs whose streams all belong to links of one engine. */
export interface FanOutFactory {
  readonly name: string;
  fanOut(): FanOut;
}

/** A set of send streams written to in one call. A stream that ends leaves by itself. */
export interface FanOut {
  readonly size: number;
  add(stream: SendStream): void;
  remove(stream: SendStream): void;
  /** Same bytes, by reference, to every stream of the set. */
  write(bytes: Uint8Array): void;
  /** Finishes every stream and empties the set. */
  finish(): void;
  /** Resets every stream and empties the set. */
  reset(code: number): void;
}

/** Certificate chain and key as PEM text; the key is PKCS#8. */
export interface Certificate extends KeyPairPem {
  /** Further ones by DNS name, lower-case, `*.` for one label: for clients that ask for it. Engines without SNI show the first to all. */
  readonly names?: ReadonlyMap<string, KeyPairPem>;
}

export interface KeyPairPem {
  readonly cert: string;
  readonly key: string;
}

/** Bounds of every link that a listener accepts or a dial makes. */
export interface LinkLimits {
  /** Concurrent unidirectional streams that the peer may have open. */
  readonly uniStreams: number;
  /** Concurrent bidirectional streams that the peer may have open. */
  readonly bidiStreams: number;
  /** A link without any packet from its peer for this long has ended. Milliseconds. */
  readonly idleTimeoutMs: number;
  /** Probe interval that keeps a link alive. Milliseconds. */
  readonly keepAliveMs: number;
  /** Step in bytes at which `backlog` is reported. */
  readonly queueMark: number;
}

/** What a client asked for; exactly one of `accept` and `reject` is called, at once or later. */
export interface LinkRequest {
  readonly info: LinkInfo;
  /**
   * Completes the handshake. `attach` is called with the link before its first event, from inside this call or
   * in a later turn. When the client has gone meanwhile, `gone` is called instead; engines that do not hear of that call neither.
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
  readonly certificate: Certificate;
  readonly limits: LinkLimits;
}

export interface Listener {
  readonly address: PeerAddress;
  /** New connections use it; none that exists is dropped. False where the engine cannot. */
  setCertificate(certificate: Certificate): boolean;
  /** Stops taking new connections; those that exist go on. */
  stopAccepting(): void;
  /** Ends all its links and frees the socket. */
  close(): Promise<void>;
}

/** How a dialled server is trusted. */
export type Trust =
  /** The system's roots. */
  | { readonly kind: "system" }
  /** These roots, PEM. */
  | { readonly kind: "roots"; readonly pem: string }
  /** Exactly the certificates with one of these SHA-256 hashes of their DER. */
  | { readonly kind: "hashes"; readonly sha256: readonly Uint8Array[] }
  /** Anyone; only for tests and debugging. */
  | { readonly kind: "insecure" };

export interface DialOptions {
  /** `https:` for WebTransport, `ws:` or `wss:` for WebSocket, `moql:` for raw QUIC. */
  readonly url: URL;
  /**
   * IP address to connect to instead of what the URL's host resolves to; SNI, certificate and request are still those of the host.
   * Only where the engine {@link Engine.dialsAddresses}; others reject with `dial_failed`.
   */
  readonly address?: string;
  /** Application protocols, best first. */
  readonly protocols: readonly string[];
  readonly headers?: ReadonlyMap<string, string>;
  readonly trust: Trust;
  readonly limits: LinkLimits;
  /** Milliseconds until the attempt fails. */
  readonly timeoutMs: number;
}

/** One QUIC engine, or one stand-in for it. Errors of `listen` and `dial` are {@link TransportError}. */
export interface Engine extends FanOutFactory {
  /** Rejects when the socket cannot be bound or the certificate is unusable. */
  listen(options: ListenOptions, onRequest: (request: LinkRequest) => void): Promise<Listener>;
  /** Whether `DialOptions.address` can be used. */
  readonly dialsAddresses: boolean;
  /** Whether `DialOptions.trust` may be roots of one's own. */
  readonly trustsRoots: boolean;
  /** Resolves when the link is established with one of the protocols; `attach` was called with it before. */
  dial(options: DialOptions, attach: Attach): Promise<Link>;
}

/** What every engine is built from. */
export interface EngineDeps {
  readonly clock: Clock;
  /** Something unexpected inside an engine that is not a link's own end; never holds a credential. */
  readonly warn: (message: string, error?: unknown) => void;
}

export type TransportErrorCode =
  | "engine_unavailable"
  | "bind_failed"
  | "bad_certificate"
  | "start_hangs"
  | "dial_failed"
  | "dial_timeout"
  | "dial_rejected"
  | "no_common_protocol"
  | "unsupported_url"
  | "cluster_unusable";

/** A failed `listen` or `dial`. */
export class TransportError extends Error {
  readonly code: TransportErrorCode;
  /** HTTP status of a rejection, where there was one. */
  readonly status: number | undefined;

  constructor(code: TransportErrorCode, message: string, options?: { cause?: unknown; status?: number }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = "TransportError";
    this.code = code;
    this.status = options?.status;
  }
}
