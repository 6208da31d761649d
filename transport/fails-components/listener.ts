import { randomBytes } from "node:crypto";
import type { ServerHttp2Session } from "node:http2";
import {
  type Attach,
  type Certificate,
  type EngineDeps,
  type FanOutFactory,
  type LinkInfo,
  type LinkRequest,
  type Listener,
  type ListenOptions,
  type PeerAddress,
  TransportError,
} from "../../moq/link.ts";
import { splitTarget } from "../shared/index.ts";
import { parseKeyPair } from "../tls/index.ts";
import { W3cLink } from "./link.ts";
import type { Package, RequestAnswer, RequestHeader, W3cServer, W3cSession } from "./package.ts";

/** The name under which the package passes on accepted sessions; not a path of requests. */
const SESSIONS = "moqmesh";

/** Milliseconds that an accepted client may take to open its session. */
const SESSION_TIMEOUT_MS = 10_000;

/** Milliseconds that connections may take to end when their listener is closed. */
const CLOSE_WAIT_MS = 500;

export interface EngineParts {
  readonly lib: Package;
  /** True: HTTP/3; false: the package's HTTP/2 server. */
  readonly http3: boolean;
  readonly engine: FanOutFactory;
  readonly deps: EngineDeps;
}

type OnRequest = (request: LinkRequest) => void;

/** Binds the socket. Rejects with {@link TransportError} `bind_failed` or `bad_certificate`. */
export async function listen(parts: EngineParts, options: ListenOptions, onRequest: OnRequest): Promise<Listener> {
  const { cert, key } = options.certificate;
  parseKeyPair(cert, "the certificate", key, "the key");
  const Server = parts.http3 ? parts.lib.Http3Server : parts.lib.Http2Server;
  const server = new Server({
    host: options.host,
    port: options.port,
    cert,
    privKey: key,
    secret: randomBytes(32).toString("hex"),
    initialUnidirectionalStreams: options.limits.uniStreams,
    initialBidirectionalStreams: options.limits.bidiStreams,
    // With `reuseAddr` a second listener could bind the same port unnoticed and get half of the clients.
    quicheNodeSocketOptions: { reuseAddr: false },
  });
  const listener = new W3cListener(parts, options, server, onRequest);
  await listener.start();
  return listener;
}

class W3cListener implements Listener {
  readonly #parts: EngineParts;
  readonly #options: ListenOptions;
  readonly #server: W3cServer;
  readonly #onRequest: OnRequest;
  readonly #links = new Set<W3cLink>();
  readonly #connections = new Set<{ destroy(): void }>();
  /** Refuse the requests that the program has not answered. */
  readonly #undecided = new Set<() => void>();
  /** Accepted requests whose session has not opened yet. */
  readonly #pending = new Map<number, (session: W3cSession) => void>();
  #nextRequest = 0;
  #peer = "";
  #address: PeerAddress = { address: "", port: 0 };
  #accepting = true;
  #closing: Promise<void> | undefined;

  constructor(parts: EngineParts, options: ListenOptions, server: W3cServer, onRequest: OnRequest) {
    this.#parts = parts;
    this.#options = options;
    this.#server = server;
    this.#onRequest = onRequest;
  }

  get address(): PeerAddress {
    return this.#address;
  }

