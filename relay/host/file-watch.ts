import { stat } from "node:fs/promises";
import type { Clock } from "../../moq/clock.ts";
import { TransportError } from "../../moq/link.ts";
import { selfSignedFile } from "../../transport/tls/index.ts";
import type { Config } from "../config/index.ts";
import { pemPairs } from "./options.ts";

/** Milliseconds between two looks at the files. */
const LOOK_MS = 1_000;

/** Milliseconds that a look may take before the log says that it hangs. */
const LATE_MS = 10_000;

const HANGING = `files could not be read for ${LATE_MS / 1000} s: is a file system hanging?`;

/** Files that belong together, and who takes them in again when one of them was replaced. */
export interface Watched {
  /** For messages, such as `[tls]`. */
  readonly what: string;
  readonly files: readonly string[];
  /**
   * Takes in what the files hold now. Resolves with true when that is something else than before; what was there stays where it rejects.
   * `restart`: only a new start takes them in, and the log says so.
   */
  readonly changed: (() => Promise<boolean>) | "restart";
}

export interface FileWatchDeps {
  readonly clock: Clock;
  readonly warn: (message: string, error?: unknown) => void;
}

/**
 * Looks every second at files that were read at the start: at each change, and when it is asked to, they are read again. It works for
 * editors that replace files, for links that Kubernetes swaps and for network disks. A pair of files is rarely replaced at one moment, so
 * a change counts when nothing has changed since the look before.
 */
export class FileWatch {
  readonly #deps: FileWatchDeps;
  readonly #watched: readonly Watched[];
  readonly #taken = new Map<Watched, string>();
  readonly #seen = new Map<Watched, string>();
  /** Why they cannot be used as they are. */
  readonly #broken = new Map<Watched, string>();
  #cancel = () => {};
  #looking: Promise<void> | undefined;
  #closed = false;

  constructor(watched: readonly Watched[], deps: FileWatchDeps) {
    this.#watched = watched.filter(({ files }) => files.length > 0);
    this.#deps = deps;
  }

  /** Call it before the files are read for the first time. */
  async open(): Promise<void> {
    for (const one of this.#watched) {
      const stamp = await stampOf(one.files);
      this.#taken.set(one, stamp);
      this.#seen.set(one, stamp);
    }
  }

  start(): void {
    if (this.#watched.length > 0) this.#schedule();
  }

  /** Reads all files again, whether or not they look changed; resolves with what has changed. Rejects when a file system hangs. */
  async reload(): Promise<string[]> {
    const late = Promise.withResolvers<never>();
    const cancel = this.#deps.clock.timer(LATE_MS, () => late.reject(new Error(HANGING)));
    try {
      return await Promise.race([this.#reload(), late.promise]);
    } finally {
      cancel();
    }
  }

  async #reload(): Promise<string[]> {
    await this.#looking;
    const changed: string[] = [];
    for (const one of this.#watched) {
      const stamp = await stampOf(one.files);
      const same = stamp === this.#taken.get(one);
      this.#taken.set(one, stamp);
      if (same && one.changed === "restart") continue;
      this.#broken.delete(one);
      if (await this.#take(one)) changed.push(one.what);
    }
    return changed;
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#cancel = this.#deps.clock.timer(LOOK_MS, () => {
      const late = this.#deps.clock.timer(LATE_MS, () => this.#deps.warn(HANGING));
      this.#looking = this.#look().finally(() => {
        late();
        this.#schedule();
      });
    });
  }

  async #look(): Promise<void> {
    for (const one of this.#watched) {
      const stamp = await stampOf(one.files);
      const still = stamp === this.#seen.get(one);
      this.#seen.set(one, stamp);
      if (!still || stamp === this.#taken.get(one) || this.#closed) continue;
      this.#taken.set(one, stamp);
      await this.#take(one);
    }
  }

  /** What fails is tried again at each look, because files may look the same when it would not fail any more, and told once. */
  async #take(one: Watched): Promise<boolean> {
    const { what, changed: take } = one;
    if (take === "restart") {
      this.#deps.warn(
        `the files of ${what} were replaced; the relay goes on with those of its start until it is restarted`,
      );
      return false;
    }
    try {
      const changed = await take();
      this.#broken.delete(one);
      return changed;
    } catch (error) {
      this.#taken.delete(one);
      const why = String(error);
      if (this.#broken.get(one) === why) return false;
      this.#broken.set(one, why);
      const message = error instanceof Error ? error.message : why;
      this.#deps.warn(
        `the files of ${what} cannot be used as they are now: ${message}; those read before stay in use`,
        // Anything else than a sentence for the operator is a defect: its stack is wanted.
        error instanceof TransportError ? undefined : error,
      );
      return false;
    }
  }
}

/** Changes with the files' content, also when other files take their places. */
async function stampOf(files: readonly string[]): Promise<string> {
  const stamps = await Promise.all(
    files.map(async (file) => {
      try {
        // The time of the last change of state follows permissions, and files that are copied with their times.
        const { ctimeMs, size, ino } = await stat(file);
        return `${ctimeMs}:${size}:${ino}`;
      } catch (error) {
        return String(error);
      }
    }),
  );
  return stamps.join();
}

/** What a relay reads at its start and again when it is replaced; each function takes in what is there now. */
export function watchedFiles(config: Config, take: Record<"certificates" | "trust", Watched["changed"]>): Watched[] {
  const { ca, keyFile } = config.cluster;
  const { clientCa, resetKey } = config.quic;
  const pairs = pemPairs(config).flatMap(({ cert, key }) => [cert, key]);
  return [
    {
      what: "[tls]",
      // Relays that share a state folder serve the certificate that is in it, also when another of them has renewed it.
      files: config.tls.cert === undefined ? [selfSignedFile(config.tls.stateDir), ...pairs] : pairs,
      changed: take.certificates,
    },
    {
      what: "[cluster] ca and key_file",
      files: [ca, keyFile].filter((file) => file !== undefined),
      changed: take.trust,
    },
    {
      what: "[quic] client_ca and reset_key",
      files: [clientCa, resetKey].filter((file) => file !== undefined),
      changed: "restart",
    },
  ];
}
