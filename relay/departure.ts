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

/** How a relay that serves stops to serve: for a while, or before its end. */
export class Departure {
  readonly #deps: DepartureDeps;
  /** While the relay drains without ending. */
  #standby: { over: boolean; readonly left: Promise<void> } | undefined;
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

  /** Drains without ending, within so many milliseconds where that is known. False when the relay is not serving. */
  standDown(reason: string, withinMs?: number): boolean {
    const { state, closing, defects } = this.#deps;
    if (state() !== "ready") return false;
    const hurry = () => standby.over || closing();
    const left = Promise.withResolvers<void>();
    const standby = { over: false, left: left.promise };
    this.#standby = standby;
    this.#letLeave(reason, { hurry, last: false, withinMs })
      .catch((error: unknown) => defects.report("while sessions were asked to leave", error))
      .finally(left.resolve);
    return true;
  }

  /** Takes back {@link standDown}. False when the relay does not stand by. */
  resume(): boolean {
    const { state, host, mesh, enter, log } = this.#deps;
    if (this.#standby === undefined || this.#last !== undefined || state() !== "draining") return false;
    this.#standby.over = true;
    this.#standby = undefined;
    this.#reported = false;
    host.startAccepting();
    mesh()?.undrain();
    enter("ready");
    log.info("relay serves again: the drain was taken back");
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
      if (!closing()) await this.#letLeave(reason, { hurry: closing, last: true, withinMs: undefined });
    } catch (error) {
      // After a defect the sessions lose their time to leave, but the relay still ends.
      defects.report("while sessions were asked to leave", error);
    }
  }

  /** Asks the sessions to leave and closes those that stay. Ends early when `hurry` is true. `last`: the relay ends afterwards. */
  async #letLeave(
    reason: string,
    { hurry, last, withinMs }: { hurry: () => boolean; last: boolean; withinMs: number | undefined },
  ): Promise<void> {
    const { clock, log, host, mesh, ports, enter, state } = this.#deps;
    const { drain } = this.#deps.config();
    const again = state() === "draining";
    const end = clock.now() + (withinMs ?? Number.POSITIVE_INFINITY);
    enter("draining");
    log.info({ reason, sessions: host.sessions, graceMs: drain.graceMs }, "relay draining");
    // New sessions stop first: peers, roots, load balancers and routers learn that this relay drains, then the listeners accept no more.
    // Only then do the open sessions get GOAWAY, so that no client is sent away and comes back here.
    mesh()?.drain();
    if (!again) await this.#announce(withinMs, hurry);
    if (hurry()) return;
    const uri = mesh()?.refuge() ?? "";
    if (last) ports.stopAccepting();
    const leftMs = Math.max(0, end - clock.now());
    const spreadMs = Math.min(drain.spreadMs, leftMs);
    const graceMs = Math.min(drain.graceMs, leftMs - spreadMs);
    await drainSessions(host, { graceMs, spreadMs, clock, reason, hurry, uri });
    await this.#report(reason, hurry);
  }

  /** Waits until others know that the relay is not ready, and use the way to another one. */
  async #announce(withinMs: number | undefined, hurry: () => boolean): Promise<void> {
    const { clock, hooks, announced } = this.#deps;
    const { delayMs } = this.#deps.config().drain;
    const hookMs = hooks.longestMs("on_change");
    const told = announced();
    if (hookMs > 0) await withTimeLimit(clock, told, hookMs, hurry);
    const most = (withinMs ?? Number.POSITIVE_INFINITY) * DELAY_SHARE;
    if (delayMs > 0) await waitUntil(clock, Math.min(delayMs, most), hurry);
  }

  async #report(reason: string, hurry: () => boolean): Promise<void> {
    const { clock, hooks } = this.#deps;
    if (this.#reported || hooks.longestMs("on_drained") === 0) return;
    this.#reported = true;
    await withTimeLimit(clock, hooks.drained(reason), hooks.longestMs("on_drained"), hurry);
  }
}

/** Waits for `work`, at most so long, and not when `hurry` is true. */
async function withTimeLimit(
  clock: RelayParts["clock"],
  work: Promise<void>,
  limitMs: number,
  hurry: () => boolean,
): Promise<void> {
  let done = false;
  void work.finally(() => {
    done = true;
  });
  await waitUntil(clock, limitMs, () => done || hurry());
}
