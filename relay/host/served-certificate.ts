import type { Clock } from "../../moq/clock.ts";
import { CertificateManager, type CertificateState } from "../../transport/tls/index.ts";
import type { Config } from "../config/index.ts";
import type { Logger } from "../log/index.ts";
import type { Listeners } from "./listeners.ts";
import { certificateOptions } from "./options.ts";

export interface ServedCertificateDeps {
  readonly clock: Clock;
  readonly wallNow: () => number;
  readonly log: Logger;
  readonly warn: (message: string, error?: unknown) => void;
}

/** The certificate of QUIC connections. It is not always the newest one: some engines keep theirs until a restart. */
export class ServedCertificate {
  readonly #manager: CertificateManager;
  readonly #deps: ServedCertificateDeps;
  #state: CertificateState;

  /** Loads the configured files, or makes a self-signed certificate. Rejects when they cannot be used. */
  static async open(config: Config, deps: ServedCertificateDeps): Promise<ServedCertificate> {
    const manager = await CertificateManager.open(certificateOptions(config, deps.wallNow), deps);
    return new ServedCertificate(manager, deps);
  }

  private constructor(manager: CertificateManager, deps: ServedCertificateDeps) {
    this.#manager = manager;
    this.#deps = deps;
    this.#state = manager.current;
  }

  get state(): CertificateState {
    return this.#state;
  }

  /** SHA-256 of the certificates that clients may get now: where the engine keeps the old one until a restart, TCP has the new one. */
  get fingerprints(): string[] {
    return [this.#state.fingerprint, this.#manager.current.fingerprint];
  }

  get expired(): boolean {
    return this.#deps.wallNow() > this.#state.notAfter.getTime();
  }

  /** Reads the files again; true when they have changed. */
  reload(): Promise<boolean> {
    return this.#manager.reload();
  }

  /** Gives `listeners` every new certificate, also one that arrived while they were opened. */
  serveAt(listeners: Listeners, engine: string): void {
    this.#manager.onChange((state) => this.#swap(state, listeners, engine));
    if (this.#manager.current !== this.#state) this.#swap(this.#manager.current, listeners, engine);
  }

  close(): void {
    this.#manager.close();
  }

  #swap(state: CertificateState, listeners: Listeners, engine: string): void {
    const { log, warn } = this.#deps;
    const { fingerprint, notAfter, certificate, selfSigned } = state;
    if (listeners.setCertificate(certificate, selfSigned)) {
      this.#state = state;
      log.info({ fingerprint, notAfter }, "certificate replaced; new connections get it");
      return;
    }
    const end = this.#state.notAfter.toISOString();
    warn(
      `the certificate was replaced, but the engine ${engine} loads it only at a restart; restart this relay before ${end}`,
    );
  }
}
