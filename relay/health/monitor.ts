import type { Clock } from "../../moq/clock.ts";
import type { Logger } from "../log/index.ts";
import type { STATE_CODES } from "./codes.ts";
import type { Check, CheckView, Finding, HealthReport, Reason } from "./contract.ts";
import { Damped } from "./damped.ts";

/** Milliseconds between two looks at which checks are due. */
const TICK_MS = 250;

/** Default of `Check.timeoutMs`. */
const TIMEOUT_MS = 5_000;

/** Milliseconds for which the end of the relay waits for checks that have files: a disk may hang. */
const FILES_MS = 1_000;

export interface MonitorDeps {
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  readonly log: Logger;
}

type Life = (typeof STATE_CODES)[number] | "ready";

const LIFE_MESSAGES: Readonly<Record<Exclude<Life, "ready">, string>> = {
  starting: "the relay is starting",
  draining: "the relay drains: it accepts no new sessions, and gives open ones time to leave",
  closed: "the relay has closed",
};

/** A check and what it found last. */
interface Entry {
  readonly check: Check;
  readonly state: Damped;
  finding: Finding;
  /** The last bad result: the reason stands while the check still fails, also after the first good results. */
  lastBad: string;
  /** Monotonic milliseconds; infinity while a run is under way. */
  dueAt: number;
  /** Monotonic milliseconds of the last result. */
  checkedAt: number | undefined;
  /** Of the damped state: milliseconds since 1970, and monotonic. */
  since: number;
  sinceAt: number;
  /** Cancels the time limit of the run that is under way. */
  cancel: () => void;
  /** The run that is under way, of a check that has files. */
  running?: Promise<void> | undefined;
}

/**
 * Runs the checks of a relay in the background and keeps what they found, so that a question about health costs no work. A check runs once
 * at a time; one that hangs counts as a bad result after its time limit, and again after each further one.
 */
export class HealthMonitor {
  readonly #deps: MonitorDeps;
  readonly #entries: Entry[] = [];
  #life: Life = "starting";
  #ending: string | undefined;
  #lifeSince: number;
  #codes: readonly string[] | undefined;
  #cancel = () => {};
  #closed = false;

  constructor(deps: MonitorDeps) {
    this.#deps = deps;
    this.#lifeSince = deps.wallNow();
  }

  /**
   * Where the relay is in its life. `ready` means that the checks decide; in any other state they rest. `ending`: why the machine itself ends,
   * which is a reason besides.
   */
  setLife(life: Life, ending?: string): void {
    this.#life = life;
    this.#ending = ending;
    this.#lifeSince = this.#deps.wallNow();
    this.#codes = undefined;
  }

  /** Runs the checks for the first time, and then in the background until {@link close}. Checks without a promise have a result at once. */
  start(checks: readonly Check[]): void {
    const now = this.#deps.clock.now();
    for (const check of checks) {
      const state = new Damped(check.damping);
      const cancel = () => {};
      const nothing = { finding: undefined, lastBad: "", checkedAt: undefined, since: 0, sinceAt: 0, cancel };
      this.#entries.push({ check, state, dueAt: now, ...nothing });
    }
    this.#tick();
  }

  /** Severities may have changed. */
  reconsider(): void {
    this.#codes = undefined;
  }

  /** Ends the checks. Resolves when those that have files have removed them, or after {@link FILES_MS}. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    for (const { cancel } of this.#entries) cancel();
    const running = this.#entries.flatMap((entry) => entry.running ?? []);
    if (running.length === 0) return;
    let cancel = () => {};
    const late = new Promise<void>((resolve) => {
      cancel = this.#deps.clock.timer(FILES_MS, resolve);
    });
    await Promise.race([Promise.all(running), late]);
    cancel();
  }

  /** Codes of {@link HealthReport.reasons}. */
  get codes(): readonly string[] {
    this.#codes ??= this.#reasons().map(({ code }) => code);
    return this.#codes;
  }

