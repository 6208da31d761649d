import {
  type Attach,
  type LinkInfo,
  type LinkRequest,
  type Listener,
  type ListenOptions,
  type PeerAddress,
  TransportError,
} from "../../moq/link.ts";
import type { Host, LinkOptions, Offer, OfferTaker } from "./host.ts";
import type { MemoryLink } from "./link.ts";

/** A simulated listening socket. */
export class MemoryListener implements Listener, OfferTaker {
  readonly address: PeerAddress;
  readonly engine: Host;
  readonly #options: ListenOptions;
  readonly #onRequest: (request: LinkRequest) => void;
  readonly #free: () => void;
  readonly #links = new Set<MemoryLink>();
  readonly #requests = new Set<MemoryRequest>();
  #accepting = true;

  /** `free` releases the port. */
  constructor(
    engine: Host,
    address: PeerAddress,
    options: ListenOptions,
    onRequest: (request: LinkRequest) => void,
    free: () => void,
  ) {
    this.engine = engine;
    this.address = address;
    this.#options = options;
    this.#onRequest = onRequest;
    this.#free = free;
  }

  /** The simulated network has no certificates: accepts every one. */
  setCertificate(): boolean {
    return true;
  }

  stopAccepting(): void {
    this.#accepting = false;
  }

  /** The links' handlers get `closed` in the engine's next turn. */
  close(): Promise<void> {
    this.#shut();
    for (const request of [...this.#requests]) request.refuse("dial_failed", "the listener was closed");
    for (const link of [...this.#links]) link.close(0, "");
    return Promise.resolve();
  }

  /** The process died. */
  vanish(): void {
    this.#shut();
    for (const request of this.#requests) request.forget();
    this.#requests.clear();
  }

  take(offer: Offer): void {
    const { protocols } = this.#options;
    if (!this.#accepting) {
      answer(offer, new TransportError("dial_failed", "the listener accepts no new links"));
      return;
    }
    const protocol = choose(offer.protocols, protocols);
    if (protocol === undefined) {
      const text = `the listener speaks none of ${offer.protocols.join(", ")}`;
      answer(offer, new TransportError("no_common_protocol", text));
      return;
    }
    const request = new MemoryRequest(this, offer, { ...offer.info, protocol });
    this.#requests.add(request);
    try {
      this.#onRequest(request);
    } catch (error) {
      request.reject(500, "internal error");
      this.engine.network.warn("a request handler failed", error);
    }
  }

  abandoned(offer: Offer): void {
    for (const request of this.#requests) {
      if (request.offer !== offer) continue;
      request.forget();
      this.#requests.delete(request);
    }
    offer.wire.server?.onClose(0, "");
  }

  answered(request: MemoryRequest): void {
    this.#requests.delete(request);
  }

  accept(offer: Offer, info: LinkInfo, attach: Attach): void {
    const { limits } = this.#options;
    const { wire } = offer;
    wire.down.sendFirst(() => offer.accepted(info.protocol, limits));
    const options: LinkOptions = { info, limits, peerLimits: offer.limits, lane: wire.down, peer: () => wire.client };
    const link = this.engine.makeLink(wire, options, () => this.#links.delete(link));
    wire.server = link;
    this.#links.add(link);
    link.attach(attach);
  }

  #shut(): void {
    this.#accepting = false;
    this.#free();
  }
}

/** A client that waits for an answer. */
class MemoryRequest implements LinkRequest {
  readonly info: LinkInfo;
  readonly offer: Offer;
  readonly #listener: MemoryListener;
  #answered = false;

  constructor(listener: MemoryListener, offer: Offer, info: LinkInfo) {
    this.#listener = listener;
    this.offer = offer;
    this.info = info;
  }

  accept(attach: Attach, gone?: () => void): void {
    if (this.#settle()) this.#listener.accept(this.offer, this.info, attach);
    else gone?.();
  }

  reject(status: number, reason: string): void {
    if (!this.#settle()) return;
    answer(this.offer, new TransportError("dial_rejected", `answered ${status}: ${reason}`, { status }));
  }

  refuse(code: "dial_failed", message: string): void {
    if (this.#settle()) answer(this.offer, new TransportError(code, message));
  }

  /** Later answers have no effect. */
  forget(): void {
    this.#answered = true;
  }

  #settle(): boolean {
    if (this.#answered) return false;
    this.#answered = true;
    this.#listener.answered(this);
    return true;
  }
}

function answer(offer: Offer, error: TransportError): void {
  offer.wire.down.send({ kind: "control", deliver: () => offer.failed(error) });
}

/** The listener's first protocol that the client offers. A client that offers none gets a link without a protocol. */
function choose(offered: readonly string[], spoken: readonly string[]): string | undefined {
  return offered.length === 0 ? "" : spoken.find((protocol) => offered.includes(protocol));
}
