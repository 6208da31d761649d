import type { Clock } from "../../moq/clock.ts";
import type { FanOutFactory, LinkInfo, LinkLimits, TransportError } from "../../moq/link.ts";
import type { LinkParts, MemoryLink } from "./link.ts";
import type { LinkWire } from "./wire.ts";

/** A dial, as its listener gets it. The answers travel over the wire. */
export interface Offer {
  readonly wire: LinkWire;
  readonly protocols: readonly string[];
  readonly limits: LinkLimits;
  /** The client, except for the protocol. */
  readonly info: Omit<LinkInfo, "protocol">;
  /** The link is established with this protocol; `limits` are the listener's. */
  accepted(protocol: string, limits: LinkLimits): void;
  failed(error: TransportError): void;
}

/** A listener, as dials find it. */
export interface OfferTaker {
  readonly engine: Host;
  /** Takes a client's offer. */
  take(offer: Offer): void;
  /** The client of `offer` has ended its dial. */
  abandoned(offer: Offer): void;
}

/** The network, as its hosts use it. */
export interface Network {
  readonly clock: Clock;
  readonly overwrite: boolean;
  readonly warn: (message: string, error: unknown) => void;
  /** The listener at a name or an address. */
  find(host: string, port: number): OfferTaker | undefined;
  /** False when another listener has the port. */
  bind(host: string, port: number, listener: OfferTaker): boolean;
  free(listener: OfferTaker): void;
  /** An unused port. */
  takePort(): number;
  /** The wire of a new link; `to` is undefined where no listener is. */
  addWire(from: string, to: string | undefined): LinkWire;
  dropWire(wire: LinkWire): void;
  /** Remembers which wire a link runs over. */
  wired(link: MemoryLink, wire: LinkWire): void;
}

export type LinkOptions = Pick<LinkParts, "info" | "limits" | "peerLimits" | "lane" | "peer">;

/** One host of the network, as its listeners and dials use it. */
export interface Host extends FanOutFactory {
  readonly address: string;
  readonly network: Network;
  /** Makes this host's end of a link; `gone` is called after its last event. */
  makeLink(wire: LinkWire, options: LinkOptions, gone?: () => void): MemoryLink;
}
