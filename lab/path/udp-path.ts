import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { performance } from "node:perf_hooks";
import { seededRandom } from "../random.ts";
import { type Counts, Shaper } from "./shaper.ts";
import type { PathSpec } from "./spec.ts";

/** Most clients of one path. Each has a socket, as the address by which the target knows it. */
const MAX_CLIENTS = 8_192;

/** Bytes of a socket's buffers in the system, which grants less where it has a lower limit. */
const BUFFER_BYTES = 4 * 2 ** 20;

/** Difference between the seeds of both directions: odd and large. */
const SEED_STEP = 0x9e37_79b9;

export interface UdpPathOptions {
  readonly spec: PathSpec;
  /** Where clients' packets go. */
  readonly target: { readonly address: string; readonly port: number };
}

/** Packets by direction: from clients to the target, and back. */
export interface PathCounts {
  readonly up: Counts;
  readonly down: Counts;
  /** Packets of clients beyond the bound on clients. */
  readonly refused: number;
}

/**
 * A bad network between clients and one address: a UDP port that passes on packets as a {@link PathSpec} says. All clients share it, also its
 * bottleneck.
 */
export class UdpPath {
  readonly #front: Socket;
  readonly #up: Shaper;
  readonly #down: Shaper;
  readonly #clients = new Map<string, Socket>();
  readonly #due = new DueTimes();
  #beginAtMs = Number.POSITIVE_INFINITY;
  #refused = 0;

  /** Opens the port on loopback. Rejects with the system's error. */
  static async open(options: UdpPathOptions): Promise<UdpPath> {
    const front = createSocket("udp4");
    front.bind(0, "127.0.0.1");
    await once(front, "listening");
    return new UdpPath(front, options);
  }

  private constructor(front: Socket, { spec, target }: UdpPathOptions) {
    this.#front = front;
    this.#up = new Shaper(spec, seededRandom(spec.seed));
    this.#down = new Shaper(spec, seededRandom(spec.seed + SEED_STEP));
    enlarge(front);
    front.on("message", (packet, { address, port }) => {
      const client = this.#client(address, port);
      if (client === undefined) this.#refused++;
      else this.#pass(this.#up, packet.length, () => client.send(packet, target.port, target.address));
    });
  }

  /** On 127.0.0.1. */
  get port(): number {
    return this.#front.address().port;
  }

  get counts(): PathCounts {
    return { up: this.#up.counts, down: this.#down.counts, refused: this.#refused };
  }

  /** The moment from which an outage and changes of the rate are counted is `inMs` from now. Until this call there are none. */
  begin(inMs: number): void {
    this.#beginAtMs = performance.now() + inMs;
  }

  close(): void {
    this.#due.close();
    for (const socket of [this.#front, ...this.#clients.values()]) socket.close();
    this.#clients.clear();
  }

  #client(address: string, port: number): Socket | undefined {
    const name = `${address}:${port}`;
    const found = this.#clients.get(name);
    if (found !== undefined) return found;
    if (this.#clients.size >= MAX_CLIENTS) return undefined;
    const socket = createSocket("udp4");
    this.#clients.set(name, socket);
    socket.on("message", (packet) =>
      this.#pass(this.#down, packet.length, () => this.#front.send(packet, port, address)),
    );
    // The target's port is closed: its packets are lost, as on a real path.
    socket.on("error", () => {});
    socket.bind(0, "127.0.0.1", () => enlarge(socket));
    return socket;
  }

  #pass(shaper: Shaper, bytes: number, send: () => void): void {
    const now = performance.now();
    const wait = shaper.pass(now, bytes, this.#beginAtMs);
    if (wait === undefined) return;
    if (wait <= 0) send();
    else this.#due.add(now + wait, send);
  }
}

/** Calls functions at their times, those of one millisecond together. */
class DueTimes {
  readonly #byMs = new Map<number, (() => void)[]>();
  readonly #timers = new Set<NodeJS.Timeout>();

  add(atMs: number, call: () => void): void {
    const ms = Math.ceil(atMs);
    const found = this.#byMs.get(ms);
    if (found !== undefined) {
      found.push(call);
      return;
    }
    const calls = [call];
    this.#byMs.set(ms, calls);
    const timer = setTimeout(() => {
      this.#byMs.delete(ms);
      this.#timers.delete(timer);
      for (const each of calls) each();
    }, ms - performance.now());
    this.#timers.add(timer);
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#byMs.clear();
  }
}

function enlarge(socket: Socket): void {
  try {
    socket.setRecvBufferSize(BUFFER_BYTES);
    socket.setSendBufferSize(BUFFER_BYTES);
  } catch {
    // A smaller buffer loses packets of bursts, which the counts of the engine show.
  }
}
