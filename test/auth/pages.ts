/** Clients that name a host and the origin of a page, as browsers do. */
import WebSocket from "ws";
import type { Link } from "../../moq/link.ts";
import { nativeClient } from "../support/engines.ts";

/** The HTTP status with which a relay answers a WebSocket request: 101 where it accepts the session. */
export function webSocketStatus(port: number, headers: Readonly<Record<string, string>>): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, ["moq-lite-05"], { headers });
  return new Promise((resolve, reject) => {
    socket.once("open", () => {
      resolve(101);
      socket.terminate();
    });
    socket.once("unexpected-response", (_request, { statusCode = 0 }) => {
      resolve(statusCode);
      socket.terminate();
    });
    socket.once("error", reject);
  });
}

/** Dials a relay of this machine by WebTransport, as a page of `origin` that knows the relay by `host`. */
export async function dialAsPage(host: string, port: number, origin: string | undefined): Promise<Link> {
  const engine = await nativeClient();
  const none = { data: () => {}, fin: () => {}, reset: () => {}, stop: () => {} };
  const handler = { uni: () => none, bidi: () => none, datagram: () => {}, capacity: () => {}, backlog: () => {} };
  return await engine.dial(
    {
      url: new URL(`https://${host}:${port}/`),
      address: "127.0.0.1",
      protocols: ["moq-lite-05"],
      headers: new Map(origin === undefined ? [] : [["origin", origin]]),
      trust: { kind: "insecure" },
      limits: { uniStreams: 9, bidiStreams: 9, idleTimeoutMs: 9_000, keepAliveMs: 2_000, queueMark: 1_000_000 },
      timeoutMs: 20_000,
    },
    () => ({ ...handler, drained: () => {}, closed: () => {} }),
  );
}
