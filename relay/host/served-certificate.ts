import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../../moq/clock.ts";
import type { Certificate, ClientAuthorities, KeyPairPem } from "../../moq/link.ts";
import {
  CertificateManager,
  type CertificateState,
  loadCertificate,
  makeSelfProbeCertificate,
  ServerTls,
} from "../../transport/tls/index.ts";
import type { Config } from "../config/index.ts";
import type { Logger } from "../log/index.ts";
import {
  type AuthoritiesByPlane,
  needsOwnCertificate,
  type Plane,
  readClientAuthorities,
} from "./client-authorities.ts";
import { certificateOptions } from "./options.ts";
import type { Prepared } from "./prepared.ts";

export interface ServedCertificateDeps {
  readonly clock: Clock;
  readonly wallNow: () => number;
  readonly log: Logger;
  readonly warn: (message: string, error?: unknown) => void;
}

/** What a listener presents, and which certificates it accepts from clients. */
export interface ListenerTls {
  readonly certificate: Certificate;
  readonly clients?: ClientAuthorities | undefined;
  /** Clients trust the certificate by its fingerprint. */
  readonly pinned: boolean;
}

/** A listener whose TLS is replaced while it runs. */
export interface TlsListener {
  /**
   * Checks `tls` and returns the function that uses it for new connections. That function returns false when an engine keeps the old
   * certificate until a restart. Both throw a `TransportError` when `tls` is unusable; the old one then stays in use.
   */
  prepare(tls: ListenerTls): () => boolean;
}

/** A listener that was opened, and the authorities that it uses. */
interface Served {
  readonly plane: Plane;
  readonly listener: TlsListener;
}

/**
 * The certificate of the relay and the authorities of its clients, at all listeners. A replacement is used by all listeners or by none.
 * The certificate in use is not always the newest one: some engines keep theirs until a restart.
 */
export class ServedCertificate {
  readonly #manager: CertificateManager;
  readonly #config: Config;
  readonly #deps: ServedCertificateDeps;
  readonly #served: Served[] = [];
  /** What the relay shows at its own public port, where every session needs a certificate. Its key is in no file. */
  readonly ownCertificate: KeyPairPem | undefined;
  #state: CertificateState;
  #authorities: AuthoritiesByPlane;
  /** Name of the QUIC engine, for the log. */
  #engine = "";
  #needsRestart = false;

  /** Loads the configured files, or makes a self-signed certificate. Rejects when they cannot be used. */
  static async open(config: Config, deps: ServedCertificateDeps): Promise<ServedCertificate> {
    const own = needsOwnCertificate(config) ? await makeSelfProbeCertificate(deps.wallNow()) : undefined;
    const authorities = await readClientAuthorities(config, own);
    const manager = await CertificateManager.open(certificateOptions(config, deps.wallNow), deps);
    return new ServedCertificate(manager, { authorities, own }, config, deps);
  }

  private constructor(
    manager: CertificateManager,
    { authorities, own }: { readonly authorities: AuthoritiesByPlane; readonly own: KeyPairPem | undefined },
    config: Config,
    deps: ServedCertificateDeps,
  ) {
    this.#manager = manager;
    this.#authorities = authorities;
    this.ownCertificate = own;
    this.#config = config;
    this.#deps = deps;
    this.#state = manager.current;
    manager.onChange((state) => this.#replace(state));
  }

  get state(): CertificateState {
    return this.#state;
  }

  /** SHA-256 of the certificates that clients may get now: where the engine keeps the old one until a restart, TCP has the new one. */
  get fingerprints(): string[] {
    return [this.#state.fingerprint, this.#manager.current.fingerprint];
  }

  /** The files have a newer certificate, which the engine loads only at a restart. */
  get needsRestart(): boolean {
    return this.#needsRestart;
  }

  /** What a listener of this plane is to be opened with. */
  tlsOf(plane: Plane, state = this.#state, authorities = this.#authorities): ListenerTls {
    return { certificate: state.certificate, clients: authorities[plane], pinned: state.selfSigned };
  }

  /** Reads the files again; true when they have changed. Rejects with what is wrong with them; then the old content stays in use. */
  async reload(): Promise<boolean> {
    const authorities = await readClientAuthorities(this.#config, this.ownCertificate);
    const changed = !isDeepStrictEqual(authorities, this.#authorities);
    if (changed) {
      this.#apply(this.#state, authorities);
      this.#authorities = authorities;
      this.#deps.log.info("authorities of client certificates replaced; new connections are checked against them");
    }
    return (await this.#manager.reload()) || changed;
  }

  /** Loads the certificate that `next` names, unless it names the same files as now. Rejects when it cannot be used. */
  async prepare(next: Config): Promise<Prepared | undefined> {
    const options = certificateOptions(next, this.#deps.wallNow);
    if (isDeepStrictEqual({ ...options, wallNow: 0 }, { ...this.#manager.options, wallNow: 0 })) return undefined;
    const state = await loadCertificate(options);
    for (const { plane, listener } of this.#served) listener.prepare(this.tlsOf(plane, state));
    return { commit: () => this.#manager.take(options, state), discard: () => {} };
  }

  /**
   * Gives `listener`, which was opened with `tls`, every replacement from now on. Throws when it cannot use one that arrived while it was
   * opened.
   */
  serveAt(plane: Plane, listener: TlsListener, tls: ListenerTls): void {
    const now = this.tlsOf(plane);
    if (now.certificate !== tls.certificate || now.clients !== tls.clients) listener.prepare(now)();
    this.#served.push({ plane, listener });
  }

  /** TLS of the admin listener, which gets every replacement from now on. */
  adminTls(): ServerTls {
    const tls = new ServerTls(this.#state.certificate, this.#authorities.admin);
    this.#served.push({
      plane: "admin",
      listener: {
        prepare: ({ certificate, clients }) => {
          const use = tls.prepare(certificate, clients);
          return () => {
            use();
            return true;
          };
        },
      },
    });
    return tls;
  }

  /** The QUIC engine that the log names. */
  set engine(name: string) {
    this.#engine = name;
  }

  close(): void {
    this.#manager.close();
  }

  /** Throws when a listener cannot use the certificate. */
  #replace(state: CertificateState): void {
    const { log, warn } = this.#deps;
    const { fingerprint, notAfter } = state;
    this.#needsRestart = !this.#apply(state, this.#authorities);
    if (this.#needsRestart) {
      const end = this.#state.notAfter.toISOString();
      warn(
        `the certificate was replaced, but the engine ${this.#engine} loads it only at a restart; restart this relay before ${end}`,
      );
      return;
    }
    this.#state = state;
    log.info({ fingerprint, notAfter }, "certificate replaced; new connections get it");
  }

  /** All listeners or none. False when an engine keeps the old certificate until a restart. */
  #apply(state: CertificateState, authorities: AuthoritiesByPlane): boolean {
    const next = this.#served.map(({ plane, listener }) => listener.prepare(this.tlsOf(plane, state, authorities)));
    const back = this.#served.map(({ plane, listener }) => listener.prepare(this.tlsOf(plane)));
    let all = true;
    for (const [at, use] of next.entries()) {
      try {
        all = use() && all;
      } catch (error) {
        for (const undo of back.slice(0, at)) undo();
        throw error;
      }
    }
    return all;
  }
}
