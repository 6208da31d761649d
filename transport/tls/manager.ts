import type { Clock } from "../../moq/clock.ts";
import type { Certificate } from "../../moq/link.ts";
import { type CertificateOptions, type CertificateState, loadCertificate, reloadCertificate } from "./certificate.ts";

/**
 * Milliseconds between two checks of the certificate's expiry; short, because a machine may sleep meanwhile. The owner
 * of this object notices replaced files.
 */
export const CHECK_INTERVAL_MS = 60 * 60 * 1000;

/** Milliseconds before its expiry from which on a configured certificate causes a warning. */
const WARN_BEFORE_MS = 7 * 24 * 60 * 60 * 1000;

export interface CertificateDeps {
  readonly clock: Clock;
  readonly warn: (message: string, error?: unknown) => void;
}

/**
 * Owns the certificate while the relay runs. It renews a self-signed one two days before its expiry, loads replaced
 * files, and warns before a configured one expires. If a new file is broken, the old certificate stays in use.
 */
export class CertificateManager {
  #options: CertificateOptions;
  readonly #deps: CertificateDeps;
  readonly #listeners = new Set<(state: CertificateState) => void>();
  #current: CertificateState;
  #cancelTimer: () => void;
  #checking: Promise<boolean> | undefined;
  #closed = false;

  /** `current` is the result of {@link loadCertificate} for the same options. */
  constructor(options: CertificateOptions, deps: CertificateDeps, current: CertificateState) {
    this.#options = options;
    this.#deps = deps;
    this.#current = current;
    this.#cancelTimer = this.#arm();
    this.#warnOfEnd();
  }

  /** Loads or makes the certificate; throws as {@link loadCertificate}. */
  static async open(options: CertificateOptions, deps: CertificateDeps): Promise<CertificateManager> {
    return new CertificateManager(options, deps, await loadCertificate(options));
  }

  get options(): CertificateOptions {
    return this.#options;
  }

  /** Uses `state`, which was loaded with `options`, and those from now on. True when the certificate is another one. Throws what a listener throws. */
  take(options: CertificateOptions, state: CertificateState): boolean {
    const changed = this.#use(state);
    this.#options = options;
    if (changed) this.#warnOfEnd();
    return changed;
  }

  get current(): CertificateState {
    return this.#current;
  }

  /**
   * Calls `listener` with every certificate that is to replace the current one, until the returned function is called. When it throws, the
   * current one stays.
   */
  onChange(listener: (state: CertificateState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Checks the certificate now. True when it was replaced. Never rejects. */
  async check(): Promise<boolean> {
    let changed = false;
    try {
      changed = await this.#looked(() => loadCertificate(this.#options));
    } catch (error) {
      this.#deps.warn("the certificate could not be renewed; the old one stays in use", error);
    }
    this.#warnOfEnd();
    return changed;
  }

  /** As {@link check} after the files were replaced; rejects with what is wrong with them. */
  async reload(): Promise<boolean> {
    const changed = await this.#looked(() => reloadCertificate(this.#options, this.#current));
    if (changed) this.#warnOfEnd();
    return changed;
  }

  /** Stops the timer; listeners get no more calls. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    this.#listeners.clear();
  }

  #arm(): () => void {
    return this.#deps.clock.timer(CHECK_INTERVAL_MS, () => {
      this.#cancelTimer = this.#arm();
      void this.check();
    });
  }

  /** Concurrent calls share one check. */
  #looked(load: () => Promise<CertificateState>): Promise<boolean> {
    this.#checking ??= this.#look(load).finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async #look(load: () => Promise<CertificateState>): Promise<boolean> {
    const options = this.#options;
    const state = await load();
    // Other files are named meanwhile.
    return options === this.#options && this.#use(state);
  }

  #use(state: CertificateState): boolean {
    if (this.#closed || sameCertificates(state.certificate, this.#current.certificate)) return false;
    for (const listener of this.#listeners) listener(state);
    this.#current = state;
    return true;
  }

  #warnOfEnd(): void {
    const { notAfter, generated } = this.#current;
    const left = notAfter.getTime() - this.#options.wallNow();
    if (left < 0) this.#deps.warn(`the certificate expired on ${notAfter.toISOString()}`);
    else if (!generated && left < WARN_BEFORE_MS) {
      this.#deps.warn(`the certificate expires on ${notAfter.toISOString()}`);
    }
  }
}

function sameCertificates(a: Certificate, b: Certificate): boolean {
  const others = [a, b].map(({ names = new Map() }) => [...names].map(([name, { cert }]) => `${name} ${cert}`).join());
  return a.cert === b.cert && others[0] === others[1];
}