  async start(): Promise<void> {
    const server = this.#server;
    // The package does not pass the peer's address to the callback.
    const ask = server.onSessionRequest.bind(server);
    server.onSessionRequest = (asked) => {
      this.#peer = asked.peerAddress ?? "";
      ask(asked);
    };
    server.setRequestCallback(({ header }) => this.#ask(header, this.#peer));
    const sessions = server.sessionStream(SESSIONS, { noAutoPaths: true });
    server.startServer();
    try {
      await server.ready;
    } catch (cause) {
      // The unbound socket would keep the process alive.
      if (this.#parts.http3) server.stopServer();
      throw new TransportError("bind_failed", `fails-components cannot listen: ${messageOf(cause)}`, { cause });
    }
    server.transportInt?.serverInt?.on("session", (connection: ServerHttp2Session) => {
      this.#connections.add(connection);
      connection.on("close", () => this.#connections.delete(connection));
    });
    const bound = server.address();
    this.#address = { address: bound?.host ?? this.#options.host, port: bound?.port ?? this.#options.port };
    void this.#take(sessions);
  }

  /** Over HTTP/3 the package keeps its first certificate. */
  setCertificate({ cert, key }: Certificate): boolean {
    if (this.#parts.http3) return false;
    parseKeyPair(cert, "the certificate", key, "the key");
    this.#server.updateCert(cert, key, true);
    return true;
  }

  stopAccepting(): void {
    this.#accepting = false;
  }

  /** Stops the server once: the package ends the process when its server is stopped a second time. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#accepting = false;
    for (const refuse of [...this.#undecided]) refuse();
    for (const link of [...this.#links]) link.close(0, "");
    this.#pending.clear();
    // The package writes the links' closes in the next turns.
    await new Promise((resolve) => setImmediate(resolve));
    this.#server.stopServer();
    const cancel = this.#parts.deps.clock.timer(CLOSE_WAIT_MS, () => {
      for (const connection of this.#connections) connection.destroy();
    });
    if (this.#connections.size === 0) cancel();
  }

  /** Resolves when the program has answered. Never rejects: the package would not answer the client. */
  #ask(header: RequestHeader, peer: string): Promise<RequestAnswer> {
    const request = this.#nextRequest++;
    const refused = (status: number): RequestAnswer => ({ status, path: SESSIONS, userData: { request } });
    if (!this.#accepting) return Promise.resolve(refused(503));
    const selected = this.#select(header);
    const protocol = selected ?? this.#unoffered(header);
    // The package's client reads the missing protocol from a 200, but nothing from another status. The session is then
    // closed.
    if (protocol === undefined) return Promise.resolve(refused(200));
    return new Promise((resolve) => {
      const answer = (given: RequestAnswer) => {
        this.#undecided.delete(refuse);
        resolve(given);
      };
      const refuse = () => answer(refused(503));
      this.#undecided.add(refuse);
      const asked: LinkRequest = {
        info: infoOf(this.#parts.engine.name, header, peer, protocol),
        accept: (attach) => {
          this.#expect(request, asked.info, attach);
          answer({ status: 200, path: SESSIONS, ...selecting(selected), userData: { request } });
        },
        reject: (status) => answer(refused(status)),
      };
      try {
        this.#onRequest(asked);
      } catch (error) {
        this.#parts.deps.warn("fails-components: a request handler failed; its client is refused", error);
        answer(refused(500));
      }
    });
  }

  /** The protocol of a client that offers none. */
  #unoffered(header: RequestHeader): string | undefined {
    const offered = header["wt-available-protocols"];
    return offered === undefined || offered.length === 0 ? this.#options.unoffered : undefined;
  }

  #select(header: RequestHeader): string | undefined {
    const offered = header["wt-available-protocols"];
    const names = typeof offered === "string" ? offered.split(",").map(unquoted) : (offered ?? []);
    return this.#options.protocols.find((name) => names.includes(name));
  }

  #expect(request: number, info: LinkInfo, attach: Attach): void {
    const { engine, deps } = this.#parts;
    const cancel = deps.clock.timer(SESSION_TIMEOUT_MS, () => this.#pending.delete(request));
    this.#pending.set(request, (session) => {
      cancel();
      const { limits } = this.#options;
      const link = new W3cLink({ session, info, engine, limits, warn: deps.warn });
      this.#links.add(link);
      const gone = () => void this.#links.delete(link);
      session.closed.then(gone, gone);
      link.attach(attach);
    });
  }

  async #take(sessions: ReadableStream<W3cSession>): Promise<void> {
    const reader = sessions.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      const session = next.value;
      const request = session.userData?.request ?? -1;
      session.ready.then(
        () => {
          const begin = this.#pending.get(request);
          this.#pending.delete(request);
          if (begin === undefined) session.close({ closeCode: 0, reason: "" });
          else begin(session);
        },
        () => this.#pending.delete(request),
      );
    }
  }
}

function selecting(protocol: string | undefined): Pick<RequestAnswer, "selectedProtocol"> {
  return protocol === undefined ? {} : { selectedProtocol: protocol };
}

function infoOf(engine: string, header: RequestHeader, peer: string, protocol: string): LinkInfo {
  const target = text(header[":path"]);
  const port = /:(\d+)$/.exec(peer)?.[1];
  const headers = Object.entries(header).flatMap(([name, value]): [string, string][] =>
    name.startsWith(":") || typeof value !== "string" ? [] : [[name.toLowerCase(), value]],
  );
  return {
    engine,
    binding: "webtransport",
    protocol,
    dialled: false,
    authority: text(header[":authority"]),
    ...splitTarget(target),
    headers: new Map(headers),
    peer: {
      address: peer.replace(/:\d+$/, "").replace(/^\[?(?:::ffff:)?(.*?)\]?$/, "$1"),
      port: Number(port ?? 0),
    },
  };
}

function text(value: RequestHeader[string]): string {
  return typeof value === "string" ? value : "";
}

function unquoted(item: string): string {
  return item
    .trim()
    .replace(/^"|"$/g, "")
    .replace(/\\(["\\])/g, "$1");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
