import type { Clock } from "../../moq/clock.ts";
import type { Session } from "../../moq/session/index.ts";
import { BackOff } from "../back-off.ts";
import type { Peers, PeerUser } from "../contract.ts";
import type { Health } from "../routes/index.ts";

/** First and longest wait between two dials of one relay, in milliseconds. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 10_000;

/** Milliseconds that a link lasts which was no failure: one that is refused may be there for a moment. */
const STEADY_MS = 1_000;

/** Milliseconds that the wait of a relay which nobody uses any more is remembered after it is over. */
const REMEMBER_MS = 60_000;

/** What happens to a link. */
export interface LinkEvents {
  /** Its session is over. */
  readonly gone: () => void;
  /** The peer asks us to leave. */
  readonly leaving: () => void;
  /** It will end before long, and another one may be had by now. May come several times. */
  readonly renew: () => void;
}

export interface PeerLinksDeps {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Milliseconds that a link stays after its last use. */
  readonly lingerMs: number;
  /** Rejects when it cannot be reached. */
  readonly dial: (node: string, on: LinkEvents) => Promise<Session>;
  /** What is known of a relay's health changed. */
  readonly changed: (node: string) => void;
}

type State =
  | { readonly kind: "idle" }
  | { readonly kind: "dialling" }
  | { readonly kind: "up"; readonly session: Session }
  | { readonly kind: "waiting"; readonly cancel: () => void };

/** A link that another one has taken the place of, for as long as somebody runs over it. */
interface Former {
  readonly session: Session;
  readonly users: Set<PeerUser>;
}

interface Peer {
  readonly node: string;
  readonly users: Set<PeerUser>;
  state: State;
  former: Former | undefined;
  renewing: boolean;
  health: Health;
  /** It outlives the users of the relay, because they come back at once. */
  readonly backOff: BackOff;
  /** Since when the link is up. */
  upAt: number;
  leaving: boolean;
  cancelLinger: (() => void) | undefined;
}