  get live(): boolean {
    const now = this.#deps.clock.now();
    return !this.#entries.some(({ check, state, sinceAt }) => {
      const { restartAfterMs } = check;
      return state.failing === true && restartAfterMs !== undefined && now - sinceAt >= restartAfterMs;
    });
  }

  /** What the checks last found. Runs none of them. */
  report(): HealthReport {
    const reasons = this.#reasons();
    const warnings = this.#failing("warning");
    const now = this.#deps.clock.now();
    const checks = this.#entries.map((entry) => viewOf(entry, now));
    return { ready: reasons.length === 0, live: this.live, reasons, warnings, checks };
  }

  /** By code: 1 for a check that fails, 0 for one that does not or has no result yet. Checks that this relay does not have are absent. */
  failures(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#entries.map(({ check, state }) => [check.code, Number(state.failing === true)]));
  }

  #reasons(): Reason[] {
    if (this.#life === "ready") return this.#failing("not_ready");
    const since = this.#lifeSince;
    const life: Reason = { code: this.#life, message: LIFE_MESSAGES[this.#life], since };
    return this.#ending === undefined ? [life] : [life, { code: "machine_ending", message: this.#ending, since }];
  }

  #failing(severity: Check["severity"]): Reason[] {
    return this.#entries
      .filter(({ check, state }) => state.failing === true && check.severity === severity)
      .map(({ check, lastBad, since }) => ({ code: check.code, message: lastBad, since }));
  }

  #tick(): void {
    if (this.#closed) return;
    const now = this.#deps.clock.now();
    // A relay that drains has closed what some checks probe.
    const due = this.#life === "ready" ? this.#entries.filter(({ dueAt }) => dueAt <= now) : [];
    for (const entry of due) this.#run(entry);
    this.#cancel = this.#deps.clock.timer(TICK_MS, () => this.#tick());
  }

  #run(entry: Entry): void {
    entry.dueAt = Number.POSITIVE_INFINITY;
    let result: Finding | Promise<Finding>;
    try {
      result = entry.check.run();
    } catch (error) {
      result = textOf(error);
    }
    if (!(result instanceof Promise)) {
      this.#done(entry, result);
      return;
    }
    const run = this.#await(entry, result);
    entry.running = entry.check.hasFiles && run;
  }

  async #await(entry: Entry, result: Promise<Finding>): Promise<void> {
    const { clock } = this.#deps;
    const { timeoutMs = TIMEOUT_MS } = entry.check;
    const late = () => {
      this.#add(entry, `no answer within ${timeoutMs} ms`);
      entry.cancel = clock.timer(timeoutMs, late);
    };
    entry.cancel = clock.timer(timeoutMs, late);
    let finding: Finding;
    try {
      finding = await result;
    } catch (error) {
      finding = textOf(error);
    }
    entry.cancel();
    entry.running = undefined;
    this.#done(entry, finding);
  }

  #done(entry: Entry, finding: Finding): void {
    this.#add(entry, finding);
    const { everyMs, againMs = everyMs } = entry.check;
    entry.dueAt = this.#deps.clock.now() + (entry.state.wavering ? againMs : everyMs);
  }

  #add(entry: Entry, finding: Finding): void {
    if (this.#closed || this.#life !== "ready") return;
    const { clock, wallNow, log } = this.#deps;
    const { code, severity } = entry.check;
    const first = entry.state.failing === undefined;
    entry.finding = finding;
    if (finding !== undefined) entry.lastBad = finding;
    entry.checkedAt = clock.now();
    if (!entry.state.add(finding !== undefined)) return;
    entry.since = wallNow();
    entry.sinceAt = clock.now();
    this.#codes = undefined;
    if (finding !== undefined) log.warn({ code, severity, reason: finding }, "health check fails");
    else if (!first) log.info({ code, severity }, "health check passes again");
  }
}

function viewOf({ check, state, finding, since, checkedAt }: Entry, now: number): CheckView {
  const { code, severity } = check;
  return {
    code,
    severity,
    state: state.failing === undefined ? "unknown" : state.failing ? "failing" : "ok",
    ...(finding !== undefined && { message: finding }),
    ...(state.failing !== undefined && { since }),
    ...(checkedAt !== undefined && { ageMs: now - checkedAt }),
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
