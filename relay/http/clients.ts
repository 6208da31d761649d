import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { PeerAddress } from "../../moq/link.ts";
import type { Places } from "./places.ts";

/** What follows for a connection. */
export interface Reception {
  /** Goes on with the connection; `client` is the address that its proxy names, absent where it names none. */
  readonly enter: (client: string | undefined) => void;
  readonly refuse: () => void;
}

/** Who the clients of a TCP listener are, where proxies pass their connections on. */
export interface Clients {
  /** Calls back at once, or when the header of a proxy is there. */
  receive(socket: Socket, next: Reception): void;
  /** True for the first bytes of a client that only a proxy may send. */
  forges(socket: Socket, first: Uint8Array): boolean;
  /** The client of a request. */
  of(request: IncomingMessage): PeerAddress;
}

/** Clients of a listener without proxies. */
export const DIRECT_CLIENTS: Clients = {
  receive: (_, { enter }) => enter(undefined),
  forges: () => false,
  of: ({ socket }) => ({ address: plainAddress(socket.remoteAddress ?? ""), port: socket.remotePort ?? 0 }),
};

export interface Admission {
  readonly clients: Clients;
  readonly places: Places;
  /** Cuts the connection: there is no place for it. */
  readonly refuse: () => void;
  /** Keeps the function that gives the place up; a later call replaces it. */
  readonly hold: (leave: () => void) => void;
  /** The connection may go on. */
  readonly go: () => void;
}

/** Gives a connection a place: one of its own address, and one of its client's address as soon as its proxy has named it. */
export function admit(socket: Socket, { clients, places, refuse, hold, go }: Admission): void {
  const leave = places.take(socket.remoteAddress ?? "", refuse);
  if (leave === undefined) {
    refuse();
    return;
  }
  hold(leave);
  const enter = (client: string | undefined) => {
    if (client === undefined) {
      go();
      return;
    }
    leave();
    const own = places.take(client, refuse);
    if (own === undefined) refuse();
    else {
      hold(own);
      go();
    }
  };
  clients.receive(socket, { enter, refuse: () => void socket.destroy() });
}

/** An address without a zone; IPv4 inside IPv6 becomes IPv4. */
function plainAddress(remote: string): string {
  return remote.replace(/^::ffff:/, "").replace(/%.*$/, "");
}
