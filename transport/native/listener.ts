import {
  type Certificate,
  type ClientAuthorities,
  type LinkLimits,
  type LinkRequest,
  type Listener,
  type ListenOptions,
  type PeerAddress,
  TransportError,
  type TransportErrorCode,
} from "../../moq/link.ts";
import { parseKeyPair } from "../tls/index.ts";
import type { ClientRoots, ListenSettings, NamedCertificate } from "./addon.ts";
import type { Port } from "./port.ts";

/** One port with its certificates. */
export class NativeListener implements Listener {
  readonly #port: Port;
  readonly #options: ListenOptions;
  readonly #onRequest: (request: LinkRequest) => void;
  readonly #forget: () => void;
  readonly #done = Promise.withResolvers<void>();
  #id = 0;
  #address: PeerAddress = { address: "", port: 0 };
  #closing = false;

  constructor(port: Port, options: ListenOptions, onRequest: (request: LinkRequest) => void, forget: () => void) {
    this.#port = port;
    this.#options = options;
    this.#onRequest = onRequest;
    this.#forget = forget;
  }

  get id(): number {
    return this.#id;
  }

  get address(): PeerAddress {
    return this.#address;
  }

  /** Binds the socket at an IP address. Throws {@link TransportError}. */
  bind(host: string): void {
    const { port, protocols, certificate, clients, limits, preferred } = this.#options;
    const settings: ListenSettings = {
      host,
      port,
      protocols,
      certificates: this.#named(certificate),
      ...rootsOf(clients),
      limits: limitSettings(limits),
      ...(preferred !== undefined && { preferred }),
    };
    let bound: number;
    try {
      bound = this.#port.native.listen(settings);
    } catch (error) {
      throw transportError(error, "bind_failed");
    }
    this.#id = bound >>> 16;
    this.#address = { address: host, port: bound & 0xffff };
    this.#port.live(1);
  }

  /** The protocol of a WebTransport client that offers none. */
  get unoffered(): string {
    return this.#options.unoffered ?? "";
  }

  offer(request: LinkRequest): void {
    this.#onRequest(request);
  }

  setCertificate(certificate: Certificate, clients?: ClientAuthorities): boolean {
    try {
      const certificates = this.#named(certificate);
      this.#port.native.setCertificates(this.#id, { certificates, ...rootsOf(clients) });
    } catch (error) {
      throw transportError(error, "bad_certificate");
    }
    return true;
  }

  stopAccepting(): void {
    if (!this.#closing) this.#port.native.stopAccepting(this.#id);
  }

  close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#port.native.closeListener(this.#id);
    }
    return this.#done.promise;
  }

  /** The listener has ended and its socket is closed. */
  closed(): void {
    this.#forget();
    this.#port.live(-1);
    this.#done.resolve();
  }

  #named({ cert, key, names = new Map() }: Certificate): NamedCertificate[] {
    const pair = parseKeyPair(cert, "the certificate", key, "the key");
    const further = [...names].map(([name, own]) => ({ name, cert: own.cert, key: own.key }));
    return [{ name: "", cert: pair.cert, key: pair.key }, ...further];
  }
}

function rootsOf(clients: ClientAuthorities | undefined): { clients?: ClientRoots } {
  return clients === undefined ? {} : { clients: { roots: clients.pem, required: clients.required } };
}

/** Limits as whole numbers, as the engine needs them. */
export function limitSettings(limits: LinkLimits): LinkLimits {
  const whole = (value: number): number => Math.min(2 ** 32 - 1, Math.max(0, Math.round(value)));
  return {
    uniStreams: whole(limits.uniStreams),
    bidiStreams: whole(limits.bidiStreams),
    idleTimeoutMs: whole(limits.idleTimeoutMs),
    keepAliveMs: whole(limits.keepAliveMs),
    queueMark: whole(limits.queueMark),
  };
}

/** An error of the engine as an error of the contract. */
export function transportError(error: unknown, otherwise: TransportErrorCode): TransportError {
  if (error instanceof TransportError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? codeOf(error.code) : undefined;
  return new TransportError(code ?? otherwise, message, { cause: error });
}

const CODES: readonly TransportErrorCode[] = [
  "engine_unavailable",
  "bind_failed",
  "bad_certificate",
  "dial_failed",
  "dial_timeout",
  "dial_rejected",
  "no_common_protocol",
  "unsupported_url",
];

export function codeOf(code: unknown): TransportErrorCode | undefined {
  return CODES.find((known) => known === code);
}
