import type { Clock } from "../../../moq/clock.ts";
import type { Engine, Trust } from "../../../moq/link.ts";
import type { Preparation, Stormed } from "./messages.ts";

/** One kind of crowd. */
export interface Crowd {
  /** Makes what exists before the storm. */
  prepare(): Promise<void>;
  /** Resolves when all is done, or patience is over. */
  storm(): Promise<Stormed>;
  /** Ends all sessions. */
  leave(): void;
}

export interface CrowdDeps {
  readonly engine: Engine;
  readonly trust: Trust;
  readonly clock: Clock;
  readonly order: Preparation;
}
