import type { Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Engine, LinkRequest, Listener } from "../../moq/link.ts";
import { JsFanOut, Turn } from "../shared/index.ts";
import { dial, type QmuxDeps } from "./dial.ts";
import { type AttachOptions, UpgradeListener } from "./listener.ts";
import { listen } from "./own-server.ts";

export type { AttachOptions } from "./listener.ts";

/** QMux over WebSocket: the same sessions where UDP is blocked (draft-lcurley-qmux-websocket). */
export interface QmuxEngine extends Engine {
  /**
   * Makes links of the WebSocket upgrades of `server`; other upgrades get a 4xx. The listener's `address` is the
   * server's, or empty when the server does not listen itself. The server keeps its certificate and socket:
   * `setCertificate` returns false and `close` ends only the links.
   */
  attach(server: HttpServer | HttpsServer, options: AttachOptions, onRequest: (request: LinkRequest) => void): Listener;
}

/**
 * Makes the engine `qmux`.
 *
 * - It dials `ws:`, `wss:`, `http:` and `https:`. It listens with TLS unless the certificate is empty.
 * - A link is attached when the peer's transport parameters have arrived.
 * - A priority counts within one link. A stream that the peer opened has the priority of control messages until it is
 *   set.
 * - A unidirectional stream that is reset before its first byte was sent is never seen by the peer.
 */
export function createQmux(deps: QmuxDeps): QmuxEngine {
  const turn = new Turn(setImmediate);
  const engine: QmuxEngine = {
    name: "qmux",
    dialsAddresses: true,
    trustsRoots: true,
    clientCertificates: true,
    fanOut: () => new JsFanOut(),
    listen: (options, onRequest) => listen(options, engine, deps, turn, onRequest),
    dial: (options, attach) => dial(options, engine, deps, turn, attach),
    attach: (server, options, onRequest) => new UpgradeListener({ ...options, server, engine, deps, turn, onRequest }),
  };
  return engine;
}
