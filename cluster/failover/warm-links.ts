import type { Peers, PeerUser } from "../contract.ts";

export interface WarmLinksDeps {
  readonly peers: Peers;
  /** Most relays to which a link is kept; 0: none is. */
  readonly most: number;
  /** There is no room for another link. */
  readonly refused: () => void;
}

interface Warm {
  readonly owners: Set<object>;
  /** Releases the link. Absent while there is no room for it. */
  release: (() => void) | undefined;
}

/** It needs the link to be open, and nothing else. */
const IDLE: PeerUser = { up: () => {}, down: () => {}, leaving: () => {}, waits: true };

/** Links to the relays that tracks would move to if theirs fails, open before they are needed. */
export class WarmLinks {
  readonly #deps: WarmLinksDeps;
  readonly #byNode = new Map<string, Warm>();
  readonly #byOwner = new Map<object, string>();
  #open = 0;

  constructor(deps: WarmLinksDeps) {
    this.#deps = deps;
  }

  /** Relays to which a link is kept. */
  get size(): number {
    return this.#open;
  }

  /** The relay that the tracks of `owner` would move to; undefined: none. Replaces the one before. */
  want(owner: object, node: string | undefined): void {
    const before = this.#byOwner.get(owner);
    if (this.#deps.most === 0 || before === node) return;
    if (before !== undefined) this.#drop(owner, before);
    if (node === undefined) return;
    this.#byOwner.set(owner, node);
    const known = this.#byNode.get(node);
    if (known !== undefined) {
      known.owners.add(owner);
      return;
    }
    const warm: Warm = { owners: new Set([owner]), release: undefined };
    this.#byNode.set(node, warm);
    if (!this.#openLink(node, warm)) this.#deps.refused();
  }

  close(): void {
    for (const { release } of this.#byNode.values()) release?.();
    this.#byNode.clear();
    this.#byOwner.clear();
    this.#open = 0;
  }

  #openLink(node: string, warm: Warm): boolean {
    if (this.#open >= this.#deps.most) return false;
    this.#open++;
    // Each link has a user of its own.
    warm.release = this.#deps.peers.use(node, { ...IDLE });
    return true;
  }

  #drop(owner: object, node: string): void {
    this.#byOwner.delete(owner);
    const warm = this.#byNode.get(node);
    if (!warm?.owners.delete(owner) || warm.owners.size > 0) return;
    this.#byNode.delete(node);
    if (warm.release === undefined) return;
    warm.release();
    this.#open--;
    for (const [other, waiting] of this.#byNode) {
      if (waiting.release === undefined && !this.#openLink(other, waiting)) return;
    }
  }
}
