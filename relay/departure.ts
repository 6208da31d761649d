import type { Hooks } from "../machine/index.ts";
import type { Config } from "./config/index.ts";
import { drainSessions, type Ports, waitUntil } from "./host/index.ts";
import type { RelayState } from "./http/index.ts";
import type { MeshRuntime } from "./mesh/index.ts";
import type { RelayParts } from "./parts.ts";

/** The part of a known time to leave that the wait before GOAWAY may take. */
const DELAY_SHARE = 1 / 3;

export interface DepartureDeps extends Pick<RelayParts, "clock" | "log" | "host" | "defects"> {
  /** With the live values of the last reload. */
  readonly config: () => Config;
  readonly ports: Ports;
  readonly hooks: Hooks;
  readonly mesh: () => MeshRuntime | undefined;
  readonly state: () => RelayState;
  readonly enter: (state: "ready" | "draining") => void;
  /** Resolves when those who watch readiness have learned of it. */
  readonly announced: () => Promise<void>;
  /** The relay ends at once. */
  readonly closing: () => boolean;
}

/** The relay drains without ending. */
interface Standby {
  /** It was taken back. */
  over: boolean;
  /** An operator drained the relay, so only an operator takes it back. */
  held: boolean;
  /** When the sessions must have left, in milliseconds of the clock. */
  end: number;
  /** Resolves when the sessions have left. */
  readonly left: Promise<void>;
}

/** How sessions are asked to leave. */
interface Leave {
  /** The sessions get no more time. */
  readonly hurry: () => boolean;
  /** The relay serves again. */
  readonly takenBack: () => boolean;
  /** When the sessions must have left, in milliseconds of the clock. It may move nearer. */
  readonly end: () => number;
  /** The relay ends afterwards. */
  readonly last: boolean;
}

/** How a relay that serves stops to serve: for a while, or before its end. */
export class Departure {
  readonly #deps: DepartureDeps;
  /** While the relay drains without ending. */
  #standby: Standby | undefined;
  #last: Promise<void> | undefined;
  /** `on_drained` has run since the relay served last. */
  #reported = false;

  constructor(deps: DepartureDeps) {
    this.#deps = deps;
  }

  /** Resolves when the sessions have left; at once while the relay serves. */
  get left(): Promise<void> {
    return this.#last ?? this.#standby?.left ?? Promise.resolve();
  }

  /**
   * An operator drains the relay without ending it. While it drains because its machine ends, it stays drained when the machine goes on. False
   * when the relay ends, or an operator has drained it already.
   */
  standDown(reason: string): boolean {
    const standby = this.#standing;
    if (standby?.held) return false;
    if (standby === undefined) return this.#standBy(reason, { held: true, end: Number.POSITIVE_INFINITY });
    standby.held = true;
    this.#deps.log.info({ reason }, "an operator drained the relay, too: it serves again only after an undrain");
    return true;
  }

  /** Takes back every drain without end. False when the relay does not stand by. */
  resume(): boolean {
    const { host, mesh, enter, log } = this.#deps;
    const standby = this.#standing;
    if (standby === undefined) return false;
    standby.over = true;
    this.#standby = undefined;
    this.#reported = false;
    host.startAccepting();
    mesh()?.undrain();
    enter("ready");
    log.info("relay serves again: the drain was taken back");
    return true;
  }

  /** The machine ends: drains without ending, within so many milliseconds where they are known. A drain under way ends in this time as well. */
  leave(reason: string, withinMs = Number.POSITIVE_INFINITY): void {
    const end = this.#deps.clock.now() + withinMs;
    const standby = this.#standing;
    if (standby === undefined) this.#standBy(reason, { held: false, end });
    else {
      standby.end = Math.min(standby.end, end);
      this.#deps.enter("draining");
    }
  }

  /** Takes back {@link leave}: the machine goes on. The relay serves again unless an operator has drained it as well. */
  stay(): void {
    const { state, enter } = this.#deps;
    const standby = this.#standing;
    if (standby?.held === false) {
      this.resume();
      return;
    }
    if (standby !== undefined) standby.end = Number.POSITIVE_INFINITY;
    const now = state();
    if (now === "ready" || now === "draining") enter(now);
  }

