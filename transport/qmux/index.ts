import type { Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Engine, EngineDeps, LinkRequest, Listener } from "../../moq/link.ts";
import { JsFanOut, Turn } from "../shared/index.ts";
import { dial } from "./dial.ts";
import { type AttachOptions, UpgradeListener } from "./listener.ts";
import { listen } from "./own-server.ts";

export type { AttachOptions } from "./listener.ts";

/** QMux over WebSocket: the same sessions where UDP is blocked (draft-lcurley-qmux-websocket). */
export interface QmuxEngine extends Engine {
  /**
   * Makes links of the WebSocket upgrades of `server`; other upgrades are answered with a 4xx. The listener's
   * `address` is the server's, or empty when that does not listen by itself; its certificate and socket stay the
   * server's, so `setCertificate` tells false and `close` only ends the links.
   */
  attach(server: HttpServer | HttpsServer, options: AttachOptions, onRequest: (request: LinkRequest) => void): Listener;
}

/**
 * Makes the engine `qmux`. It dials `ws:`, `wss:`, `http:` and `https:`, and listens with TLS unless the certificate is
 * empty. Links are attached when the peer's transport parameters are there. A priority holds within one link; streams
 * that the peer opens answer with the priority of control messages until told otherwise. A stream whose first byte has
 * not been sent when it is reset is never seen by the peer when it is unidirectional.
 */
export function createQmux(deps: EngineDeps): QmuxEngine {
  const turn = new Turn(setImmediate);
  const engine: QmuxEngine = {
    name: "qmux",
    dialsAddresses: true,
    trustsRoots: true,
    fanOut: () => new JsFanOut(),
    listen: (options, onRequest) => listen(options, engine, deps, turn, onRequest),
    dial: (options, attach) => dial(options, engine, deps, turn, attach),
    attach: (server, options, onRequest) => new UpgradeListener({ ...options, server, engine, deps, turn, onRequest }),
  };
  return engine;
}
