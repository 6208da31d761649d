/** Which sessions may have the powers of a relay of the mesh. */
import { AuthError, Networks, type PeerCertificate } from "../../auth/index.ts";
import { nodeOf } from "../../cluster/index.ts";
import type { LinkInfo } from "../../moq/link.ts";
import type { Config } from "../config/index.ts";
import type { Plane } from "./client-authorities.ts";
import { certificateOf } from "./credentials.ts";

/** A session that was admitted, before it gets the powers of a relay. */
export interface Candidate {
  /** Its token or its certificate is that of a relay. */
  readonly cluster: boolean;
  /** Subject of its token; absent where the token has none. */
  readonly subject: string | undefined;
  readonly certificate: PeerCertificate | undefined;
}

/** The rules of `[cluster] listen`, `allow` and `client_ca`. */
export class ClusterPlane {
  readonly #ownListener: boolean;
  readonly #asksCertificates: boolean;
  #allow: Networks | undefined;

  constructor({ listen, clientCa, allow }: Pick<Config["cluster"], "listen" | "clientCa" | "allow">) {
    this.#ownListener = listen !== undefined;
    this.#asksCertificates = clientCa !== undefined;
    this.allow(allow);
  }

  /** The networks from which new sessions may have the powers of a relay; all, where there are none. */
  allow(blocks: readonly string[]): void {
    this.#allow = blocks.length === 0 ? undefined : new Networks(blocks);
  }

  /** The certificate of a relay. At a listener that asks publishers and viewers for theirs, a certificate is no relay's. */
  relayCertificate(info: LinkInfo, plane: Plane): PeerCertificate | undefined {
    const ofRelays = this.#asksCertificates && (plane === "cluster" || !this.#ownListener);
    return ofRelays ? certificateOf(info) : undefined;
  }

  /** Throws {@link AuthError} when the session may not have the powers that it asks for at this listener. */
  check({ cluster, subject, certificate }: Candidate, { peer }: LinkInfo, plane: Plane): void {
    if (!cluster) {
      if (plane !== "cluster") return;
      throw new AuthError("cluster_required", "only relays of the mesh may connect to this listener");
    }
    if (plane !== "cluster" && this.#ownListener) {
      throw new AuthError(
        "cluster_listener_required",
        "relays connect to the cluster listener of this relay, not here",
      );
    }
    if (this.#allow?.has(peer.address) === false) {
      throw new AuthError("cluster_address_denied", "relays may not connect from this address: see [cluster] allow");
    }
    if (!this.#asksCertificates) return;
    if (certificate === undefined) {
      throw new AuthError("certificate_required", "relays must show a certificate here: see [cluster] client_cert");
    }
    if (subject !== undefined && nodeOf(subject) !== nodeOf(certificate.subject)) {
      throw new AuthError(
        "node_mismatch",
        `the token is that of \`${nodeOf(subject)}\`, and the certificate that of \`${nodeOf(certificate.subject)}\``,
      );
    }
  }
}
