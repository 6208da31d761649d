import type { Clock } from "../../moq/clock.ts";
import {
  type Attach,
  type DialOptions,
  type FanOut,
  type Link,
  type LinkRequest,
  type Listener,
  type ListenOptions,
  type Engine as TransportEngine,
  TransportError,
} from "../../moq/link.ts";
import { JsFanOut } from "../../transport/shared/index.ts";
import { dial } from "./dial.ts";
import { type LinkParts, MemoryLink } from "./link.ts";
import { MemoryListener } from "./listener.ts";
import type { LinkWire } from "./wire.ts";

/** The network, as its engines use it. */
export interface Network {
  readonly clock: Clock;
  readonly overwrite: boolean;
  readonly warn: (message: string, error: unknown) => void;
  /** The listener at a name or an address. */
  find(host: string, port: number): MemoryListener | undefined;
  /** False when another listener has the port. */
  bind(host: string, port: number, listener: MemoryListener): boolean;
  free(listener: MemoryListener): void;
  /** An unused port. */
  takePort(): number;
  /** The wire of a new link; `to` is undefined where no listener is. */
  addWire(from: string, to: string | undefined): LinkWire;
  dropWire(wire: LinkWire): void;
  /** Remembers which wire a link runs over. */
  wired(link: MemoryLink, wire: LinkWire): void;
}

export type LinkOptions = Pick<LinkParts, "info" | "limits" | "peerLimits" | "lane" | "peer">;

/** One host of a simulated network. */
export interface MemoryEngine extends TransportEngine {
  /** The host's address. Dials reach it by this address and by the name that it listens on. */
  readonly address: string;
  /** The process dies. Its links and listeners disappear; neither its own handlers nor its peers get an event. */
  vanish(): void;
}

export class Engine implements MemoryEngine {
  readonly name = "memory";
  readonly dialsAddresses = true;
  readonly trustsRoots = true;
  readonly address: string;
  readonly network: Network;
  readonly #links = new Set<MemoryLink>();
  readonly #listeners = new Set<MemoryListener>();

  constructor(network: Network, address: string) {
    this.network = network;
    this.address = address;
  }

  fanOut(): FanOut {
    return new JsFanOut();
  }

  listen(options: ListenOptions, onRequest: (request: LinkRequest) => void): Promise<Listener> {
    const { network } = this;
    const port = options.port === 0 ? network.takePort() : options.port;
    const address = isWildcard(options.host) ? this.address : options.host;
    const listener = new MemoryListener(this, { address, port }, options, onRequest, () => {
      network.free(listener);
      this.#listeners.delete(listener);
    });
    if (!network.bind(options.host, port, listener)) {
      const message = `port ${port} of ${options.host} is taken`;
      return Promise.reject(new TransportError("bind_failed", message));
    }
    this.#listeners.add(listener);
    return Promise.resolve(listener);
  }

  dial(options: DialOptions, attach: Attach): Promise<Link> {
    return dial(this, options, attach);
  }

  vanish(): void {
    for (const listener of this.#listeners) listener.vanish();
    for (const link of this.#links) link.vanish();
  }

  /** Makes this host's end of a link; `gone` is called after its last event. */
  makeLink(wire: LinkWire, options: LinkOptions, gone: () => void = () => {}): MemoryLink {
    const { clock, warn, overwrite } = this.network;
    const link = new MemoryLink({
      ...options,
      engine: this,
      clock,
      warn,
      overwrite,
      gone: () => {
        this.#links.delete(link);
        if (wire.over) this.network.dropWire(wire);
        gone();
      },
    });
    this.#links.add(link);
    this.network.wired(link, wire);
    return link;
  }
}

const WILDCARDS: ReadonlySet<string> = new Set(["", "0.0.0.0", "::"]);

/** Listens under every name. */
export function isWildcard(host: string): boolean {
  return WILDCARDS.has(host);
}
