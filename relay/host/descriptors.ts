import { close, open, readFileSync } from "node:fs";
import type { Clock } from "../../moq/clock.ts";
import type { Counters } from "../../moq/counters.ts";
import type { Logger } from "../log/index.ts";

/** Milliseconds between two looks. */
const LOOK_MS = 1_000;

/** Descriptors that are left when the relay says that it runs out: new connections are cut by the system without a word after that. */
const LOW = 16;

/** Milliseconds between two lines about it while it lasts. */
const SAY_AGAIN_MS = 60_000;

/** Looks at a descriptor that is free now: its number, or the system's error. */
export type Probe = (done: (error: NodeJS.ErrnoException | undefined, descriptor: number) => void) => void;

export interface DescriptorsDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
  /** What the process may have open; the system's limit unless told. */
  readonly limit?: number;
  readonly probe?: Probe;
}

/**
 * Notices that the process runs out of file descriptors. The system then accepts and cuts new TCP connections, and nothing that listens
 * gets an event; so this tries every second whether another file can be opened.
 */
export class Descriptors {
  readonly #deps: DescriptorsDeps;
  readonly #limit: number;
  #exhausted = false;
  #saidAt = Number.NEGATIVE_INFINITY;
  #cancel = () => {};
  #closed = false;

  constructor(deps: DescriptorsDeps) {
    this.#deps = deps;
    this.#limit = deps.limit ?? systemLimit();
    this.#schedule();
  }

  /** Fewer than {@link LOW} are left, or none. */
  get exhausted(): boolean {
    return this.#exhausted;
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#cancel = this.#deps.clock.timer(LOOK_MS, () => {
      (this.#deps.probe ?? openOne)((error, descriptor) => {
        this.#saw(error, descriptor);
        this.#schedule();
      });
    });
  }

  #saw(error: NodeJS.ErrnoException | undefined, descriptor: number): void {
    const { log, counters, clock } = this.#deps;
    const out = error?.code === "EMFILE" || error?.code === "ENFILE";
    const before = this.#exhausted;
    this.#exhausted = out || (error === undefined && descriptor >= this.#limit - LOW);
    if (!this.#exhausted) {
      if (before) log.info("file descriptors are free again");
      this.#saidAt = Number.NEGATIVE_INFINITY;
      return;
    }
    counters.boundsHit.file_descriptors++;
    if (clock.now() - this.#saidAt < SAY_AGAIN_MS) return;
    this.#saidAt = clock.now();
    const text =
      "out of file descriptors: new connections are cut; raise the limit (LimitNOFILE= in a systemd unit, ulimit -n)";
    log.error({ code: error?.code ?? "low", limit: Number.isFinite(this.#limit) ? this.#limit : undefined }, text);
  }
}

/** The lowest number that is free: all below it are in use. */
const openOne: Probe = (done) => {
  open("/dev/null", "r", (error, descriptor) => {
    if (error !== null) {
      done(error, -1);
      return;
    }
    close(descriptor, () => done(undefined, descriptor));
  });
};

function systemLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
