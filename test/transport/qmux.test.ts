import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Socket } from "node:net";
import { createQmux } from "../../transport/qmux/index.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";
import { conformance, type Harness, type Supports } from "./conformance.ts";
import { overTls, realTime } from "./real-harness.ts";

const SUPPORTS: Supports = {
  datagrams: "publishers of moq-lite must not send datagrams over QMux",
  priority: true,
  streamLimits: true,
  passes: "its streams are the program's",
  pauses: true,
  reject: true,
  stopAccepting: true,
  headers: true,
  certificateSwap: true,
  vanish: true,
};

/** Plain sockets, which a test can hold still. */
function overWs(): Harness {
  const dialled: Socket[] = [];
  const vanished: Socket[] = [];
  const noticed = (message: unknown) => {
    if (typeof message === "object" && message !== null && "socket" in message && message.socket instanceof Socket) {
      dialled.push(message.socket);
    }
  };
  return {
    ...realTime,
    supports: { ...SUPPORTS, certificateSwap: "there is none without TLS" },
    start: async () => {
      subscribe("net.client.socket", noticed);
      const engine = createQmux({ clock: systemClock, warn: () => {} });
      return { client: engine, server: engine };
    },
    stop: async () => {
      unsubscribe("net.client.socket", noticed);
      for (const socket of vanished) Socket.prototype.destroy.call(socket);
    },
    certificate: () => ({ cert: "", key: "" }),
    trust: () => ({ kind: "system" }),
    url: ({ address, port }, target) => new URL(target, `ws://${address}:${port}`),
    vanish: ({ info }) => {
      const socket = dialled.find(({ localPort }) => localPort === info.peer.port);
      assert.ok(socket, "the client's socket");
      // Neither data nor the end of the connection leaves the machine any more.
      socket.pause();
      socket.write = () => true;
      socket.end = () => socket;
      socket.destroy = () => socket;
      vanished.push(socket);
    },
  };
}

conformance("qmux over ws", overWs());
conformance("qmux over wss", overTls({ supports: { ...SUPPORTS, vanish: "shown without TLS" }, make: createQmux }));
