import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../relay/transport/clock.ts";
import type { Certificate, Trust } from "../../relay/transport/contract.ts";
import { createQmux } from "../../relay/transport/qmux/index.ts";
import { type TestCertificate, testCertificate } from "../support/certificate.ts";
import { conformance, type Harness, type Supports } from "./conformance.ts";

/** Milliseconds that anything in these tests may take. */
const PATIENCE_MS = 10_000;

const SUPPORTS: Supports = {
  datagrams: "publishers of moq-lite must not send datagrams over QMux",
  priority: true,
  streamLimits: true,
  reject: true,
  stopAccepting: true,
  headers: true,
  certificateSwap: true,
  vanish: true,
};

/** Real sockets and real time. */
const realTime: Pick<Harness, "maxCode" | "host" | "start" | "until" | "settled" | "pass"> = {
  maxCode: 2 ** 32 - 1,
  host: "127.0.0.1",
  start: async () => {
    const engine = createQmux({ clock: systemClock, warn: () => {} });
    return { client: engine, server: engine };
  },
  until: async (what, look) => {
    for (const end = performance.now() + PATIENCE_MS; performance.now() < end; await sleep(1)) {
      const seen = look();
      if (seen !== undefined && seen !== false) return seen;
    }
    assert.fail(`did not happen: ${what}`);
  },
  settled: async (promise) => {
    const late = sleep(PATIENCE_MS, undefined, { ref: false }).then(() => assert.fail("it does not settle"));
    return await Promise.race([promise, late]);
  },
  pass: (ms) => sleep(ms),
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
    start: () => {
      subscribe("net.client.socket", noticed);
      return realTime.start();
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

function overWss(): Harness {
  let certificate: TestCertificate;
  let other: TestCertificate;
  const pinned = ({ sha256 }: TestCertificate): Trust => ({ kind: "hashes", sha256: [sha256] });
  return {
    ...realTime,
    supports: { ...SUPPORTS, vanish: "shown without TLS" },
    start: async () => {
      certificate = await testCertificate();
      other = await testCertificate();
      return await realTime.start();
    },
    certificate: (): Certificate => certificate,
    trust: () => pinned(certificate),
    otherCertificate: () => ({ certificate: other, trust: pinned(other) }),
    url: ({ address, port }, target) => new URL(target, `https://${address}:${port}`),
  };
}

conformance("qmux over ws", overWs());
conformance("qmux over wss", overWss());
