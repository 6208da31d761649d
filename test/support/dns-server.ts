import { createSocket, type RemoteInfo } from "node:dgram";
import { once } from "node:events";
import { isIPv4 } from "node:net";

/** Codes of record types (RFC 1035, 3596, 2782). */
const A = 1;
const AAAA = 28;
const SRV = 33;

export interface ServiceRecord {
  readonly host: string;
  readonly port: number;
}

/** A name server on loopback that answers from two tables, addresses and services by name. Other names do not exist. */
export class DnsServer {
  readonly addresses = new Map<string, readonly string[]>();
  readonly services = new Map<string, readonly ServiceRecord[]>();
  /** Names that were queried. */
  readonly asked: string[] = [];
  /** It receives queries and does not answer. */
  silent = false;
  readonly #socket = createSocket("udp4");

  static async start(): Promise<DnsServer> {
    const server = new DnsServer();
    server.#socket.on("message", (message, from) => server.#on(message, from));
    server.#socket.bind(0, "127.0.0.1");
    await once(server.#socket, "listening");
    return server;
  }

  /** As `Resolver.setServers` takes it. */
  get at(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  close(): void {
    this.#socket.close();
  }

  #on(message: Buffer, from: RemoteInfo): void {
    const { name, end } = nameAt(message, 12);
    const type = message.readUInt16BE(end);
    this.asked.push(name);
    if (this.silent) return;
    const records = this.#records(name, type);
    const known = this.addresses.has(name) || this.services.has(name);
    const header = Buffer.alloc(12);
    message.copy(header, 0, 0, 2);
    // An answer, with recursion; NXDOMAIN for an unknown name.
    header.writeUInt16BE(known ? 0x8180 : 0x8183, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    const question = message.subarray(12, end + 4);
    const answers = records.map((data) => {
      const fixed = Buffer.alloc(12);
      // The name is the one in the question, at byte 12.
      fixed.writeUInt16BE(0xc00c, 0);
      fixed.writeUInt16BE(type, 2);
      fixed.writeUInt16BE(1, 4);
      fixed.writeUInt16BE(data.length, 10);
      return Buffer.concat([fixed, data]);
    });
    this.#socket.send(Buffer.concat([header, question, ...answers]), from.port, from.address);
  }

  #records(name: string, type: number): Buffer[] {
    const all = this.addresses.get(name) ?? [];
    if (type === A) return all.filter(isIPv4).map((one) => Buffer.from(one.split(".").map(Number)));
    if (type === AAAA && all.includes("::1")) return [Buffer.concat([Buffer.alloc(15), Buffer.from([1])])];
    if (type !== SRV) return [];
    return (this.services.get(name) ?? []).map(({ host, port }) => {
      const fixed = Buffer.alloc(6);
      fixed.writeUInt16BE(port, 4);
      return Buffer.concat([fixed, encoded(host)]);
    });
  }
}

function nameAt(message: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = start;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString("ascii", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), end: at + 1 };
}

function encoded(name: string): Buffer {
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}
