import { setTimeout as sleep } from "node:timers/promises";
import { type Attach, type Link, type LinkLimits, TransportError } from "../../../moq/link.ts";
import { STABLE_PROTOCOLS } from "../../../moq/wire/lite/index.ts";
import { LostSessions } from "../../load/lost-sessions.ts";
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
  #over = false;

  constructor(deps: CrowdDeps) {
    this.#deps = deps;
  }

  /** No more attempts. */
  stop(): void {
    this.#over = true;
  }

  /** Resolves with the link, or with undefined after {@link stop}. */
  async dial(attach: Attach, path = ""): Promise<Link | undefined> {
    const { engine, url, trust } = this.#deps;
    const target = { url: new URL(path, url), trust, protocols: [...STABLE_PROTOCOLS], limits: LIMITS };
    while (!this.#over) {
      try {
        return await engine.dial({ ...target, timeoutMs: ATTEMPT_MS }, attach);
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        this.refused.add(error.status === undefined ? error.message : `status ${error.status}`);
        await sleep(RETRY_MS * (0.5 + Math.random()));
      }
    }
    return undefined;
  }

  /** Connects all, a few at a time. */
  async dialAll(attaches: readonly Attach[]): Promise<void> {
    let next = 0;
    const worker = async () => {
      for (let attach = attaches[next++]; attach !== undefined; attach = attaches[next++]) await this.dial(attach);
    };
    await Promise.all(Array.from({ length: CONNECTING }, worker));
  }
}
