import { ProtocolViolation } from "../wire/codec/index.ts";

export interface GuardDeps {
  /** The peer broke the protocol. */
  readonly violated: (violation: ProtocolViolation) => void;
  /** A defect of ours. */
  readonly failed: (error: unknown) => void;
}

/** Runs the entry points of one session. Anything that they throw is reported, and ends this session and nothing else. */
export class Guard {
  readonly #deps: GuardDeps;
  #closed = false;

  constructor(deps: GuardDeps) {
    this.#deps = deps;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Returns nothing when `work` throws, and does not run it after {@link close}. */
  run<T>(work: () => T): T | undefined {
    if (this.#closed) return undefined;
    try {
      return work();
    } catch (error) {
      this.caught(error);
      return undefined;
    }
  }

  /** An entry point that is called for each frame catches its errors itself, and hands them over here. */
  caught(error: unknown): void {
    if (error instanceof ProtocolViolation) this.#deps.violated(error);
    else this.#deps.failed(error);
  }

  /** The session is over. */
  close(): void {
    this.#closed = true;
  }
}
