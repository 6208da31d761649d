import { setTimeout as sleep } from "node:timers/promises";
import { type Attach, type Link, type LinkLimits, TransportError } from "../../../moq/link.ts";
import { LostSessions } from "../../load/lost-sessions.ts";
import { LASTING_PROTOCOLS } from "../../load/protocols.ts";
import type { CrowdDeps } from "./contract.ts";

const LIMITS: LinkLimits = {
  uniStreams: 512,
  bidiStreams: 64,
  idleTimeoutMs: 30_000,
  keepAliveMs: 5_000,
  queueMark: 4 * 2 ** 20,
};

/** Milliseconds of one attempt, and between two, as a client waits: half of it and up to as much again by chance. */
const ATTEMPT_MS = 15_000;
const RETRY_MS = 1_000;

/** Sessions that connect at the same time before the storm. */
const CONNECTING = 16;

/** Connects sessions as clients do: one that is refused tries again. */
export class Dialler {
  /** Refused and failed attempts, by reason. */
  readonly refused = new LostSessions();
  readonly #deps: CrowdDeps;
  readonly #links = new Set<Link>();
  #over = false;

  constructor(deps: CrowdDeps) {
    this.#deps = deps;
  }

  /** No more attempts. */
  stop(): void {
    this.#over = true;
  }

  /** Ends all sessions. */
  leave(): void {
    for (const link of this.#links) link.close(0, "");
    this.#links.clear();
  }

  /** Resolves when it is connected, or after {@link stop}. */
  async dial(attach: Attach, address: string, path?: string): Promise<void> {
    const { engine, trust } = this.#deps;
    const url = new URL(address);
    if (path !== undefined) url.pathname = path;
    const target = { url, trust, protocols: [...LASTING_PROTOCOLS], limits: LIMITS };
    while (!this.#over) {
      try {
        this.#links.add(await engine.dial({ ...target, timeoutMs: ATTEMPT_MS }, attach));
        return;
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        this.refused.add(error.status === undefined ? error.message : `status ${error.status}`);
        await sleep(RETRY_MS * (0.5 + Math.random()));
      }
    }
  }

  /** Connects all, a few at a time. */
  async dialAll(attaches: readonly Attach[], address: string): Promise<void> {
    let next = 0;
    const worker = async () => {
      for (let attach = attaches[next++]; attach !== undefined; attach = attaches[next++])
        await this.dial(attach, address);
    };
    await Promise.all(Array.from({ length: CONNECTING }, worker));
  }
}
