/** A box between UDP clients and servers of loopback: a NAT or a load balancer. */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";

/** The port that a datagram of a client goes to. `client` is the same text for all datagrams from one address and port. */
export type Route = (datagram: Buffer, client: string) => number;

export class UdpProxy {
  readonly port: number;
  readonly #front: Socket;
  readonly #route: Route;
  readonly #backs = new Map<string, Socket>();

  private constructor(front: Socket, route: Route) {
    this.#front = front;
    this.#route = route;
    this.port = front.address().port;
    front.on("message", (datagram, from) => this.#forward(datagram, from));
  }

  static async open(route: Route): Promise<UdpProxy> {
    const front = createSocket("udp4");
    front.bind(0, "127.0.0.1");
    await once(front, "listening");
    return new UdpProxy(front, route);
  }

  /** Servers see every client at a new port from now on, as after a NAT has forgotten its table. */
  rebind(): void {
    for (const back of this.#backs.values()) back.close();
    this.#backs.clear();
  }

  close(): void {
    this.rebind();
    this.#front.close();
  }

  #forward(datagram: Buffer, { address, port }: RemoteInfo): void {
    const client = `${address} ${port}`;
    let back = this.#backs.get(client);
    if (back === undefined) {
      back = createSocket("udp4");
      this.#backs.set(client, back);
      back.on("message", (answer) => this.#front.send(answer, port, address));
    }
    back.send(datagram, this.#route(datagram, client), "127.0.0.1");
  }
}

/** The destination connection id of a QUIC packet; `length`: that of short headers (RFC 9000 section 17). */
export function connectionId(datagram: Buffer, length: number): Buffer {
  const long = (datagram[0] ?? 0) & 0x80;
  return long === 0 ? datagram.subarray(1, 1 + length) : datagram.subarray(6, 6 + (datagram[5] ?? 0));
}
