import { createHash, timingSafeEqual } from "node:crypto";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, TLSSocket, type ConnectionOptions as TlsOptions } from "node:tls";
import { WebSocket } from "ws";
import {
  type Attach,
  type DialOptions,
  type EngineDeps,
  type FanOutFactory,
  type Link,
  type LinkInfo,
  TransportError,
  type Trust,
} from "../contract.ts";
import { agreements } from "./forms.ts";
import type { Turn } from "./turn.ts";
import { openConnection, peerOf, WEBSOCKET_OPTIONS } from "./web-socket.ts";

/** Schemes that are dialled, and whether over TLS. */
const SCHEMES: ReadonlyMap<string, boolean> = new Map([
  ["ws:", false],
  ["http:", false],
  ["wss:", true],
  ["https:", true],
]);

interface Dialling {
  readonly options: DialOptions;
  readonly secure: boolean;
  readonly engine: FanOutFactory;
  readonly deps: EngineDeps;
  readonly turn: Turn;
  readonly attach: Attach;
}

/** Opens a link; rejects with a {@link TransportError}. */
export function dial(
  options: DialOptions,
  engine: FanOutFactory,
  deps: EngineDeps,
  turn: Turn,
  attach: Attach,
): Promise<Link> {
  const secure = SCHEMES.get(options.url.protocol);
  if (secure === undefined) {
    return Promise.reject(new TransportError("unsupported_url", `qmux cannot dial ${options.url.protocol}`));
  }
  return new Promise((resolve, reject) => {
    const dialling: Dialling = { options, secure, engine, deps, turn, attach };
    new Attempt(dialling, resolve, reject).start();
  });
}

/** One dial, from its first packet to the link or the error. */
class Attempt {
  readonly #dialling: Dialling;
  readonly #resolve: (link: Link) => void;
  readonly #reject: (error: TransportError) => void;
  #cancelTimer: () => void = () => {};
  /** Ends what has been begun. */
  #abandon: () => void = () => {};
  #settled = false;
  /** The peer's, DER. Read when the handshake ends: TLS forgets it afterwards. */
  #certificate: Uint8Array | undefined;

  constructor(dialling: Dialling, resolve: (link: Link) => void, reject: (error: TransportError) => void) {
    this.#dialling = dialling;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    const { options, secure, deps } = this.#dialling;
    const late = () => this.#fail(new TransportError("dial_timeout", `no link within ${options.timeoutMs} ms`));
    this.#cancelTimer = deps.clock.timer(options.timeoutMs, late);
    const host = options.url.hostname.replace(/^\[|\]$/g, "");
    const port = Number(options.url.port) || (secure ? 443 : 80);
    const at = { host: options.address ?? host, port };
    const socket = secure ? connectTls({ ...at, ...tlsOptions(host, options.trust) }) : connectTcp(at);
    this.#abandon = () => socket.destroy();
    socket.once("error", this.#failed);
    socket.once(secure ? "secureConnect" : "connect", () => {
      socket.off("error", this.#failed);
      this.#certificate = certificateOf(socket);
      if (!isTrusted(this.#certificate, options.trust)) {
        this.#fail(new TransportError("dial_failed", "the peer's certificate is none of those expected"));
        return;
      }
      this.#upgrade(socket);
    });
  }

  #upgrade(socket: Socket): void {
    const { options } = this.#dialling;
    const offered = agreements(options.protocols);
    const ws = new WebSocket(
      webSocketUrl(options.url),
      offered.map(({ subprotocol }) => subprotocol),
      {
        ...WEBSOCKET_OPTIONS,
        headers: Object.fromEntries(options.headers ?? []),
        createConnection: () => socket,
      },
    );
    this.#abandon = () => ws.terminate();
    /** The peer agreed to a WebSocket, and the rest of the handshake is being looked at. */
    let agreeing = false;
    ws.once("upgrade", () => {
      agreeing = true;
    });
    ws.once("unexpected-response", (_request, { statusCode: status = 0, headers }) => {
      // A listener of this engine names its protocols when it knows none of ours.
      const code = headers["sec-websocket-protocol"] === undefined ? "dial_rejected" : "no_common_protocol";
      this.#fail(new TransportError(code, `the peer answered with HTTP status ${status}`, { status }));
    });
    const failed = (cause: Error) => {
      if (!agreeing) this.#failed(cause);
      else this.#fail(new TransportError("no_common_protocol", "the peer took none of the protocols", { cause }));
    };
    // Stays while the attempt is given up, which is an error for `ws`.
    ws.on("error", failed);
    ws.once("open", () => {
      const agreed = offered.find(({ subprotocol }) => subprotocol === ws.protocol);
      if (agreed === undefined) return failed(new Error("no subprotocol"));
      agreeing = false;
      this.#open(ws, socket, agreed);
    });
  }

  #open(ws: WebSocket, socket: Socket, { protocol, form }: ReturnType<typeof agreements>[number]): void {
    const { options, engine, deps, turn, attach } = this.#dialling;
    socket.setNoDelay(true);
    const connection = openConnection(ws, socket, {
      ...deps,
      info: infoOf(options, protocol, engine.name, socket, this.#certificate),
      form,
      engine,
      limits: options.limits,
      defer: turn.defer,
      attach: (link) => {
        const handler = attach(link);
        this.#settle(() => this.#resolve(link));
        return handler;
      },
      ended: ({ reason }) => this.#fail(new TransportError("dial_failed", `the link ended at once: ${reason}`)),
    });
    this.#abandon = () => connection.close(0, "");
  }

  readonly #failed = (cause: Error): void => {
    const { host } = this.#dialling.options.url;
    this.#fail(new TransportError("dial_failed", `cannot reach ${host}: ${cause.message}`, { cause }));
  };

  #fail(error: TransportError): void {
    this.#settle(() => {
      this.#abandon();
      this.#reject(error);
    });
  }

  #settle(act: () => void): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#cancelTimer();
    act();
  }
}

function tlsOptions(host: string, trust: Trust): TlsOptions {
  const base: TlsOptions = { minVersion: "TLSv1.2", ALPNProtocols: ["http/1.1"] };
  if (isIP(host) === 0) base.servername = host;
  if (trust.kind === "roots") return { ...base, ca: trust.pem };
  // With `hashes` the certificate is compared before a byte of the request is sent.
  return trust.kind === "system" ? base : { ...base, rejectUnauthorized: false };
}

/** For `hashes`: whether the peer proved to own one of the certificates. The other kinds are up to TLS. */
function isTrusted(certificate: Uint8Array | undefined, trust: Trust): boolean {
  if (trust.kind !== "hashes") return true;
  if (certificate === undefined) return false;
  const hash = createHash("sha256").update(certificate).digest();
  return trust.sha256.some((expected) => expected.length === hash.length && timingSafeEqual(expected, hash));
}

function certificateOf(socket: Socket): Uint8Array | undefined {
  return socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.raw : undefined;
}

function webSocketUrl(url: URL): URL {
  const target = new URL(url);
  target.hash = "";
  target.protocol = SCHEMES.get(url.protocol) === true ? "wss:" : "ws:";
  return target;
}

function infoOf(
  { url, headers }: DialOptions,
  protocol: string,
  engine: string,
  socket: Socket,
  peerCertificate: Uint8Array | undefined,
): LinkInfo {
  return {
    engine,
    binding: "websocket",
    protocol,
    dialled: true,
    authority: url.host,
    path: url.pathname,
    query: url.search.slice(1),
    headers: headers ?? new Map(),
    peer: peerOf(socket),
    ...(peerCertificate === undefined ? {} : { peerCertificate }),
  };
}
