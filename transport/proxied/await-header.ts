import type { Socket } from "node:net";
import type { Clock } from "../../moq/clock.ts";
import { isHeader, type ProxyHeader, readHeader } from "./header.ts";

/**
 * Milliseconds within which a whole header must arrive. A proxy sends it at once, in one piece; the time is enough for a packet that the
 * network loses.
 */
export const HEADER_TIMEOUT_MS = 3_000;

/** Why a connection of a proxy is refused: no header, one that cannot be read, or none in time. */
export type HeaderFault = "missing" | "malformed" | "late";

/**
 * Reads the header of a connection and leaves what follows in its socket. Calls back once, unless the connection ends before. After a fault
 * the caller destroys the socket.
 */
export function awaitHeader(socket: Socket, clock: Clock, done: (outcome: ProxyHeader | HeaderFault) => void): void {
  let bytes = Buffer.alloc(0);
  const stop = () => {
    cancel();
    socket.off("readable", read);
    socket.off("end", ended);
    socket.off("close", stop);
  };
  const settle = (outcome: ProxyHeader | HeaderFault) => {
    stop();
    done(outcome);
  };
  const ended = () => socket.destroy();
  const read = () => {
    const chunk: unknown = socket.read();
    if (!Buffer.isBuffer(chunk)) return;
    bytes = Buffer.concat([bytes, chunk]);
    const header = readHeader(bytes);
    if (header === "partial") return;
    if (header === "invalid") {
      settle(isHeader(bytes) ? "malformed" : "missing");
      return;
    }
    if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length));
    settle(header);
  };
  const cancel = clock.timer(HEADER_TIMEOUT_MS, () => settle("late"));
  socket.once("end", ended);
  socket.once("close", stop);
  socket.on("readable", read);
}
