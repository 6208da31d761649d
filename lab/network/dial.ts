import {
  type Attach,
  type DialOptions,
  type Link,
  type LinkInfo,
  type LinkLimits,
  TransportError,
} from "../../moq/link.ts";
import type { Host, Offer, OfferTaker } from "./host.ts";

/** Port of a URL without a port. */
const DEFAULT_PORT = 443;

const SCHEMES: ReadonlySet<string> = new Set(["memory:", "https:"]);

/** Dials `options.url` from `engine`. Rejects with a {@link TransportError}. */
export function dial(engine: Host, options: DialOptions, attach: Attach): Promise<Link> {
  const { protocol } = options.url;
  if (!SCHEMES.has(protocol)) {
    const message = `the simulated network has memory: and https: URLs, not ${protocol}`;
    return Promise.reject(new TransportError("unsupported_url", message));
  }
  return new Promise((resolve, reject) => {
    new Dial(engine, options, attach, resolve, reject).start();
  });
}

class Dial {
  readonly #engine: Host;
  readonly #options: DialOptions;
  readonly #attach: Attach;
  readonly #resolve: (link: Link) => void;
  readonly #reject: (error: TransportError) => void;
  readonly #port: number;
  #settled = false;
  #cancelTimer: () => void = () => {};
  /** Tells the listener that the dial has ended without it. */
  #abandon: () => void = () => {};

  constructor(
    engine: Host,
    options: DialOptions,
    attach: Attach,
    resolve: (link: Link) => void,
    reject: (error: TransportError) => void,
  ) {
    this.#engine = engine;
    this.#options = options;
    this.#attach = attach;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#port = options.url.port === "" ? DEFAULT_PORT : Number(options.url.port);
  }

  start(): void {
    const { clock } = this.#engine.network;
    const { url, timeoutMs } = this.#options;
    this.#cancelTimer = clock.timer(timeoutMs, () => {
      this.#fail(new TransportError("dial_timeout", `${url.host} did not answer within ${timeoutMs} ms`));
    });
    this.#send(clock.now());
  }

  #find(): OfferTaker | undefined {
    const { url, address } = this.#options;
    return this.#engine.network.find(address ?? url.hostname, this.#port);
  }

  #send(startedAt: number): void {
    const { network, address } = this.#engine;
    const wire = network.addWire(address, this.#find()?.engine.address);
    const offer: Offer = {
      wire,
      protocols: this.#options.protocols,
      limits: this.#options.limits,
      info: this.#clientInfo(network.takePort()),
      accepted: (protocol, limits) => this.#accepted(offer, protocol, limits, startedAt),
      failed: (error) => this.#fail(error),
    };
    wire.up.send({
      kind: "control",
      deliver: () => {
        const listener = this.#find();
        if (listener === undefined) {
          const error = new TransportError("dial_failed", `nothing listens at ${this.#options.url.host}`);
          wire.down.send({ kind: "control", deliver: () => this.#fail(error) });
        } else {
          listener.take(offer);
        }
      },
    });
    this.#abandon = () => {
      network.dropWire(wire);
      wire.up.send({ kind: "control", deliver: () => this.#find()?.abandoned(offer) });
    };
  }

  #accepted(offer: Offer, protocol: string, peerLimits: LinkLimits, startedAt: number): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#cancelTimer();
    const { wire } = offer;
    const { limits } = this.#options;
    const info = this.#ownInfo(protocol);
    const link = this.#engine.makeLink(wire, { info, limits, peerLimits, lane: wire.up, peer: () => wire.server });
    wire.client = link;
    link.attach(this.#attach, this.#engine.network.clock.now() - startedAt);
    this.#resolve(link);
  }

  #fail(error: TransportError): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#cancelTimer();
    this.#abandon();
    this.#reject(error);
  }

  #clientInfo(port: number): Omit<LinkInfo, "protocol"> {
    return { ...this.#request(), dialled: false, peer: { address: this.#engine.address, port } };
  }

  #ownInfo(protocol: string): LinkInfo {
    const address = this.#find()?.engine.address ?? "";
    return { ...this.#request(), protocol, dialled: true, peer: { address, port: this.#port } };
  }

  #request() {
    const { url, headers } = this.#options;
    return {
      engine: this.#engine.name,
      binding: "memory" as const,
      authority: url.host,
      path: url.pathname === "" ? "/" : url.pathname,
      query: url.search.slice(1),
      headers: new Map([...(headers ?? [])].map(([name, value]) => [name.toLowerCase(), value])),
    };
  }
}
