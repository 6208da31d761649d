import type { Clock } from "../../moq/clock.ts";
import type { MetricSources } from "../../moq/metrics.ts";
import type { Session } from "../../moq/session/index.ts";
import { BackOff } from "../back-off.ts";
import type { Peers, PeerUser } from "../contract.ts";
import { RenewableSession, type SessionEvents } from "../renewable-session.ts";
import type { Health } from "../routes/index.ts";
import { type SuspicionCounts, type SuspicionReason, suspicionCounts } from "./metrics.ts";
import { SilenceWatch } from "./silence.ts";
import { Suspicions } from "./suspicions.ts";

/** First and longest wait between two dials of one relay, in milliseconds. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 10_000;

/** A link that stays up this many milliseconds resets the back-off. A link that the peer refuses may be up for a moment. */
const STEADY_MS = 1_000;

/** Milliseconds that an unused relay and its back-off are remembered after its wait. */
const REMEMBER_MS = 60_000;

export interface PeerLinksDeps {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Milliseconds that a link stays open after its last user has left. */
  readonly lingerMs: number;
  /** Rejects when the relay cannot be reached. */
  readonly dial: (node: string, on: SessionEvents) => Promise<Session>;
  /** The health of a relay changed. */
  readonly changed: (node: string) => void;
  /** As {@link SilenceWatch} has them. */
  readonly probeAfterMs: number;
  readonly heartbeatMs: number;
  readonly metrics: MetricSources;
  /** A relay whose link is up has answered no probe. */
  readonly suspected: (node: string, silentMs: number) => void;
  /** A suspected relay answers again over the same link. */
  readonly answered: (node: string) => void;
}

type State =
  | { readonly kind: "idle" }
  | { readonly kind: "dialling" }
  | { readonly kind: "up" }
  | { readonly kind: "backing-off"; readonly cancel: () => void };

/** A link that a renewed one has replaced. It stays open until its last user has moved. */
interface Former {
  readonly session: Session;
  readonly users: Set<PeerUser>;
}

interface Peer {
  readonly node: string;
  readonly users: Set<PeerUser>;
  state: State;
  /** The link; one is in use while the state is "up". */
  readonly link: RenewableSession<Session>;
  former: Former | undefined;
  health: Health;
  /** It outlives the users of the relay, because they come back at once. */
  readonly backOff: BackOff;
  /** The link has had a user that needs more than an open link. */
  carried: boolean;
  /** When the link came up. */
  upAt: number;
  leaving: boolean;
  cancelLinger: (() => void) | undefined;
}

/** Least milliseconds that a link stays open after its last track has moved to another one: the last bytes of it that went to viewers are under way to the track. */
const RELEASE_MS = 100;

/** Links to relays: dialled while they have users, and kept open for `lingerMs` after. Does no I/O. */
export class PeerLinks implements Peers {
  readonly #deps: PeerLinksDeps;
  /** Former links without users that are about to close, with what cancels that. */
  readonly #released = new Map<Session, () => void>();
  /** Relays used lately, so as bounded as the relays that are known. */
  readonly #peers = new Map<string, Peer>();
  readonly #silence: SilenceWatch;
  readonly #suspicions: Suspicions;
  readonly #counts: SuspicionCounts;

