/** A proxy of TCP on this machine that names its clients by the PROXY protocol. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

const SIGNATURE = Buffer.from("0d0a0d0a000d0a515549540a", "hex");

/** A header of version 2; `extra` are bytes after the addresses. */
export function headerV2(client: string, port = 4711, extra: Uint8Array = new Uint8Array()): Buffer {
  const v6 = client.includes(":");
  const addresses = v6
    ? Buffer.concat([ipv6(client), ipv6("2001:db8::99")])
    : Buffer.from([...client.split(".").map(Number), 192, 0, 2, 99]);
  const fixed = Buffer.from([0x21, v6 ? 0x21 : 0x11, 0, 0]);
  fixed.writeUInt16BE(addresses.length + 4 + extra.length, 2);
  const ports = Buffer.from([port >> 8, port & 0xff, 0x01, 0xbb]);
  return Buffer.concat([SIGNATURE, fixed, addresses, ports, extra]);
}

/** A header of version 1. */
export function headerV1(client: string, port = 4711): Buffer {
  return Buffer.from(`PROXY TCP4 ${client} 192.0.2.99 ${port} 443\r\n`);
}

/** Eight groups of an address with at most one `::`. */
function ipv6(address: string): Buffer {
  const [head = "", tail] = address.split("::");
  const left = head.split(":").filter((group) => group !== "");
  const right = (tail ?? "").split(":").filter((group) => group !== "");
  const groups = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => "0"), ...right];
  return Buffer.from(groups.map((group) => group.padStart(4, "0")).join(""), "hex");
}

export interface TcpProxyOptions {
  /** The header of a connection; nothing for none. */
  readonly header: (connection: number) => Uint8Array | undefined;
  /** Address of loopback from which the relay sees the proxy. */
  readonly from: string;
}

export class TcpProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = (server.address() as AddressInfo).port;
  }

  /** Passes connections on to `port` of 127.0.0.1. */
  static async open(port: number, { header, from }: TcpProxyOptions): Promise<TcpProxy> {
    const sockets = new Set<Socket>();
    let connections = 0;
    const server = createServer((front) => {
      const back = connect({ host: "127.0.0.1", port, localAddress: from });
      const first = header(connections++);
      if (first !== undefined) back.write(first);
      for (const [one, other] of [
        [front, back],
        [back, front],
      ] as const) {
        sockets.add(one);
        one.pipe(other);
        one.on("error", () => other.destroy());
        one.once("close", () => {
          sockets.delete(one);
          other.destroy();
        });
      }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TcpProxy(server, sockets);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
