import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { LinkInfo } from "../../moq/link.ts";
import { http, splitTarget } from "../shared/index.ts";
import { clientCertificateOf } from "../tls/index.ts";
import type { Agreement } from "./forms.ts";
import { peerOf } from "./web-socket.ts";

/** A refusal of an upgrade before the program is asked. */
export interface Refusal {
  readonly status: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** 16 bytes in base64 (RFC 6455 section 4.1). */
const WEBSOCKET_KEY = /^[+/0-9A-Za-z]{22}==$/;

const WEBSOCKET_VERSION = "13";

/** The request's path, starting with `/`, and its query without the `?`. */
export function targetOf(request: IncomingMessage): { readonly path: string; readonly query: string } | undefined {
  const url = request.url ?? "";
  if (!url.startsWith("/")) return undefined;
  return splitTarget(url);
}

/** What is wrong with an opening handshake (RFC 6455 section 4.2.1), if anything. */
export function handshakeRefusal(request: IncomingMessage): Refusal | undefined {
  const { headers } = request;
  if (headers.upgrade?.toLowerCase() !== "websocket") {
    return { status: 426, text: "this address accepts only WebSocket", headers: { Upgrade: "websocket" } };
  }
  if (request.method !== "GET")
    return { status: 405, text: "a WebSocket needs the method GET", headers: { Allow: "GET" } };
  if (headers["sec-websocket-version"] !== WEBSOCKET_VERSION) {
    const text = `this server speaks WebSocket version ${WEBSOCKET_VERSION}`;
    return { status: 426, text, headers: { "Sec-WebSocket-Version": WEBSOCKET_VERSION } };
  }
  if (!WEBSOCKET_KEY.test(headers["sec-websocket-key"] ?? "")) {
    return { status: 400, text: "Sec-WebSocket-Key is missing or wrong" };
  }
  return undefined;
}

/** The subprotocols of an opening handshake. */
export function offeredBy(request: IncomingMessage): string[] {
  const header = request.headers["sec-websocket-protocol"] ?? "";
  return header
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** The link's info, from its upgrade. */
export function infoOf(
  request: IncomingMessage,
  socket: Socket,
  engine: string,
  agreed: Agreement,
  target: { readonly path: string; readonly query: string },
): LinkInfo {
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(", ") : value);
  }
  const peerCertificate = clientCertificateOf(socket);
  return {
    engine,
    binding: "websocket",
    protocol: agreed.protocol,
    dialled: false,
    authority: request.headers.host ?? "",
    path: target.path,
    query: target.query,
    headers,
    peer: peerOf(socket),
    ...(peerCertificate !== undefined && { peerCertificate }),
  };
}

/** Answers an upgrade with plain HTTP and ends the connection. */
export function answer(socket: Socket, { status, text, headers }: Refusal): void {
  if (socket.destroyed) return;
  const body = `${text}\n`;
  const fields = {
    Connection: "close",
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": String(Buffer.byteLength(body)),
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  socket.once("finish", () => socket.destroy());
  socket.end([`HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? "Refused"}`, ...lines, "", body].join("\r\n"));
}