  constructor(deps: PeerLinksDeps) {
    const { clock, random, probeAfterMs, heartbeatMs, changed } = deps;
    this.#deps = deps;
    this.#counts = suspicionCounts(deps.metrics, () => this.suspected.length);
    this.#suspicions = new Suspicions({ clock, random, changed });
    this.#silence = new SilenceWatch({
      clock,
      probeAfterMs,
      heartbeatMs,
      suspected: (node, silentMs) => this.#suspect(node, silentMs),
      heard: (node) => {
        this.#counts.unfounded++;
        this.#suspicions.answered(node);
        deps.answered(node);
      },
    });
  }

  health(node: string): Health {
    if (this.#suspicions.has(node)) return this.#suspicions.answers(node) ? "suspected" : "silent";
    return this.#peers.get(node)?.health ?? "unknown";
  }

  usable(node: string): boolean {
    return this.answers(node) && !this.#suspicions.has(node);
  }

  answers(node: string): boolean {
    const health = this.health(node);
    return health !== "down" && health !== "silent";
  }

  /** Suspicions so far, by reason. */
  get suspicions(): Readonly<Record<SuspicionReason, number>> {
    return this.#counts.byReason;
  }

  /** Names of relays that are suspected, or were until a moment ago. */
  get suspected(): string[] {
    return this.#suspicions.nodes;
  }

  /** Names of relays whose links are up, and are not only kept for failover. */
  get up(): string[] {
    const up = [...this.#peers.values()].filter((peer) => peer.state.kind === "up" && carries(peer));
    return up.map(({ node }) => node);
  }

  /** Names of relays that cannot be reached now. */
  get unreachable(): string[] {
    return [...this.#peers.values()].filter(({ health }) => health === "down").map(({ node }) => node);
  }

  use(node: string, user: PeerUser): () => void {
    const peer = this.#peer(node);
    peer.users.add(user);
    peer.carried ||= user.waits !== true;
    peer.cancelLinger?.();
    peer.cancelLinger = undefined;
    this.#watch(peer);
    if (peer.state.kind === "up") this.#deps.clock.soon(() => this.#announceUp(peer, user));
    else if (peer.state.kind === "idle") this.#dial(peer);
    else if (peer.state.kind === "backing-off") this.#deps.clock.soon(() => this.#announceDown(peer, user));
    return () => {
      if (!peer.users.delete(user)) return;
      this.#releaseFormer(peer, user);
      if (peer.users.size > 0) return;
      this.#lingerOrRetire(peer);
    };
  }

  /** The session with the relay, while it is up. */
  session(node: string): Session | undefined {
    return this.#peers.get(node)?.link.current;
  }

  /** The relay has restarted: its failures before that do not count. */
  forgive(node: string): void {
    const peer = this.#peers.get(node);
    if (peer === undefined || peer.state.kind === "up") return;
    this.#suspicions.forget(node);
    peer.backOff.reset();
    if (peer.state.kind === "dialling") return;
    if (peer.state.kind === "backing-off") peer.state.cancel();
    if (peer.users.size > 0) this.#dial(peer);
    else this.#forget(peer);
  }

  /** Relays that are remembered. */
  get size(): number {
    return this.#peers.size;
  }

  close(): void {
    this.#silence.close();
    this.#suspicions.close();
    for (const peer of this.#peers.values()) {
      peer.cancelLinger?.();
      if (peer.state.kind === "backing-off") peer.state.cancel();
      peer.link.close(0);
      peer.former?.session.close(0, "");
    }
    this.#peers.clear();
    for (const session of [...this.#released.keys()]) this.#closeReleased(session);
  }

  /** Calls `up` of a new user, unless the user or the link has gone meanwhile. */
  #announceUp(peer: Peer, user: PeerUser): void {
    const session = peer.link.current;
    if (!peer.users.has(user) || session === undefined) return;
    user.up(session.source);
    if (peer.leaving) user.leaving();
  }

  /** The relay is not dialled before its wait is over; a user that cannot wait asks another relay. */
  #announceDown(peer: Peer, user: PeerUser): void {
    if (peer.users.has(user) && peer.state.kind === "backing-off") user.down();
  }

  /** A link that is used is watched. */
  #watch({ node, users, link: { current } }: Peer): void {
    if (current !== undefined && users.size > 0) this.#silence.watch(node, current);
  }

  /** Its users go elsewhere, where there is another relay for them; the link stays, because the relay may answer again. */
  #suspect(node: string, silentMs: number): void {
    this.#counts.byReason.silence++;
    this.#deps.suspected(node, silentMs);
    this.#suspicions.add(node);
    for (const user of [...(this.#peers.get(node)?.users ?? [])]) user.suspected?.();
  }

  /** The link has no user. It closes after `lingerMs`, or after {@link RELEASE_MS} where the relay asked us to leave. */
  #lingerOrRetire(peer: Peer): void {
    if (peer.state.kind !== "up") return;
    if (!this.#suspicions.has(peer.node)) this.#silence.forget(peer.node);
    peer.cancelLinger?.();
    const wait = peer.leaving ? RELEASE_MS : Math.max(RELEASE_MS, this.#deps.lingerMs);
    peer.cancelLinger = this.#deps.clock.timer(wait, () => this.#retire(peer));
  }

  #peer(node: string): Peer {
    const known = this.#peers.get(node);
    if (known !== undefined) return known;
    const peer: Peer = {
      node,
      users: new Set(),
      state: { kind: "idle" },
      link: new RenewableSession<Session>({
        clock: this.#deps.clock,
        dial: (on) => this.#deps.dial(node, { ...on, renew: () => this.#renew(peer, on) }),
        up: (session) => this.#up(peer, session),
        failed: () => this.#failed(peer),
        leaving: () => this.#leave(peer),
        lost: () => this.#failed(peer),
        replaced: (former) => this.#replaced(peer, former),
        formerGone: (former) => this.#lostFormer(peer, former),
      }),
      former: undefined,
      health: "unknown",
      backOff: new BackOff({ firstMs: FIRST_WAIT_MS, longestMs: LONGEST_WAIT_MS, random: this.#deps.random }),
      carried: false,
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
    peer.link.open();
  }

  #up(peer: Peer, { source }: Session): void {
    peer.upAt = this.#deps.clock.now();
    peer.state = { kind: "up" };
    this.#watch(peer);
    this.#setHealth(peer, "up");
    for (const user of [...peer.users]) user.up(source);
    // Its users have left meanwhile.
    if (peer.users.size === 0) this.#lingerOrRetire(peer);
  }

  #leave(peer: Peer): void {
    peer.leaving = true;
    for (const user of [...peer.users]) user.leaving();
    if (peer.users.size === 0) this.#lingerOrRetire(peer);
  }

  /** A link without users is not renewed. It ends, and the next user dials the relay. */
  #renew({ users }: Peer, { renew }: SessionEvents): void {
    if (users.size > 0) renew();
  }

  /** A second link took the place of the first; the users move to it. */
  #replaced(peer: Peer, session: Session): void {
    if (peer.former !== undefined) this.#closeLater(peer.former.session);
    peer.former = { session, users: new Set(peer.users) };
    peer.leaving = false;
    // Silence on the former link says nothing of the new one.
    this.#suspicions.answered(peer.node);
    this.#watch(peer);
    for (const user of [...peer.users]) user.renewed?.();
  }

  #releaseFormer(peer: Peer, user: PeerUser): void {
    const { former } = peer;
    if (!former?.users.delete(user) || former.users.size > 0) return;
    peer.former = undefined;
    this.#closeLater(former.session);
  }

  #closeLater(session: Session): void {
    this.#released.set(
      session,
      this.#deps.clock.timer(RELEASE_MS, () => this.#closeReleased(session)),
    );
  }

  #closeReleased(session: Session): void {
    this.#released.get(session)?.();
    this.#released.delete(session);
    session.close(0, "");
  }

  #lostFormer(peer: Peer, session: Session): void {
    const { former } = peer;
    if (former?.session !== session) return;
    peer.former = undefined;
    for (const user of [...former.users]) {
      user.down();
      // It moves to the new link now.
      this.#deps.clock.soon(() => this.#announceUp(peer, user));
    }
  }

  #failed(peer: Peer): void {
    peer.cancelLinger?.();
    peer.cancelLinger = undefined;
    if (peer.state.kind === "up") {
      if (this.#deps.clock.now() - peer.upAt >= STEADY_MS) peer.backOff.reset();
      if (!this.#suspicions.has(peer.node)) this.#counts.byReason.link_lost++;
    }
    this.#dialLater(peer);
    this.#silence.forget(peer.node);
    this.#setHealth(peer, "down");
    this.#suspicions.resolve(peer.node);
    for (const user of [...peer.users]) if (peer.former?.users.has(user) !== true) user.down();
  }

  /** After the wait, dials a relay that has users; any other is dialled when it gets one. */
  #dialLater(peer: Peer): void {
    const cancel = this.#deps.clock.timer(peer.backOff.next(), () => {
      if (peer.users.size > 0) {
        this.#dial(peer);
        return;
      }
      peer.state = { kind: "idle" };
      peer.cancelLinger = this.#deps.clock.timer(REMEMBER_MS, () => this.#forget(peer));
      this.#setHealth(peer, "unknown");
    });
    peer.state = { kind: "backing-off", cancel };
  }

  #retire(peer: Peer): void {
    peer.cancelLinger = undefined;
    if (peer.users.size > 0 || peer.state.kind !== "up") return;
    this.#silence.forget(peer.node);
    this.#suspicions.unwatched(peer.node);
    const session = peer.link.release();
    // The link did not fail: the relay's back-off need not be remembered.
    this.#forget(peer);
    session?.close(0, "");
  }

  /** Without users. The next user finds its health unknown and dials it. */
  #forget(peer: Peer): void {
    if (peer.state.kind === "backing-off") peer.state.cancel();
    peer.state = { kind: "idle" };
    // Its timer would end the link of a later user.
    peer.cancelLinger?.();
    this.#peers.delete(peer.node);
    if (peer.health !== "unknown") this.#deps.changed(peer.node);
  }

  #setHealth(peer: Peer, health: Health): void {
    if (peer.health === health) return;
    peer.health = health;
    this.#deps.changed(peer.node);
  }
}

/** Whether a user needs more of the link than that it is open, or the last user did. */
function carries({ users, carried }: Peer): boolean {
  for (const { waits } of users) if (waits !== true) return true;
  return users.size === 0 && carried;
}
