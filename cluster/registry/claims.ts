import type { Clock } from "../../moq/clock.ts";
import type { NodeInfo } from "../contract.ts";

export interface ClaimsDeps {
  readonly clock: Clock;
  /** Milliseconds after which two claims are no restart any more: the session of the former start is over by then. */
  readonly settleMs: number;
  /** Several relays have one name, and have had it for that long. */
  readonly contested: (infos: readonly NodeInfo[]) => void;
}

interface Name {
  /** By session. */
  readonly claims: Map<object, NodeInfo>;
  contested: boolean;
  cancel: (() => void) | undefined;
}

/** Sessions that claim to be a relay, believed or not: where two relays were given one name, each should learn of the other. */
export class Claims {
  readonly #deps: ClaimsDeps;
  readonly #names = new Map<string, Name>();
  readonly #watchers = new Map<string, Set<() => void>>();

  constructor(deps: ClaimsDeps) {
    this.#deps = deps;
  }

  /** A session's claim, or a newer word of it. */
  set(info: NodeInfo, session: object): void {
    const name = this.#names.get(info.node) ?? { claims: new Map(), contested: false, cancel: undefined };
    this.#names.set(info.node, name);
    name.claims.set(session, info);
    this.#look(info.node, name);
  }

  delete(node: string, session: object): void {
    const name = this.#names.get(node);
    if (!name?.claims.delete(session)) return;
    this.#look(node, name);
    if (name.claims.size === 0) this.#names.delete(node);
  }

  /** Relays that have the name besides the one with that hop id, each once; none as long as it may be a restart. */
  others({ node, hop }: NodeInfo): NodeInfo[] {
    const name = this.#names.get(node);
    return name?.contested === true ? [...distinct(name).values()].filter((info) => info.hop !== hop) : [];
  }

  /** Calls `changed` when what {@link others} says of the name may be another. Returns a stop. */
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

  #look(node: string, name: Name): void {
    if (distinct(name).size < 2) {
      name.cancel?.();
      name.cancel = undefined;
      if (name.contested) {
        name.contested = false;
        this.#tell(node);
      }
    } else if (name.contested) this.#tell(node);
    else {
      name.cancel ??= this.#deps.clock.timer(this.#deps.settleMs, () => {
        name.cancel = undefined;
        name.contested = true;
        this.#deps.contested([...distinct(name).values()]);
        this.#tell(node);
      });
    }
  }

  #tell(node: string): void {
    for (const changed of [...(this.#watchers.get(node) ?? [])]) changed();
  }
}

/** One relay may have several sessions, while one takes another's place. */
function distinct({ claims }: Name): Map<bigint, NodeInfo> {
  return new Map([...claims.values()].map((info) => [info.hop, info]));
}
