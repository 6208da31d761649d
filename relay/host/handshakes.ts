import type { Clock } from "../../moq/clock.ts";
import type { Admission } from "./gate.ts";

/** A handshake that is under way. */
export interface Handshake {
  /** The id of the session that it becomes. */
  readonly id: string;
  /** Call this when the handshake has succeeded or failed. */
  done(): void;
  /** True when it took too long and is no longer counted. */
  readonly late: boolean;
  /** Released with the handshake, unless a session has taken it over. */
  admission: Admission | undefined;
}

/** The handshakes that are under way. Each is counted until it is done, at most for its time-out. */
export class Handshakes {
  readonly #clock: Clock;
  readonly #open = new Set<Handshake>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#open.size;
  }

  /** True while the handshake is counted. */
  has(handshake: Handshake): boolean {
    return this.#open.has(handshake);
  }

  begin(id: string, timeoutMs: number): Handshake {
    let late = false;
    const handshake: Handshake = {
      id,
      admission: undefined,
      get late() {
        return late;
      },
      done: () => {
        if (!this.#open.delete(handshake)) return;
        cancel();
        // No session has taken the admission over: the client never opened its link.
        handshake.admission?.release();
      },
    };
    const cancel = this.#clock.timer(timeoutMs, () => {
      late = true;
      handshake.done();
    });
    this.#open.add(handshake);
    return handshake;
  }

  close(): void {
    for (const handshake of [...this.#open]) handshake.done();
  }
}
