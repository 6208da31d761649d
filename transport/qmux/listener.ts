import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { Server as HttpsServer } from "node:https";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type {
  Attach,
  Certificate,
  EngineDeps,
  FanOutFactory,
  LinkInfo,
  LinkLimits,
  LinkRequest,
  Listener,
  PeerAddress,
} from "../../moq/link.ts";
import type { Turn } from "../shared/index.ts";
import { type Agreement, agreements, choose } from "./forms.ts";
import { HOLD_TIMEOUT_MS, MAX_HELD_UPGRADES } from "./limits.ts";
import type { QmuxLink } from "./link.ts";
import { answer, handshakeRefusal, infoOf, offeredBy, type Refusal, targetOf } from "./upgrade.ts";
import { openLink, WEBSOCKET_OPTIONS } from "./web-socket.ts";

/** Which upgrades become links. */
export interface AttachOptions {
  /** Application protocols, best first. An empty one accepts clients that name none. */
  readonly protocols: readonly string[];
  readonly limits: LinkLimits;
  /** Accepts only requests for this path and below; absent: all. */
  readonly path?: string;
  /** The client of a request, where proxies pass requests on. Default: the other end of its connection. */
  readonly clientOf?: (request: IncomingMessage) => PeerAddress;
}

export interface ListenerOptions extends AttachOptions {
  readonly server: HttpServer | HttpsServer;
  readonly engine: FanOutFactory;
  readonly deps: EngineDeps;
  readonly turn: Turn;
  readonly onRequest: (request: LinkRequest) => void;
}

/** An upgrade that waits for the program's answer. */
interface Held {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  readonly head: Buffer;
  readonly agreed: Agreement;
  readonly info: LinkInfo;
}

/** Makes links of the WebSocket upgrades of an HTTP server, which may serve other requests too. */
export class UpgradeListener implements Listener {
  readonly #options: ListenerOptions;
  readonly #agreed = new WeakMap<IncomingMessage, string>();
  readonly #sockets: WebSocketServer;
  /** Refuse the waiting upgrades. */
  readonly #held = new Set<(refusal: Refusal) => void>();
  readonly #open = new Map<WebSocket, QmuxLink>();
  #accepting = true;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#sockets = new WebSocketServer({
      ...WEBSOCKET_OPTIONS,
      noServer: true,
      clientTracking: false,
      handleProtocols: (_offered, request) => this.#agreed.get(request) ?? false,
    });
    options.server.on("upgrade", this.#upgrade);
  }

  /** Empty when the server does not listen itself. */
  get address(): PeerAddress {
    const address = this.#options.server.address();
    if (address === null || typeof address === "string") return { address: "", port: 0 };
    return { address: address.address, port: address.port };
  }

  /** The certificate belongs to the server, not to this listener. */
  setCertificate(_certificate: Certificate): boolean {
    return false;
  }

  stopAccepting(): void {
    this.#accepting = false;
  }

  async close(): Promise<void> {
    this.#accepting = false;
    for (const refuse of [...this.#held]) refuse(unavailable("closing"));
    const closed = [...this.#open.keys()].map((ws) => new Promise((resolve) => ws.once("close", resolve)));
    for (const link of [...this.#open.values()]) link.close(0, "");
    await Promise.all(closed);
    this.#options.server.off("upgrade", this.#upgrade);
  }

  readonly #upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (!(socket instanceof Socket)) {
      socket.destroy();
      return;
    }
    socket.on("error", destroy);
    socket.setTimeout(0);
    const target = targetOf(request);
    if (target === undefined || !this.#serves(target.path)) {
      answer(socket, { status: 404, text: "not found" });
      return;
    }
    const agreed = choose(offeredBy(request), this.#options.protocols);
    const refusal = handshakeRefusal(request) ?? this.#busy();
    if (refusal !== undefined) {
      answer(socket, refusal);
    } else if (agreed === undefined) {
      answer(socket, noProtocol(this.#options.protocols));
    } else {
      const { engine, clientOf } = this.#options;
      const info = infoOf(request, socket, engine.name, agreed, target);
      const peer = clientOf?.(request);
      this.#ask({ request, socket, head, agreed, info: peer === undefined ? info : { ...info, peer } });
    }
  };

  #busy(): Refusal | undefined {
    if (!this.#accepting) return unavailable("not accepting links");
    return this.#held.size < MAX_HELD_UPGRADES ? undefined : unavailable("too many requests wait");
  }

  #serves(path: string): boolean {
    const mount = this.#options.path?.replace(/\/$/, "");
    return mount === undefined || path === mount || path.startsWith(`${mount}/`);
  }

  /** Asks the program, and waits for its answer until a timeout. */
  #ask(held: Held): void {
    const { socket } = held;
    const settle = (): boolean => {
      cancel();
      socket.off("close", settle);
      return this.#held.delete(refuse);
    };
    const refuse = (refusal: Refusal): void => {
      if (settle()) answer(socket, refusal);
    };
    const { clock, warn } = this.#options.deps;
    const cancel = clock.timer(HOLD_TIMEOUT_MS, () => refuse(unavailable("no decision in time")));
    this.#held.add(refuse);
    socket.once("close", settle);
    try {
      this.#options.onRequest({
        info: held.info,
        accept: (attach, gone) => {
          if (settle()) this.#accept(held, attach, gone);
          else gone?.();
        },
        reject: (status, reason) => refuse({ status, text: reason }),
      });
    } catch (error) {
      warn("a request handler failed; its client is refused", error);
      refuse({ status: 500, text: "failed" });
    }
  }

  #accept({ request, socket, head, agreed, info }: Held, attach: Attach, gone: () => void = () => {}): void {
    const { engine, limits, deps, turn } = this.#options;
    let met = false;
    this.#agreed.set(request, agreed.subprotocol);
    this.#sockets.handleUpgrade(request, socket, head, (ws) => {
      socket.off("error", destroy);
      socket.setNoDelay(true);
      const link = openLink(ws, socket, {
        ...deps,
        info,
        form: agreed.form,
        engine,
        limits,
        defer: turn.defer,
        attach: (link) => {
          met = true;
          return attach(link);
        },
        ended: () => void (met || gone()),
      });
      this.#open.set(ws, link);
      ws.once("close", () => this.#open.delete(ws));
    });
  }
}

/** The header names the protocols to offer. Clients of this engine recognise the refusal by it. */
function noProtocol(protocols: readonly string[]): Refusal {
  const ours = agreements(protocols).map(({ subprotocol }) => subprotocol);
  const headers = { "Sec-WebSocket-Protocol": ours.join(", ") };
  return { status: 400, text: "no protocol in common", headers };
}

function unavailable(text: string): Refusal {
  return { status: 503, text };
}

function destroy(this: Socket): void {
  this.destroy();
}
