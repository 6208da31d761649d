/** @moq/net, an implementation that is not ours, as publisher and viewer at one end of one negotiated protocol. */
import { Connection } from "@moq/net";
import QmuxSession from "@moq/qmux";
import { WebTransport as NodeWebTransport } from "rwebtransport";

// The library logs every step on the console, and every end of a session as a warning; failures are rejections.
if (process.env["MOQMESH_TEST_VERBOSE"] === undefined) {
  for (const level of ["debug", "warn", "error"] as const) console[level] = () => undefined;
}

/** Names by which versions are negotiated. */
export const PROTOCOLS = ["moq-lite-03", "moq-lite-04", "moq-lite-05"] as const;
export const EXPERIMENTAL_PROTOCOL = "moq-lite-06-wip";
export type Protocol = (typeof PROTOCOLS)[number] | typeof EXPERIMENTAL_PROTOCOL;

export const TRANSPORTS = ["webtransport", "websocket"] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** What a session needs of the relay it dials. */
export interface PeerRelay {
  /** `http://127.0.0.1:PORT/` */
  readonly url: URL;
  /** SHA-256 of the certificate. */
  readonly certificateHash: Uint8Array<ArrayBuffer>;
}

/** Sessions of one test, closed together. */
export class Peers {
  readonly #relay: () => PeerRelay;
  readonly #open = new Set<Connection.Established>();

  constructor(relay: () => PeerRelay) {
    this.#relay = relay;
  }

  /** A session in exactly this version over exactly this transport. */
  async connect(transport: Transport, protocol: Protocol): Promise<Connection.Established> {
    const relay = this.#relay();
    const session = transport === "webtransport" ? dialQuic(relay, protocol) : dialSocket(relay, protocol);
    session.closed.catch(() => undefined);
    await session.ready;
    const connection = await Connection.connect(relay.url, { transport: session });
    this.#open.add(connection);
    return connection;
  }

  closeAll(): void {
    for (const connection of this.#open) connection.close();
    this.#open.clear();
  }
}

function dialQuic(relay: PeerRelay, protocol: Protocol): WebTransport {
  const address = new URL(relay.url);
  address.protocol = "https:";
  return new NodeWebTransport(address.href, {
    protocols: [protocol],
    serverCertificateHashes: [{ algorithm: "sha-256", value: relay.certificateHash }],
  });
}

function dialSocket(relay: PeerRelay, protocol: Protocol): WebTransport {
  const address = new URL(relay.url);
  address.protocol = "ws:";
  return new QmuxSession(address, { protocols: [protocol], versions: { [protocol]: null }, requireProtocol: true });
}
