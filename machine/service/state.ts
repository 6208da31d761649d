import type { Clock } from "../../moq/clock.ts";
import type { ServiceSend } from "./socket.ts";

/** Milliseconds between two checks of the status text. */
const STATUS_MS = 5_000;

/** The watchdog is fed this many times in its time-out, so that one late turn does not end the relay. */
const FEEDINGS = 3;

export interface ServiceStateDeps {
  readonly send: ServiceSend;
  readonly clock: Clock;
  /** `WATCHDOG_USEC` and `WATCHDOG_PID` are read. */
  readonly env: NodeJS.ProcessEnv;
  readonly pid: number;
  /** False when only a restart helps: the watchdog is not fed then, and systemd restarts the service. */
  readonly live: () => boolean;
  /** One line for `systemctl status`. */
  readonly status: () => string;
  /** Microseconds of CLOCK_MONOTONIC. */
  readonly monotonicUs: () => bigint;
}

/** Tells the service manager what the relay does, and feeds its watchdog. The protocol is that of sd_notify(3). */
export class ServiceState {
  readonly #deps: ServiceStateDeps;
  #said = "";
  #ready = false;
  #cancelStatus = () => {};
  #cancelWatchdog = () => {};

  constructor(deps: ServiceStateDeps) {
    this.#deps = deps;
  }

  /** The relay accepts sessions. */
  ready(): void {
    this.#ready = true;
    this.#said = this.#deps.status();
    this.#deps.send(["READY=1", `STATUS=${this.#said}`]);
    this.#scheduleStatus();
    const everyMs = watchdogMs(this.#deps);
    if (everyMs !== undefined) this.#feed(everyMs / FEEDINGS);
  }

  /** A reload begins. `ready` again must follow. */
  reloading(): void {
    if (!this.#ready) return;
    this.#deps.send(["RELOADING=1", `MONOTONIC_USEC=${this.#deps.monotonicUs()}`, "STATUS=Reloading"]);
  }

  /** A reload has ended. */
  reloaded(): void {
    if (!this.#ready) return;
    this.#said = this.#deps.status();
    this.#deps.send(["READY=1", `STATUS=${this.#said}`]);
  }

  /** The relay ends. `withinMs`: the longest time that it may take. */
  stopping(status: string, withinMs: number): void {
    this.#cancelStatus();
    this.#deps.send(["STOPPING=1", `STATUS=${status}`, `EXTEND_TIMEOUT_USEC=${Math.ceil(withinMs) * 1_000}`]);
    this.#ready = false;
  }

  close(): void {
    this.#cancelStatus();
    this.#cancelWatchdog();
  }

  #scheduleStatus(): void {
    this.#cancelStatus();
    this.#cancelStatus = this.#deps.clock.timer(STATUS_MS, () => {
      const status = this.#deps.status();
      if (status !== this.#said) this.#deps.send([`STATUS=${status}`]);
      this.#said = status;
      this.#scheduleStatus();
    });
  }

  #feed(everyMs: number): void {
    if (this.#deps.live()) this.#deps.send(["WATCHDOG=1"]);
    this.#cancelWatchdog = this.#deps.clock.timer(everyMs, () => this.#feed(everyMs));
  }
}

/** The watchdog's time-out in milliseconds; undefined when there is none, or one of another process. */
function watchdogMs({ env, pid }: Pick<ServiceStateDeps, "env" | "pid">): number | undefined {
  const microseconds = Number(env["WATCHDOG_USEC"]);
  const owner = env["WATCHDOG_PID"];
  const ours = owner === undefined || pid === Number(owner);
  return ours && Number.isFinite(microseconds) && microseconds > 0 ? microseconds / 1_000 : undefined;
}

export interface ServiceFacts {
  readonly reasons: readonly string[];
  readonly sessions: number;
  readonly broadcasts: number;
}

/** The line of `systemctl status`. */
export function serviceStatus({ reasons, sessions, broadcasts }: ServiceFacts): string {
  const load = `${sessions} session${sessions === 1 ? "" : "s"}, ${broadcasts} broadcast${broadcasts === 1 ? "" : "s"}`;
  return reasons.length === 0 ? `Ready: ${load}` : `Not ready (${reasons.join(", ")}): ${load}`;
}
