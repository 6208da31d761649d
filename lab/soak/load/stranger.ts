/** Traffic of programs that are no clients: connections without a request, requests for pages, bytes at random. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import type { Stage } from "./stage.ts";

/** Longest life of such a connection, in milliseconds. */
const LIFE_MS = 5_000;

/** The first bytes of a QUIC Initial: a long header, then version 1. */
const INITIAL = [0xc3, 0, 0, 0, 1];

const HALF_A_REQUEST = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-";

const PAGES = ["/", "/certificate.sha256", "/access/live?jwt=x", "/none"];

export async function visitAsStranger({ chance, start }: Stage): Promise<void> {
  const port = chance.pick([...start.origins, ...start.edges]);
  const what = chance.whole(0, 3);
  if (what === 0) await read(port, chance.pick(PAGES));
  else if (what === 1) await connection(port, "", chance.whole(0, LIFE_MS));
  else if (what === 2) await connection(port, HALF_A_REQUEST, chance.whole(0, LIFE_MS));
  else await datagrams(port, chance.whole(1, 4), chance.whole(INITIAL.length, 1_300));
}

async function read(port: number, target: string): Promise<void> {
  const response = await fetch(new URL(target, `http://127.0.0.1:${port}/`));
  await response.arrayBuffer();
}

async function connection(port: number, text: string, lifeMs: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  if (text !== "") socket.write(text);
  setTimeout(() => socket.resetAndDestroy(), lifeMs);
  await once(socket, "close");
}

async function datagrams(port: number, count: number, bytes: number): Promise<void> {
  const socket = createSocket("udp4");
  for (let sent = 0; sent < count; sent++) {
    const data = new Uint8Array(bytes).fill(sent);
    data.set(INITIAL);
    await new Promise<void>((resolve) => socket.send(data, port, "127.0.0.1", () => resolve()));
  }
  socket.close();
}
