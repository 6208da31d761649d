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
import { dial } from "./dial.ts";
import type { Host, LinkOptions, Network } from "./host.ts";
import { MemoryLink } from "./link.ts";
import { MemoryListener } from "./listener.ts";
import { LateEvents, PassingFanOut } from "./passing.ts";
import type { LinkWire } from "./wire.ts";

/** One host of a simulated network. */
export interface MemoryEngine extends TransportEngine {
  /** The host's address. Dials reach it by this address and by the name that it listens on. */
  readonly address: string;
  /** The process dies. Its links and listeners disappear; neither its own handlers nor its peers get an event. */
  vanish(): void;
}

export class Engine implements MemoryEngine, Host {
  readonly name = "memory";
  readonly dialsAddresses = true;
  readonly trustsRoots = true;
  readonly clientCertificates = false;
  readonly address: string;
  readonly network: Network;
  readonly #links = new Set<MemoryLink>();
  readonly #listeners = new Set<MemoryListener>();
  readonly #late: LateEvents;

  constructor(network: Network, address: string) {
    this.network = network;
    this.address = address;
    this.#late = new LateEvents(network.clock);
  }

  fanOut(): FanOut {
    return new PassingFanOut();
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
    this.#late.clear();
    for (const listener of this.#listeners) listener.vanish();
    for (const link of this.#links) link.vanish();
  }

  makeLink(wire: LinkWire, options: LinkOptions, gone: () => void = () => {}): MemoryLink {
    const { clock, warn, overwrite } = this.network;
    const link = new MemoryLink({
      ...options,
      engine: this,
      clock,
      late: this.#late,
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
