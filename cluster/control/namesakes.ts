import type { Clock } from "../../moq/clock.ts";
import type { NodeInfo } from "../contract.ts";

export interface NamesakesDeps {
  readonly clock: Clock;
  readonly self: Pick<NodeInfo, "node" | "hop">;
  /** Milliseconds after which another relay of the name is not an earlier start of this relay. */
  readonly namesakeMs: number;
  /** Another relay has this relay's name. Called once for each start of that one. */
  readonly found: (info: NodeInfo) => void;
}

interface Other {
  readonly info: NodeInfo;
  confirmed: boolean;
  readonly cancel: () => void;
}

/** Other relays that a root knows under the name of this one. */
export class Namesakes {
  readonly #deps: NamesakesDeps;
  /** By the path of its announcement. */
  readonly #others = new Map<string, Other>();
  /** Paths of announcements of this relay itself. */
  readonly #own = new Set<string>();
  /** Hop ids of those that were reported, until none is left. */
  readonly #found = new Set<bigint>();

  constructor(deps: NamesakesDeps) {
    this.#deps = deps;
  }

  /** The name is registered for another relay, and not for this one. */
  get taken(): boolean {
    return this.#own.size === 0 && [...this.#others.values()].some(({ confirmed }) => confirmed);
  }

  /** A root announced a relay. */
  announced(path: string, info: NodeInfo): void {
    const { self, clock, namesakeMs } = this.#deps;
    if (info.node !== self.node || this.#others.has(path)) return;
    if (info.hop === self.hop) {
      this.#own.add(path);
      return;
    }
    const cancel = clock.timer(namesakeMs, () => this.#confirm(other));
    const other: Other = { info, confirmed: false, cancel };
    this.#others.set(path, other);
  }

  /** A root withdrew the announcement. */
  gone(path: string): void {
    this.#own.delete(path);
    this.#others.get(path)?.cancel();
    if (this.#others.delete(path) && this.#others.size === 0) this.#found.clear();
  }

  close(): void {
    for (const { cancel } of this.#others.values()) cancel();
    this.#others.clear();
  }

  #confirm(other: Other): void {
    other.confirmed = true;
    if (this.#found.has(other.info.hop)) return;
    this.#found.add(other.info.hop);
    this.#deps.found(other.info);
  }
}
