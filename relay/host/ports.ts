import type { PeerAddress } from "../../moq/link.ts";
import type { PortStats } from "../http/index.ts";
import { openClusterPort } from "./cluster-port.ts";
import type { Listeners } from "./listeners.ts";
import { openPublicPort, type PublicPortDeps } from "./public-port.ts";
import type { ServedCertificate } from "./served-certificate.ts";

export interface PortsDeps extends Omit<PublicPortDeps, "protocols" | "tls"> {
  /** The certificate that both ports serve. */
  readonly certificate: ServedCertificate;
  /** The protocols that a port offers, best first. */
  readonly protocols: (plane: "public" | "cluster") => readonly string[];
}

/** The ports on which a relay accepts sessions: the public one, and that of relays alone where `[cluster] listen` names one. */
export class Ports {
  #public: Listeners | undefined;
  #cluster: Listeners | undefined;

  /** Opens the public port. Rejects with a `TransportError` that names the socket. */
  async openPublic({ certificate, protocols, ...deps }: PortsDeps): Promise<void> {
    const tls = certificate.tlsOf("public");
    this.#public = await openPublicPort({ ...deps, protocols: protocols("public"), tls });
    certificate.serveAt("public", this.#public, tls);
  }

  /** Opens the listener of relays alone, if there is one. Rejects with a `TransportError` that names the socket. */
  async openCluster({ certificate, protocols, ...deps }: PortsDeps): Promise<void> {
    const tls = certificate.tlsOf("cluster");
    this.#cluster = await openClusterPort({ ...deps, protocols: protocols("cluster"), tls });
    if (this.#cluster !== undefined) certificate.serveAt("cluster", this.#cluster, tls);
  }

  /** The public port, UDP and TCP. Throws before it is open. */
  get address(): PeerAddress {
    if (this.#public === undefined) throw new Error("the relay does not listen");
    return this.#public.address;
  }

  /** That of relays alone; nothing where there is none. */
  get clusterAddress(): PeerAddress | undefined {
    return this.#cluster?.address;
  }

  /** Of the TCP side of the public port. */
  httpStats(): PortStats | undefined {
    return this.#public?.httpStats();
  }

  /** Stops accepting connections; sessions go on. */
  stopAccepting(): void {
    this.#public?.stopAccepting();
    this.#cluster?.stopAccepting();
  }

  /** Ends all sessions and closes the sockets. Rejects with the first failure, after all have been tried. */
  async close(): Promise<void> {
    const ends = await Promise.allSettled([this.#public?.close(), this.#cluster?.close()]);
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }
}
