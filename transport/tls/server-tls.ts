/** TLS of listeners over TCP, whose certificates and authorities change while they listen. */

import { constants } from "node:crypto";
import type { SecureContext, SecureContextOptions, Server, TLSSocket, TlsOptions } from "node:tls";
import { type Certificate, type ClientAuthorities, type KeyPairPem, TransportError } from "../../moq/link.ts";
import { tls } from "../shared/index.ts";

const MIN_VERSION = "TLSv1.2";

/**
 * TLS of one listener over TCP. Make a server with {@link ServerTls.options}, then {@link ServerTls.follow} it. With `clients` the server
 * asks for a client certificate; {@link clientCertificateOf} returns the one that a client has shown.
 */
export class ServerTls {
  #clients: ClientAuthorities | undefined;
  #main: SecureContextOptions;
  #byName: ReadonlyMap<string, SecureContext>;
  #server: Server | undefined;

  /** Throws {@link TransportError} `bad_certificate` when a certificate, a key or an authority is unusable. */
  constructor(certificate: Certificate, clients?: ClientAuthorities) {
    const made = contextsOf(certificate, clients);
    this.#clients = clients;
    this.#main = made.main;
    this.#byName = made.byName;
  }

  /** For `createServer` of `node:https` or `node:tls`. */
  get options(): TlsOptions {
    const clients = this.#clients;
    return {
      ...this.#main,
      SNICallback: (name, answer) => answer(null, this.#contextFor(name.toLowerCase())),
      ...(clients !== undefined && { requestCert: true, rejectUnauthorized: clients.required }),
    };
  }

  /** `server` was made with {@link options}; later certificates go to it. */
  follow(server: Server): void {
    this.#server = server;
    if (this.#clients === undefined) return;
    // OpenSSL lets a client pass whose certificate is of another authority where none is required.
    server.prependListener("secureConnection", (socket: TLSSocket) => {
      if (!socket.authorized && socket.getPeerX509Certificate() !== undefined) socket.destroy();
    });
  }

  /**
   * Checks what new connections are to use, and returns the function that sets it, which never throws. `clients` absent: the
   * authorities stay. Throws {@link TransportError} `bad_certificate`.
   */
  prepare(certificate: Certificate, clients = this.#clients): () => void {
    const { main, byName } = contextsOf(certificate, clients);
    return () => {
      this.#clients = clients;
      this.#main = main;
      this.#byName = byName;
      this.#server?.setSecureContext(main);
    };
  }

  /** Undefined for a name that has no certificate of its own. */
  #contextFor(name: string): SecureContext | undefined {
    return this.#byName.get(name) ?? this.#byName.get(name.replace(/^[^.]*/, "*"));
  }
}

function contextsOf(
  certificate: Certificate,
  clients: ClientAuthorities | undefined,
): { main: SecureContextOptions; byName: ReadonlyMap<string, SecureContext> } {
  const { names = new Map<string, KeyPairPem>() } = certificate;
  try {
    const main = contextOptions(certificate, clients);
    tls.createSecureContext(main);
    const byName = [...names].map(
      ([name, pair]) => [name, tls.createSecureContext(contextOptions(pair, clients))] as const,
    );
    return { main, byName: new Map(byName) };
  } catch (cause) {
    // OpenSSL's message has no part of a key.
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TransportError("bad_certificate", `OpenSSL cannot use the certificate and key: ${why}`, { cause });
  }
}

function contextOptions({ cert, key }: KeyPairPem, clients: ClientAuthorities | undefined): SecureContextOptions {
  const base = { cert, key, minVersion: MIN_VERSION } as const;
  if (clients === undefined) return base;
  // Without tickets, no session is resumed: a resumed one would skip the check against authorities that were replaced.
  return { ...base, ca: clients.pem, secureOptions: constants.SSL_OP_NO_TICKET };
}
