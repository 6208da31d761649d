import { close, open, readFileSync } from "node:fs";
import type { Clock } from "../../moq/clock.ts";
import type { Counters } from "../../moq/counters.ts";
import type { Logger } from "../log/index.ts";

/** Milliseconds between two checks. */
const CHECK_MS = 1_000;

/**
 * Descriptors that clients' TCP connections must leave: probes, operators, files of keys and certificates, key URLs, DNS and other relays need
 * them, each a few at a time. Without any, the system cuts new connections and reports nothing.
 */
const RESERVE = 32;

/** The part in use at which an operator should raise the limit. */
const NEARLY = 0.9;

/** Milliseconds between two warnings while it lasts. */
const SAY_AGAIN_MS = 60_000;

/** Finds a free descriptor: its number, or the system's error. */
export type Probe = (done: (error: NodeJS.ErrnoException | undefined, descriptor: number) => void) => void;

export interface DescriptorsDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
  /** Most descriptors of the process; default: the system's limit. */
  readonly limit?: number;
  readonly probe?: Probe;
}

/**
 * Keeps the process from running out of file descriptors by clients' connections, and notices when it does otherwise. The system then accepts
 * and cuts new TCP connections, and no listener gets an event; so this checks every second which number another file would get.
 */
export class Descriptors {
  readonly #deps: DescriptorsDeps;
  readonly #limit: number;
  #exhausted = false;
  /** All lower ones are in use. */
  #lowestFree = 0;
  /** Connections of clients now, and when the lowest free number was found. */
  #connections = 0;
  #connectionsThen = 0;
  /** A connection was refused since then. */
  #refused = false;
  #saidAt = Number.NEGATIVE_INFINITY;
  #cancel = () => {};
  #closed = false;

  constructor(deps: DescriptorsDeps) {
    this.#deps = deps;
    this.#limit = deps.limit ?? systemLimit();
    this.#look();
  }

  /** True when no more than {@link RESERVE} are left. */
  get exhausted(): boolean {
    return this.#exhausted;
  }

  /** True when nine tenths are in use. */
  get nearlyExhausted(): boolean {
    return this.#exhausted || this.#lowestFree >= this.#limit * NEARLY;
  }

  /** Takes one for a client's connection. False when only the reserve is left: the connection must be cut. */
  take(): boolean {
    const used = this.#lowestFree + this.#connections - this.#connectionsThen;
    if (used < this.#limit - RESERVE) {
      this.#connections++;
      return true;
    }
    this.#refused = true;
    this.#deps.counters.boundsHit.file_descriptors++;
    return false;
  }

  /** A connection that {@link take} has accepted is closed. */
  give(): void {
    this.#connections--;
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#cancel = this.#deps.clock.timer(CHECK_MS, () => this.#look());
  }

  #look(): void {
    (this.#deps.probe ?? openOne)((error, descriptor) => {
      this.#saw(error, descriptor);
      this.#schedule();
    });
  }

  #saw(error: NodeJS.ErrnoException | undefined, descriptor: number): void {
    const { log, counters, clock } = this.#deps;
    const out = error?.code === "EMFILE" || error?.code === "ENFILE";
    const before = this.#exhausted;
    const refused = this.#refused;
    this.#refused = false;
    if (error === undefined || out) {
      this.#lowestFree = out ? this.#limit : descriptor;
      this.#connectionsThen = this.#connections;
    }
    this.#exhausted = out || refused || (error === undefined && descriptor >= this.#limit - RESERVE);
    if (!this.#exhausted) {
      if (before) log.info("file descriptors are free again; new connections are accepted");
      this.#saidAt = Number.NEGATIVE_INFINITY;
      return;
    }
    if (!refused) counters.boundsHit.file_descriptors++;
    if (clock.now() - this.#saidAt < SAY_AGAIN_MS) return;
    this.#saidAt = clock.now();
    const text =
      "out of file descriptors: new TCP connections are cut; raise the limit (LimitNOFILE= in a systemd unit, ulimit -n)";
    log.error({ code: error?.code ?? "low", limit: Number.isFinite(this.#limit) ? this.#limit : undefined }, text);
  }
}

/** The lowest free number; all lower ones are in use. */
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
