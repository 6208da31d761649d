import { stat } from "node:fs/promises";
import type { Clock } from "../../moq/clock.ts";
import { TransportError } from "../../moq/link.ts";
import { counter, gauge, metricGroup, type Readings } from "../../moq/metrics.ts";
import { selfSignedFile } from "../../transport/tls/index.ts";
import type { Config } from "../config/index.ts";
import { clientAuthorityFiles } from "./client-authorities.ts";
import { pemPairs } from "./options.ts";

/** Milliseconds between two checks of the files. */
const LOOK_MS = 1_000;

/** Milliseconds that a check may take before the log says that it hangs. */
const LATE_MS = 10_000;

const HANGING = `files could not be read for ${LATE_MS / 1000} s: a file system may be hanging`;

/** Groups of files that a relay watches. */
const GROUPS = ["tls", "cluster", "reset_key"] as const;

export const FILE_METRICS = metricGroup("Replaced files", {
  reloads: counter("file_reloads_total", "Times that files with another content than before were loaded.", {
    files: GROUPS,
  }),
  failures: counter(
    "file_reload_failures_total",
    "Times that replaced files could not be used, each counted once; their last content stayed in use.",
    { files: GROUPS },
  ),
  refused: gauge("files_refused", "1 while replaced files cannot be used and their last content is in use.", {
    files: GROUPS,
  }),
});

/** Files that belong together, and the function that loads them again when one was replaced. */
export interface Watched {
  /** Its name in metrics. */
  readonly group: (typeof GROUPS)[number];
  /** Its name in messages, such as `[tls]`. */
  readonly what: string;
  readonly files: readonly string[];
  /** Loads the files. Resolves with true when their content has changed; when it rejects, the last content stays in use. */
  readonly changed: () => Promise<boolean>;
}

export interface FileWatchDeps {
  readonly clock: Clock;
  readonly warn: (message: string, error?: unknown) => void;
}

/**
 * Checks every second the files that were read at the start, and loads them again at each change or on request. This also notices editors
 * that replace files, links that Kubernetes swaps, and changes on network disks. Two files are rarely replaced at the same moment, so a
 * change counts once nothing has changed since the last check.
 */
export class FileWatch {
  readonly #deps: FileWatchDeps;
  #watched: readonly Watched[];
  readonly #taken = new Map<Watched, string>();
  readonly #seen = new Map<Watched, string>();
  /** Why the files cannot be used. */
  readonly #broken = new Map<Watched, string>();
  readonly #reloads = new Map<Watched, number>();
  readonly #failures = new Map<Watched, number>();
  #cancel = () => {};
  #looking: Promise<void> | undefined;
  #started = false;
  #closed = false;

  constructor(watched: readonly Watched[], deps: FileWatchDeps) {
    this.#watched = watched.filter(({ files }) => files.length > 0);
    this.#deps = deps;
  }

  /** A sentence for each group of files that were replaced and cannot be used; their last content is in use. */
  get refused(): string[] {
    return [...this.#broken].map(([{ what }, why]) => `the files of ${what} cannot be used: ${why}`);
  }

  /** What {@link FILE_METRICS} are read from. */
  get readings(): Readings<keyof typeof FILE_METRICS.metrics> {
    const by = (count: (one: Watched) => number) =>
      GROUPS.map((files) => {
        const one = this.#watched.find(({ group }) => group === files);
        return [{ files }, one === undefined ? 0 : count(one)] as const;
      });
    return {
      reloads: by((one) => this.#reloads.get(one) ?? 0),
      failures: by((one) => this.#failures.get(one) ?? 0),
      refused: by((one) => Number(this.#broken.has(one))),
    };
  }

  /** Call this before the files are read for the first time. */
  async open(): Promise<void> {
    for (const one of this.#watched) {
      const stamp = await stampOf(one.files);
      this.#taken.set(one, stamp);
      this.#seen.set(one, stamp);
    }
  }

  start(): void {
    if (this.#started || this.#watched.length === 0) return;
    this.#started = true;
    this.#schedule();
  }

  /** Watches these groups from now on. A group that has the same files as before goes on as it is; counters go on in any case. */
  follow(watched: readonly Watched[]): void {
    const before = this.#watched;
    this.#watched = watched
      .filter(({ files }) => files.length > 0)
      .map((one) => {
        const known = before.find(({ group }) => group === one.group);
        if (known === undefined) return one;
        if (known.files.join() === one.files.join()) return known;
        for (const counts of [this.#reloads, this.#failures]) counts.set(one, counts.get(known) ?? 0);
        return one;
      });
    for (const one of before) {
      if (this.#watched.includes(one)) continue;
      for (const map of [this.#taken, this.#seen, this.#broken, this.#reloads, this.#failures]) map.delete(one);
    }
    this.start();
  }

  /** Reads all files again, changed or not; resolves with the names of the changed ones. Rejects when a file system hangs. */
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
      this.#taken.set(one, await stampOf(one.files));
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

  /** A failure is logged once and retried at each check, because the cause may pass without a change of the files. */
  async #take(one: Watched): Promise<boolean> {
    const { what, changed: take } = one;
    try {
      const changed = await take();
      this.#broken.delete(one);
      if (changed) this.#reloads.set(one, (this.#reloads.get(one) ?? 0) + 1);
      return changed;
    } catch (error) {
      this.#taken.delete(one);
      const message = error instanceof Error ? error.message : String(error);
      if (this.#broken.get(one) === message) return false;
      this.#broken.set(one, message);
      this.#failures.set(one, (this.#failures.get(one) ?? 0) + 1);
      this.#deps.warn(
        `the files of ${what} cannot be used: ${message}; their last content stays in use`,
        // Any other error is a defect, so its stack is logged.
        error instanceof TransportError ? undefined : error,
      );
      return false;
    }
  }
}

/** A text that differs once a file has changed or was replaced. */
async function stampOf(files: readonly string[]): Promise<string> {
  const stamps = await Promise.all(
    files.map(async (file) => {
      try {
        // `ctime` also changes with permissions, and when a file is copied with its times.
        const { ctimeMs, size, ino } = await stat(file);
        return `${ctimeMs}:${size}:${ino}`;
      } catch (error) {
        return String(error);
      }
    }),
  );
  return stamps.join();
}

/** The files that a relay reads at its start and again when they are replaced; each function loads them. */
export function watchedFiles(
  config: Config,
  take: Record<"certificates" | "trust" | "resetKey", Watched["changed"]>,
): Watched[] {
  const { ca, keyFile, clientCert, clientKey } = config.cluster;
  const { resetKeyFile } = config.quic;
  const authorities = clientAuthorityFiles(config);
  const pairs = pemPairs(config)
    .flatMap(({ cert, key }) => [cert, key])
    .filter((source) => typeof source === "string");
  return [
    {
      group: "tls",
      what: "[tls], and the authorities of client certificates",
      // Relays that share a state folder serve its certificate, also after another relay has renewed it.
      files: [
        ...(config.tls.cert === undefined ? [selfSignedFile(config.tls.stateDir)] : []),
        ...pairs,
        ...authorities,
      ],
      changed: take.certificates,
    },
    {
      group: "cluster",
      what: "[cluster] ca, key_file and client_cert",
      files: [ca, keyFile, clientCert, clientKey].filter((file) => file !== undefined),
      changed: take.trust,
    },
    {
      group: "reset_key",
      what: "[quic] reset_key_file",
      files: [resetKeyFile].filter((file) => file !== undefined),
      changed: take.resetKey,
    },
  ];
}