/** Links to relays, dialled while somebody uses them and kept for a while after. Does no I/O. */
export class PeerLinks implements Peers {
  readonly #deps: PeerLinksDeps;
  /** Only of relays that were used lately, so it is as bounded as those that are known. */
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
    if (peer.state.kind === "up") this.#deps.clock.soon(() => this.#greet(peer, user));
    else if (peer.state.kind === "idle") this.#dial(peer);
    else if (peer.state.kind === "waiting") this.#deps.clock.soon(() => this.#refuse(peer, user));
    return () => {
      if (!peer.users.delete(user)) return;
      this.#leaveFormer(peer, user);
      if (peer.users.size > 0) return;
      this.#rest(peer);
    };
  }

  /** The session with the relay, while it is up. */
  session(node: string): Session | undefined {
    const state = this.#peers.get(node)?.state;
    return state?.kind === "up" ? state.session : undefined;
  }

  /** The relay has started anew: what it was before does not count. */
  forgive(node: string): void {
    const peer = this.#peers.get(node);
    if (peer === undefined || peer.state.kind === "up") return;
    peer.backOff.reset();
    if (peer.state.kind === "dialling") return;
    if (peer.state.kind === "waiting") peer.state.cancel();
    if (peer.users.size > 0) this.#dial(peer);
    else this.#forget(peer);
  }

  /** Relays that are remembered. */
  get size(): number {
    return this.#peers.size;
  }

  close(): void {
    this.#closed = true;
    for (const peer of this.#peers.values()) {
      peer.cancelLinger?.();
      if (peer.state.kind === "waiting") peer.state.cancel();
      if (peer.state.kind === "up") peer.state.session.close(0, "");
      peer.former?.session.close(0, "");
    }
    this.#peers.clear();
  }

  /** Tells a new user of a link that is up, unless it has left, or the link has, meanwhile. */
  #greet(peer: Peer, user: PeerUser): void {
    if (!peer.users.has(user) || peer.state.kind !== "up") return;
    user.up(peer.state.session.source);
    if (peer.leaving) user.leaving();
  }

  /** It is not dialled yet. Whoever cannot wait asks another one. */
  #refuse(peer: Peer, user: PeerUser): void {
    if (peer.users.has(user) && peer.state.kind === "waiting") user.down();
  }

  /** Nobody uses the link. A relay that asked us to leave waits for that. */
  #rest(peer: Peer): void {
    if (peer.state.kind !== "up") return;
    peer.cancelLinger?.();
    const wait = peer.leaving ? 0 : this.#deps.lingerMs;
    peer.cancelLinger = this.#deps.clock.timer(wait, () => this.#retire(peer));
  }

  #peer(node: string): Peer {
    const known = this.#peers.get(node);
    if (known !== undefined) return known;
    const peer: Peer = {
      node,
      users: new Set(),
      state: { kind: "idle" },
      former: undefined,
      renewing: false,
      health: "unknown",
      backOff: new BackOff({ firstMs: FIRST_WAIT_MS, longestMs: LONGEST_WAIT_MS, random: this.#deps.random }),
      upAt: 0,
      leaving: false,
      cancelLinger: undefined,
    };
    this.#peers.set(node, peer);
    return peer;
  }

  #dial(peer: Peer): void {
    peer.state = { kind: "dialling" };
    peer.leaving = false;
    this.#open(peer).then(
      (session) => {
        if (session === undefined) {
          this.#failed(peer);
          return;
        }
        peer.upAt = this.#deps.clock.now();
        peer.state = { kind: "up", session };
        this.#healthy(peer, "up");
        for (const user of [...peer.users]) user.up(session.source);
        // Whoever wanted it has left meanwhile.
        if (peer.users.size === 0) this.#rest(peer);
      },
      () => {
        this.#failed(peer);
      },
    );
  }

  /** A link; nothing when it is over, or not wanted any more, by the time that it is there. */
  async #open(peer: Peer): Promise<Session | undefined> {
    let session: Session | undefined;
    let ended = false;
    const current = () => session !== undefined && peer.state.kind === "up" && peer.state.session === session;
    let early = false;
    const leaving = () => {
      if (ended || this.#closed) return;
      early = session === undefined;
      if (!current()) return;
      peer.leaving = true;
      for (const user of [...peer.users]) user.leaving();
      if (peer.users.size === 0) this.#rest(peer);
    };
    const opened = await this.#deps.dial(peer.node, {
      gone: () => {
        if (ended) return;
        ended = true;
        if (current()) this.#failed(peer);
        else if (session !== undefined) this.#lostFormer(peer, session);
      },
      leaving,
      renew: () => {
        if (!ended && current()) this.#renew(peer);
      },
    });
    session = opened;
    // It was asked for before the link was there to leave.
    if (early) this.#deps.clock.timer(0, leaving);
    if (!this.#closed && !ended) return opened;
    opened.close(0, "");
    return undefined;
  }

  /** Makes before it breaks: those who use the link go over to a new one. Where there is none to be had, this one has its end. */
  #renew(peer: Peer): void {
    if (peer.renewing || peer.users.size === 0) return;
    peer.renewing = true;
    const before = peer.state;
    this.#open(peer)
      .then((session) => {
        if (session === undefined) return;
        if (before.kind !== "up" || peer.state !== before) {
          session.close(0, "");
          return;
        }
        peer.former?.session.close(0, "");
        peer.former = { session: before.session, users: new Set(peer.users) };
        peer.state = { kind: "up", session };
        peer.leaving = false;
        for (const user of [...peer.users]) user.renewed?.();
      })
      .catch(() => {})
      .finally(() => {
        peer.renewing = false;
      });
  }

  #leaveFormer(peer: Peer, user: PeerUser): void {
    const { former } = peer;
    if (!former?.users.delete(user) || former.users.size > 0) return;
    peer.former = undefined;
    former.session.close(0, "");
  }

  #lostFormer(peer: Peer, session: Session): void {
    const { former } = peer;
    if (former?.session !== session) return;
    peer.former = undefined;
    for (const user of [...former.users]) {
      user.down();
      // Whoever did not go over yet does now.
      this.#deps.clock.soon(() => this.#greet(peer, user));
    }
  }

  #failed(peer: Peer): void {
    if (this.#closed) return;
    peer.cancelLinger?.();
    peer.cancelLinger = undefined;
    if (peer.state.kind === "up" && this.#deps.clock.now() - peer.upAt >= STEADY_MS) peer.backOff.reset();
    this.#later(peer);
    this.#healthy(peer, "down");
    for (const user of [...peer.users]) if (peer.former?.users.has(user) !== true) user.down();
  }

  /** Dials again after a while: at once then if somebody uses it, else when somebody does. */
  #later(peer: Peer): void {
    const cancel = this.#deps.clock.timer(peer.backOff.next(), () => {
      if (peer.users.size > 0) {
        this.#dial(peer);
        return;
      }
      peer.state = { kind: "idle" };
      peer.cancelLinger = this.#deps.clock.timer(REMEMBER_MS, () => this.#forget(peer));
      this.#healthy(peer, "unknown");
    });
    peer.state = { kind: "waiting", cancel };
  }

  #retire(peer: Peer): void {
    peer.cancelLinger = undefined;
    if (peer.users.size > 0 || peer.state.kind !== "up") return;
    const { session } = peer.state;
    // It did not fail.
    this.#forget(peer);
    session.close(0, "");
  }

  /** Nobody uses it: whoever does next finds out anew how it is. */
  #forget(peer: Peer): void {
    if (peer.state.kind === "waiting") peer.state.cancel();
    peer.state = { kind: "idle" };
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
