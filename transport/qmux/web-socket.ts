import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import type { Clock } from "../../moq/clock.ts";
import type { PeerAddress } from "../../moq/link.ts";
import { CLOSE_TIMEOUT_MS, MAX_RECORD_SIZE } from "./limits.ts";
import { type LinkParts, QmuxLink } from "./link.ts";
import type { RecordSocket } from "./record-socket.ts";

/**
 * Options of every WebSocket. Media does not compress, and compression costs memory per connection. `ws` refuses
 * messages over twice the bound before it buffers them. A message between the bound and twice the bound gets a proper
 * error.
 */
export const WEBSOCKET_OPTIONS = { perMessageDeflate: false, maxPayload: 2 * MAX_RECORD_SIZE } as const;

/** Fragments of a binary message; `ws` keeps `data` by reference where it does not have to mask it. */
const MIDDLE = { binary: true, compress: false, fin: false } as const;
const LAST = { binary: true, compress: false, fin: true } as const;

/** Runs a link over an open WebSocket. It sends its transport parameters at once. */
export function openLink(ws: WebSocket, transport: Socket, options: Omit<LinkParts, "socket">): QmuxLink {
  const link: QmuxLink = new QmuxLink({
    ...options,
    socket: new WsRecordSocket(ws, transport, options.clock, (bytes) => link.written(bytes)),
  });
  /** The WebSocket's error: its own `close` event then carries no reason. */
  let failure: string | undefined;
  ws.on("message", (data, isBinary) => {
    if (isBinary && Buffer.isBuffer(data)) link.receive(data);
    else link.receiveText();
  });
  ws.on("ping", () => link.heard());
  ws.on("pong", () => link.answered());
  ws.on("error", (error) => {
    failure = error.message;
  });
  ws.on("close", (status, reason) => {
    if (failure !== undefined) link.socketClosed(undefined, `WebSocket: ${failure}`);
    else link.socketClosed(status, reason.toString() || `WebSocket closed with ${status}`);
  });
  link.start();
  return link;
}

/** Address and port of the other end of `socket`. */
export function peerOf(socket: Socket): PeerAddress {
  const address = (socket.remoteAddress ?? "").replace(/^::ffff:/, "").replace(/%.*$/, "");
  return { address, port: socket.remotePort ?? 0 };
}

class WsRecordSocket implements RecordSocket {
  readonly #ws: WebSocket;
  readonly #transport: Socket;
  readonly #clock: Clock;
  readonly #written: (bytes: number) => void;

  constructor(ws: WebSocket, transport: Socket, clock: Clock, written: (bytes: number) => void) {
    this.#ws = ws;
    this.#transport = transport;
    this.#clock = clock;
    this.#written = written;
  }

  /** Sends all records to the kernel in one call. */
  send(records: Parameters<RecordSocket["send"]>[0]): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    this.#transport.cork();
    for (const { parts, size } of records) {
      const last = parts.length - 1;
      parts.forEach((part, index) => {
        if (index < last) this.#ws.send(part, MIDDLE);
        else this.#ws.send(part, LAST, () => this.#written(size));
      });
    }
    this.#transport.uncork();
  }

  ping(): void {
    if (this.#ws.readyState === this.#ws.OPEN) this.#ws.ping();
  }

  close(status: number): void {
    if (this.#ws.readyState === this.#ws.CLOSED) return;
    const cancel = this.#clock.timer(CLOSE_TIMEOUT_MS, () => this.#ws.terminate());
    this.#ws.once("close", cancel);
    this.#ws.close(status);
  }

  terminate(): void {
    this.#ws.terminate();
  }

  pause(paused: boolean): void {
    if (paused) this.#ws.pause();
    else this.#ws.resume();
  }
}
