import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../../moq/clock.ts";
import type { PeerAddress } from "../../moq/link.ts";
import { awaitHeader, type HeaderFault } from "./await-header.ts";
import { type ForwardedField, forwardedClient } from "./forwarded.ts";
import { isHeader, plainAddress } from "./header.ts";

/**
 * `off`: connections have no header. `from_proxies`: those of trusted proxies must have one, and others must not. `required`: only trusted
 * proxies may connect, and this machine itself.
 */
export const PROXY_PROTOCOLS = ["off", "from_proxies", "required"] as const;

/** Why a connection is closed. `not_a_proxy`: proxies are required. `untrusted`: a client sent a header as a proxy does. */
export const PROXY_REFUSALS = ["missing", "malformed", "late", "not_a_proxy", "untrusted"] as const;

export type ProxyRefusal = HeaderFault | "not_a_proxy" | "untrusted";

export interface ProxiesOptions {
  readonly protocol: (typeof PROXY_PROTOCOLS)[number];
  /** The field of HTTP in which trusted proxies name their clients. */
  readonly field: ForwardedField | undefined;
  /** True for the address of a trusted proxy. */
  readonly trusts: (address: string) => boolean;
  readonly isLoopback: (address: string) => boolean;
  readonly clock: Clock;
  /** A connection of a proxy has its header. */
  readonly passed: () => void;
  /** A connection from `address` is closed. */
  readonly refused: (reason: ProxyRefusal, address: string) => void;
}

/** What follows for a connection. */
export interface Reception {
  /** Goes on with the connection; `client` is the address that a proxy names, absent where it names none. */
  readonly enter: (client: string | undefined) => void;
  /** Closes the connection. */
  readonly refuse: () => void;
}

/**
 * The proxies in front of the relay's TCP listeners: who their clients are. A client that is not behind a trusted proxy is believed nothing.
 */
export class Proxies {
  readonly #options: ProxiesOptions;
  /** By both ends of a connection, which a TLS socket and its TCP socket share. */
  readonly #clients = new Map<string, PeerAddress>();

  constructor(options: ProxiesOptions) {
    this.#options = options;
  }

  /** Connections with a client that a proxy named. */
  get size(): number {
    return this.#clients.size;
  }

  /** True when a connection from `address` must begin with a header. */
  expects(address: string): boolean {
    return this.#options.protocol !== "off" && this.#options.trusts(address);
  }

  /** Calls back at once for a client of its own; for a proxy when its header is there. */
  receive(socket: Socket, { enter, refuse }: Reception): void {
    const { protocol, clock, passed } = this.#options;
    const { address } = endOf(socket);
    // The other end has cut the connection already, as health checks do; then the system has no address of it.
    if (address === "") {
      refuse();
      return;
    }
    const close = (reason: ProxyRefusal) => {
      this.#options.refused(reason, address);
      refuse();
    };
    if (!this.expects(address)) {
      if (protocol === "required" && !this.#isOwn(socket, address)) close("not_a_proxy");
      else enter(undefined);
      return;
    }
    awaitHeader(socket, clock, (header) => {
      if (typeof header === "string") {
        close(header);
        return;
      }
      passed();
      const client = header.client && this.#named(header.client, address);
      if (client !== undefined) this.#remember(socket, client);
      enter(client?.address);
    });
  }

  /** True when `first`, the first bytes of a client, is a header that it must not send: its connection is to be closed. */
  forges(socket: Socket, first: Uint8Array): boolean {
    if (this.#options.protocol === "off" || !isHeader(first)) return false;
    this.#options.refused("untrusted", this.#endOf(socket).address);
    return true;
  }

  /** The client of a request. */
  of({ socket, headers }: Pick<IncomingMessage, "socket" | "headers">): PeerAddress {
    const { field, trusts } = this.#options;
    const peer = this.#endOf(socket);
    if (field === undefined || !trusts(peer.address)) return peer;
    const value = headers[field];
    const list = Array.isArray(value) ? value.join(",") : (value ?? "");
    const address = forwardedClient(field, list, peer.address, trusts);
    return address === peer.address ? peer : this.#named({ address, port: 0 }, peer.address);
  }

  #endOf(socket: Socket): PeerAddress {
    return this.#clients.get(endsOf(socket)) ?? endOf(socket);
  }

  /** Loopback of another machine is that machine: it has none of the rights of this one. */
  #named(client: PeerAddress, proxy: string): PeerAddress {
    const { isLoopback } = this.#options;
    return isLoopback(client.address) && !isLoopback(proxy) ? { address: proxy, port: 0 } : client;
  }

  #isOwn(socket: Socket, address: string): boolean {
    return this.#options.isLoopback(address) || address === plainAddress(socket.localAddress ?? "");
  }

  #remember(socket: Socket, client: PeerAddress): void {
    const ends = endsOf(socket);
    this.#clients.set(ends, client);
    socket.once("close", () => this.#clients.delete(ends));
  }
}

/** The other end of a connection. */
function endOf(socket: Socket): PeerAddress {
  return { address: plainAddress(socket.remoteAddress ?? ""), port: socket.remotePort ?? 0 };
}

function endsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}
