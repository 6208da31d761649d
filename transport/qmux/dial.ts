import type { IncomingMessage } from "node:http";
import { connect as connectTcp, type Socket, type TcpNetConnectOpts } from "node:net";
import { WebSocket } from "ws";
import {
  type Attach,
  type DialOptions,
  type EngineDeps,
  type FanOutFactory,
  type Link,
  type LinkInfo,
  TransportError,
} from "../../moq/link.ts";
import { type Turn, tls } from "../shared/index.ts";
import { describeTcpFailure, dialTlsOptions, matchesPins, peerCertificateOf } from "../tls/index.ts";
import { agreements } from "./forms.ts";
import { openLink, peerOf, WEBSOCKET_OPTIONS } from "./web-socket.ts";

/** The URL schemes that a dial supports, and whether they use TLS. */
const SCHEMES: ReadonlyMap<string, boolean> = new Map([
  ["ws:", false],
  ["http:", false],
  ["wss:", true],
  ["https:", true],
]);

export interface QmuxDeps extends EngineDeps {
  /** Sent before everything else, also before TLS, on a connection that the engine opens to `host`. Default: nothing. */
  readonly preamble?: (host: string) => Uint8Array | undefined;
}

interface Dialling {
  readonly options: DialOptions;
  readonly secure: boolean;
  readonly engine: FanOutFactory;
  readonly deps: QmuxDeps;
  readonly turn: Turn;
  readonly attach: Attach;
}

/** Opens a link; rejects with a {@link TransportError}. */
export function dial(
  options: DialOptions,
  engine: FanOutFactory,
  deps: QmuxDeps,
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
  /** Ends the attempt's socket or link. */
  #abandon: () => void = () => {};
  #settled = false;
  /** The peer's certificate, DER. It is read at the end of the handshake, because TLS does not keep it. */
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
    const preamble = deps.preamble?.(at.host);
    const begun = preamble && connectWith(at, preamble, this.#failed);
    const socket = secure
      ? tls.connect({
          ...at,
          ...(begun && { socket: begun }),
          ...dialTlsOptions(host, options.trust),
          ...options.certificate,
        })
      : (begun ?? connectTcp(at));
    this.#abandon = () => socket.destroy();
    socket.once("error", this.#failed);
    socket.once(secure ? "secureConnect" : "connect", () => {
      socket.off("error", this.#failed);
      this.#certificate = peerCertificateOf(socket);
      if (!matchesPins(this.#certificate, options.trust)) {
        const why = secure
          ? "the peer's certificate matches none of the pinned hashes"
          : "ws: has no certificate to check: use wss:";
        this.#fail(new TransportError("dial_failed", why));
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
    /** The peer agreed to a WebSocket, and `ws` checks the rest of the handshake. */
    let agreeing = false;
    ws.once("upgrade", () => {
      agreeing = true;
    });
    ws.once("unexpected-response", (_request, response) => {
      // The dial fails only after the body was read, so that the dial's timeout covers the body too.
      void refusalOf(response, options).then((error) => this.#fail(error));
    });
    const failed = (cause: Error) => {
      if (!agreeing) this.#failed(cause);
      else
        this.#fail(new TransportError("no_common_protocol", "the peer chose none of the offered protocols", { cause }));
    };
    // The listener stays: terminating the attempt is an error for `ws`.
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
    const link = openLink(ws, socket, {
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
    this.#abandon = () => link.close(0, "");
  }

  readonly #failed = (cause: Error): void => {
    const { host } = this.#dialling.options.url;
    this.#fail(new TransportError("dial_failed", `cannot reach ${host}: ${describeTcpFailure(cause)}`, { cause }));
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

function connectWith(at: TcpNetConnectOpts, preamble: Uint8Array, failed: (error: Error) => void): Socket {
  const socket = connectTcp(at);
  socket.once("connect", () => socket.write(preamble));
  // TLS on top of it does not report its errors.
  socket.on("error", failed);
  return socket;
}

/** Most bytes of a refusal's body that are read. */
const MAX_REFUSAL_BYTES = 1024;

/** The error of a refused dial, with the relay's own text from the body. */
async function refusalOf(response: IncomingMessage, { url, protocols }: DialOptions): Promise<TransportError> {
  const { statusCode: status = 0, headers } = response;
  // A listener of this engine names its protocols when it speaks none of those offered.
  const theirs = headers["sec-websocket-protocol"];
  if (theirs !== undefined) {
    // Each protocol appears once for every form of QMux.
    const bare = theirs.split(",").flatMap((name) => (name.trim().startsWith("qmux-") ? [] : name.trim()));
    const message = `${url.host} speaks none of ${protocols.join(", ")}; it speaks ${bare.join(", ")}`;
    return new TransportError("no_common_protocol", message, { status });
  }
  const text = await lineOf(response);
  const message = `${url.host} answered with HTTP status ${status}${text === "" ? "" : `: ${text}`}`;
  return new TransportError("dial_rejected", message, { status });
}

/** The first line of a body that is plain text; empty for anything else. */
async function lineOf(response: IncomingMessage): Promise<string> {
  if (!/^text\/plain\b/i.test(response.headers["content-type"] ?? "")) return "";
  let body = "";
  try {
    for await (const chunk of response.setEncoding("utf8")) {
      body += String(chunk);
      if (body.length >= MAX_REFUSAL_BYTES) break;
    }
  } catch {
    // A broken body counts as far as it arrived.
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a peer's text must not move the terminal's cursor.
  return (body.slice(0, MAX_REFUSAL_BYTES).split("\n", 1)[0] ?? "").replace(/[\u0000-\u001f\u007f-\u009f]/g, "").trim();
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
