import { createSocket } from "node:dgram";

/** Passes packets of one client on to a port of this machine, loses some, and may go dark. */
export class Network {
  dark = false;
  /** Part of the packets that is lost, each way; in an order that is the same in each run. */
  loss = 0;
  /** Milliseconds that a packet takes, each way. */
  delayMs = 0;
  /** Packets that came from the client, and from the server. */
  readonly packets = { up: 0, down: 0 };
  #state = 1;
  readonly #front = createSocket("udp4");
  readonly #back = createSocket("udp4");

  static async to(port: number): Promise<Network> {
    const network = new Network();
    let client = 0;
    network.#front.on("message", (packet, from) => {
      client = from.port;
      network.packets.up++;
      network.#pass(() => network.#back.send(packet, port, "127.0.0.1"));
    });
    network.#back.on("message", (packet) => {
      network.packets.down++;
      network.#pass(() => network.#front.send(packet, client, "127.0.0.1"));
    });
    await new Promise<void>((resolve) => network.#front.bind(0, "127.0.0.1", resolve));
    return network;
  }

  get port(): number {
    return this.#front.address().port;
  }

  close(): void {
    this.dark = true;
    this.#front.close();
    this.#back.close();
  }

  #pass(send: () => void): void {
    if (!this.#passes()) return;
    if (this.delayMs === 0) send();
    else setTimeout(() => void (this.dark || send()), this.delayMs);
  }

  #passes(): boolean {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return !this.dark && this.#state / 2 ** 32 >= this.loss;
  }
}
