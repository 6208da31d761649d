import type { Clock } from "../../relay/clock.ts";
import type { Session } from "../../relay/session/contract.ts";
import type { Peers, PeerUser } from "../contract.ts";
import type { Health } from "../routes/table.ts";

/** First and longest wait between two dials of one relay, in milliseconds; it doubles, and half of it is left to chance. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 10_000;

export interface PeerLinksDeps {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Milliseconds that a link stays after its last use. */
  readonly lingerMs: number;
  /** Rejects when it cannot be reached. `gone` is called at the end of the session, `leaving` when the peer asks us to leave. */
  readonly dial: (node: string, on: { gone: () => void; leaving: () => void }) => Promise<Session>;
  /** What is known of a relay's health changed. */
  readonly changed: (node: string) => void;
}

type State =
  | { readonly kind: "idle" }
  | { readonly kind: "dialling" }
  | { readonly kind: "up"; readonly session: Session }
  | { readonly kind: "waiting"; readonly cancel: () => void };

interface Peer {
  readonly node: string;
  readonly users: Set<PeerUser>;
  state: State;
  health: Health;
  waitMs: number;
  leaving: boolean;
  cancelLinger: (() => void) | undefined;
}

/** Links to relays, dialled while somebody uses them and kept for a while after. Does no I/O. */
export class PeerLinks implements Peers {
  readonly #deps: PeerLinksDeps;
  /** Only of relays that were used, so it is as bounded as those that are known. */
  readonly #peers = new Map<string, Peer>();
  #closed = false;

  constructor(deps: PeerLinksDeps) {
    this.#deps = deps;
  }

  health(node: string): Health {
    return this.#peers.get(node)?.health ?? "unknown";
  }

  /** Names of relays whose links are up. */
  get up(): string[] {
    return [...this.#peers.values()].filter(({ state }) => state.kind === "up").map(({ node }) => node);
  }

  use(node: string, user: PeerUser): () => void {
    const peer = this.#peer(node);
    peer.users.add(user);
    peer.cancelLinger?.();
    peer.cancelLinger = undefined;
    if (peer.state.kind === "up") queueMicrotask(() => this.#greet(peer, user));
    else if (peer.state.kind === "idle") this.#dial(peer);
    return () => {
      if (!peer.users.delete(user) || peer.users.size > 0) return;
      peer.cancelLinger = this.#deps.clock.timer(this.#deps.lingerMs, () => this.#retire(peer));
    };
  }

  /** The session with the relay, while it is up. */
  session(node: string): Session | undefined {
    const state = this.#peers.get(node)?.state;
    return state?.kind === "up" ? state.session : undefined;
  }

  /** The relay is known again, or anew: what it was before does not count. */
  forgive(node: string): void {
    const peer = this.#peers.get(node);
    if (peer === undefined || peer.state.kind !== "waiting") return;
    peer.state.cancel();
    peer.waitMs = FIRST_WAIT_MS;
    this.#dial(peer);
  }

  close(): void {
    this.#closed = true;
    for (const peer of this.#peers.values()) {
      peer.cancelLinger?.();
      if (peer.state.kind === "waiting") peer.state.cancel();
      if (peer.state.kind === "up") peer.state.session.close(0, "");
    }
    this.#peers.clear();
  }

  /** Tells a new user of a link that is up, unless it has left, or the link has, meanwhile. */
  #greet(peer: Peer, user: PeerUser): void {
    if (!peer.users.has(user) || peer.state.kind !== "up") return;
    user.up(peer.state.session.source);
    if (peer.leaving) user.leaving();
  }

  #peer(node: string): Peer {
    const known = this.#peers.get(node);
    if (known !== undefined) return known;
    const peer: Peer = {
      node,
      users: new Set(),
      state: { kind: "idle" },
      health: "unknown",
      waitMs: FIRST_WAIT_MS,
      leaving: false,
      cancelLinger: undefined,
    };
    this.#peers.set(node, peer);
    return peer;
  }

  #dial(peer: Peer): void {
    peer.state = { kind: "dialling" };
    peer.leaving = false;
    let ended = false;
    let up = false;
    const gone = () => {
      if (ended) return;
      ended = true;
      if (up) this.#lost(peer);
    };
    const leaving = () => {
      if (ended || this.#closed) return;
      peer.leaving = true;
      for (const user of [...peer.users]) user.leaving();
    };
    this.#deps.dial(peer.node, { gone, leaving }).then(
      (session) => {
        if (this.#closed || ended) {
          session.close(0, "");
          if (!this.#closed) this.#failed(peer);
          return;
        }
        up = true;
        peer.waitMs = FIRST_WAIT_MS;
        peer.state = { kind: "up", session };
        this.#healthy(peer, "up");
        for (const user of [...peer.users]) user.up(session.source);
      },
      () => {
        ended = true;
        if (!this.#closed) this.#failed(peer);
      },
    );
  }

  #failed(peer: Peer): void {
    this.#later(peer);
    this.#healthy(peer, "down");
    for (const user of [...peer.users]) user.down();
  }

  #lost(peer: Peer): void {
    if (this.#closed) return;
    this.#later(peer);
    this.#healthy(peer, "down");
    for (const user of [...peer.users]) user.down();
  }

  /** Dials again after a while, if somebody still uses it then. */
  #later(peer: Peer): void {
    const wait = peer.waitMs * (0.5 + this.#deps.random() / 2);
    peer.waitMs = Math.min(LONGEST_WAIT_MS, peer.waitMs * 2);
    const cancel = this.#deps.clock.timer(wait, () => {
      if (peer.users.size > 0) this.#dial(peer);
      else this.#forget(peer);
    });
    peer.state = { kind: "waiting", cancel };
  }

  #retire(peer: Peer): void {
    peer.cancelLinger = undefined;
    if (peer.users.size > 0) return;
    if (peer.state.kind === "up") peer.state.session.close(0, "");
    else if (peer.state.kind !== "dialling") this.#forget(peer);
  }

  /** Nobody uses it: whoever does next finds out anew how it is. */
  #forget(peer: Peer): void {
    if (peer.state.kind === "waiting") peer.state.cancel();
    // Else it would end the link of whoever uses the relay by then.
    peer.cancelLinger?.();
    this.#peers.delete(peer.node);
    if (peer.health !== "unknown") this.#deps.changed(peer.node);
  }

  #healthy(peer: Peer, health: Health): void {
    if (peer.health === health) return;
    peer.health = health;
    this.#deps.changed(peer.node);
  }
}
