import type { Clock } from "../../moq/clock.ts";
import type { NodeInfo } from "../contract.ts";

export interface ClaimsDeps {
  readonly clock: Clock;
  /** Milliseconds after which two claims are two relays, not a restart: the session of the former start has ended by then. */
  readonly namesakeMs: number;
  /** Several relays have had one name for `namesakeMs`. */
  readonly contested: (infos: readonly NodeInfo[]) => void;
}

interface ClaimedName {
  /** By session. */
  readonly claims: Map<object, NodeInfo>;
  contested: boolean;
  cancel: (() => void) | undefined;
}

/** The names that sessions claim, registered or not. Where two relays have one name, each learns of the other. */
export class Claims {
  readonly #deps: ClaimsDeps;
  readonly #names = new Map<string, ClaimedName>();
  readonly #watchers = new Map<string, Set<() => void>>();

  constructor(deps: ClaimsDeps) {
    this.#deps = deps;
  }

  /** A session claims a name, or changes its claim. */
  set(info: NodeInfo, session: object): void {
    const name = this.#names.get(info.node) ?? { claims: new Map(), contested: false, cancel: undefined };
    this.#names.set(info.node, name);
    name.claims.set(session, info);
    this.#review(info.node, name);
  }

  delete(node: string, session: object): void {
    const name = this.#names.get(node);
    if (!name?.claims.delete(session)) return;
    this.#review(node, name);
    if (name.claims.size === 0) this.#names.delete(node);
  }

  /** The other relays with the name, each once; none while the claims may be a restart. */
  others({ node, hop }: NodeInfo): NodeInfo[] {
    const name = this.#names.get(node);
    return name?.contested === true ? [...distinct(name).values()].filter((info) => info.hop !== hop) : [];
  }

  /** Calls `changed` when the answer of {@link others} may have changed. Returns a stop. */
  watch(node: string, changed: () => void): () => void {
    const watchers = this.#watchers.get(node) ?? new Set();
    this.#watchers.set(node, watchers.add(changed));
    return () => {
      watchers.delete(changed);
      if (watchers.size === 0 && this.#watchers.get(node) === watchers) this.#watchers.delete(node);
    };
  }

  close(): void {
    for (const { cancel } of this.#names.values()) cancel?.();
    this.#names.clear();
  }

  #review(node: string, name: ClaimedName): void {
    if (distinct(name).size < 2) {
      name.cancel?.();
      name.cancel = undefined;
      if (name.contested) {
        name.contested = false;
        this.#notify(node);
      }
    } else if (name.contested) this.#notify(node);
    else {
      name.cancel ??= this.#deps.clock.timer(this.#deps.namesakeMs, () => {
        name.cancel = undefined;
        name.contested = true;
        this.#deps.contested([...distinct(name).values()]);
        this.#notify(node);
      });
    }
  }

  #notify(node: string): void {
    for (const changed of [...(this.#watchers.get(node) ?? [])]) changed();
  }
}

/** By hop id: one relay may have two sessions for a moment, while one replaces the other. */
function distinct({ claims }: ClaimedName): Map<bigint, NodeInfo> {
  return new Map([...claims.values()].map((info) => [info.hop, info]));
}