  get #standing(): Standby | undefined {
    return this.#last === undefined && this.#deps.state() === "draining" ? this.#standby : undefined;
  }

  #standBy(reason: string, { held, end }: Pick<Standby, "held" | "end">): boolean {
    const { state, closing, defects } = this.#deps;
    if (state() !== "ready") return false;
    const left = Promise.withResolvers<void>();
    const standby: Standby = { over: false, held, end, left: left.promise };
    this.#standby = standby;
    const takenBack = () => standby.over;
    this.#letLeave(reason, { hurry: () => standby.over || closing(), takenBack, end: () => standby.end, last: false })
      .catch((error: unknown) => defects.report("while sessions were asked to leave", error))
      .finally(left.resolve);
    return true;
  }

  /** Drains before the end. Resolves when the sessions have left; never rejects. */
  drain(reason: string): Promise<void> {
    this.#last ??= this.#drain(reason);
    return this.#last;
  }

  async #drain(reason: string): Promise<void> {
    const { closing, defects } = this.#deps;
    try {
      const end = () => Number.POSITIVE_INFINITY;
      if (!closing()) await this.#letLeave(reason, { hurry: closing, takenBack: () => false, end, last: true });
    } catch (error) {
      // After a defect the sessions lose their time to leave, but the relay still ends.
      defects.report("while sessions were asked to leave", error);
    }
  }

  /** Asks the sessions to leave and closes those that stay. */
  async #letLeave(reason: string, leave: Leave): Promise<void> {
    const { hurry, end, last } = leave;
    const { clock, log, host, mesh, ports, enter, state } = this.#deps;
    const { drain } = this.#deps.config();
    const again = state() === "draining";
    enter("draining");
    log.info({ reason, sessions: host.sessions, graceMs: drain.graceMs }, "relay draining");
    // New sessions stop first: peers, roots, load balancers and routers learn that this relay drains, then the listeners accept no more.
    // Only then do the open sessions get GOAWAY, so that no client is sent away and comes back here.
    mesh()?.drain();
    if (!again) await this.#announce(leave);
    if (hurry()) return;
    const uri = mesh()?.refuge() ?? "";
    if (last) ports.stopAccepting();
    const leftMs = () => end() - clock.now();
    await drainSessions(host, { graceMs: drain.graceMs, spreadMs: drain.spreadMs, leftMs, clock, reason, hurry, uri });
    if (!leave.takenBack()) await this.#report(reason, hurry);
  }

  /** Waits until others know that the relay is not ready, and use the way to another one. */
  async #announce({ hurry, end }: Leave): Promise<void> {
    const { clock, hooks, announced } = this.#deps;
    const { delayMs } = this.#deps.config().drain;
    const hookMs = hooks.longestMs("on_change");
    const told = announced();
    if (hookMs > 0) await withTimeLimit(clock, told, hookMs, () => hurry() || clock.now() >= end());
    const from = clock.now();
    const pressed = () => clock.now() - from >= (end() - from) * DELAY_SHARE;
    if (delayMs > 0) await waitUntil(clock, delayMs, () => hurry() || pressed());
  }

  async #report(reason: string, hurry: () => boolean): Promise<void> {
    const { clock, hooks, defects } = this.#deps;
    if (this.#reported || hooks.longestMs("on_drained") === 0) return;
    this.#reported = true;
    const drained = hooks.drained(reason).catch((error: unknown) => defects.report("in the hook on_drained", error));
    await withTimeLimit(clock, drained, hooks.longestMs("on_drained"), hurry);
  }
}

/** Waits for `work`, which may fail, at most so long, and not when `hurry` is true. */
async function withTimeLimit(
  clock: RelayParts["clock"],
  work: Promise<void>,
  limitMs: number,
  hurry: () => boolean,
): Promise<void> {
  let done = false;
  const ended = () => {
    done = true;
  };
  void work.then(ended, ended);
  await waitUntil(clock, limitMs, () => done || hurry());
}
