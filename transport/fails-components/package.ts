/** The part of `@fails-components/webtransport` that the adapter uses, and the loading of the package. */
import { TransportError } from "../../moq/link.ts";

const PACKAGE = "@fails-components/webtransport";
const HTTP3 = "@fails-components/webtransport-transport-http3-quiche";

/** Loads the package and its HTTP/3 addon; each is optional. */
export type Importer = (name: typeof PACKAGE | typeof HTTP3) => Promise<unknown>;

/** One end of a session: W3C WebTransport, also on the server. */
export interface W3cSession {
  readonly ready: Promise<unknown>;
  readonly closed: Promise<{ readonly closeCode?: number; readonly reason?: string }>;
  /** Only on the server. */
  readonly userData?: { readonly request?: number };
  readonly protocol: string;
  readonly incomingUnidirectionalStreams: ReadableStream<ReadableStream<Uint8Array>>;
  readonly incomingBidirectionalStreams: ReadableStream<W3cBidi>;
  readonly datagrams: {
    readonly readable: ReadableStream<Uint8Array>;
    createWritable(): WritableStream<Uint8Array>;
    readonly maxDatagramSize: number;
  };
  createUnidirectionalStream(options: StreamOptions): Promise<W3cSend>;
  createBidirectionalStream(options: StreamOptions): Promise<W3cBidi>;
  close(info: { readonly closeCode: number; readonly reason: string }): void;
}

export interface StreamOptions {
  readonly sendOrder: number;
  readonly waitUntilAvailable: boolean;
}

export interface W3cSend extends WritableStream<Uint8Array> {
  sendOrder: number;
}

export interface W3cBidi {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: W3cSend;
}

/** A client's request. */
export type RequestHeader = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface RequestAnswer {
  readonly status: number;
  readonly path: string;
  readonly selectedProtocol?: string;
  readonly userData: { readonly request: number };
}

export interface W3cServer {
  readonly ready: Promise<unknown>;
  startServer(): void;
  stopServer(): void;
  address(): { readonly port: number; readonly host: string } | null;
  updateCert(cert: string, key: string, http2Only: boolean): void;
  setRequestCallback(callback: (asked: { readonly header: RequestHeader }) => Promise<RequestAnswer>): void;
  sessionStream(path: string, options: { readonly noAutoPaths: boolean }): ReadableStream<W3cSession>;
  /** Internal. Over HTTP/2 it has Node's server, whose connections the package does not end. */
  readonly transportInt?: { readonly serverInt?: NodeJS.EventEmitter };
  /** Called by the package for each request, before the callback. */
  onSessionRequest(asked: { readonly peerAddress?: string }): void;
}

export interface ServerSettings {
  readonly host: string;
  readonly port: number;
  readonly cert: string;
  readonly privKey: string;
  readonly secret: string;
  readonly initialUnidirectionalStreams: number;
  readonly initialBidirectionalStreams: number;
  /** Options of HTTP/3's UDP socket. */
  readonly quicheNodeSocketOptions: { readonly reuseAddr: boolean };
}

export interface ClientSettings {
  readonly protocols: readonly string[];
  readonly serverCertificateHashes?: readonly { readonly algorithm: "sha-256"; readonly value: Uint8Array }[];
  readonly headers: Readonly<Record<string, string>>;
  readonly forceReliable: boolean;
  readonly requireUnreliable: boolean;
}

/** The loaded parts of the package. */
export interface Package {
  readonly WebTransport: new (url: string, settings: ClientSettings) => W3cSession;
  readonly Http2Server: new (settings: ServerSettings) => W3cServer;
  readonly Http3Server: new (settings: ServerSettings) => W3cServer;
  /** The HTTP/3 addon is installed. */
  readonly http3: boolean;
}

const importPackage: Importer = (name) => import(name);

/**
 * Rejects with {@link TransportError} `engine_unavailable` and the command that solves it: when the package is missing,
 * or when
 * `needsHttp3` is set and the addon is missing.
 */
export async function loadPackage(needsHttp3: boolean, load: Importer = importPackage): Promise<Package> {
  const http3 = await present(load, HTTP3);
  if (needsHttp3 && !http3) {
    throw new TransportError("engine_unavailable", `its HTTP/3 addon is missing: npm install ${PACKAGE} ${HTTP3}`);
  }
  return await quietly(async () => {
    let loaded: Package & { readonly quicheLoaded: Promise<unknown> };
    try {
      loaded = (await load(PACKAGE)) as typeof loaded;
    } catch (cause) {
      throw new TransportError("engine_unavailable", `the package is missing: npm install ${PACKAGE}`, { cause });
    }
    // A client that is created before this throws.
    await loaded.quicheLoaded;
    const { WebTransport, Http2Server, Http3Server } = loaded;
    return { WebTransport, Http2Server, Http3Server, http3 };
  });
}

async function present(load: Importer, name: typeof HTTP3): Promise<boolean> {
  try {
    await load(name);
    return true;
  } catch {
    return false;
  }
}

/** Silences the console meanwhile: the package reports a missing addon there, and the relay's log goes there too. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { log, error } = console;
  console.log = () => {};
  console.error = () => {};
  try {
    return await work();
  } finally {
    console.log = log;
    console.error = error;
  }
}
