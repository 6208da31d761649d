import type { Clock } from "../clock.ts";
import type { Counters } from "../counters.ts";
import { type BidiStream, type Link, PRIORITY_CONTROL } from "../link.ts";
import type { Asker } from "../model/index.ts";
import type { Reason } from "../reason.ts";
import type { Intake, Taker } from "./intake.ts";

/**
 * Milliseconds that a request which was given up before its answer still counts for its asker: a viewer that asks and leaves again
 * and again sends the publisher a share of requests in that time and no more.
 */
const GIVEN_UP_MS = 1_000;

/** Milliseconds that requests wait for the peer to allow another stream before one is taken from a viewer that has too many. */
const STARVED_MS = 1_000;

/** A request of ours that is to have a stream. */
export interface OpenRequest {
  /** On whose behalf; absent: our own, which no share bounds. */
  readonly asker?: Asker | undefined;
  readonly handler: Taker;
  /** It serves others than its asker as well. */
  shared?(): boolean;
  opened(stream: BidiStream): void;
  /** It gets no stream, or loses it: others would have none. */
  refused(reason: Reason): void;
}

/** A request's place among those of its session. */
export interface Place {
  /** The peer has answered: it no longer counts among those that wait for an answer. */
  answered(): void;
  /** It needs no stream, or no more. */
  leave(): void;
}

/** What one asker has here. */
class Account {
  readonly asker: Asker | undefined;
  readonly share: number;
  readonly open = new Set<Entry>();
  readonly line: Entry[] = [];
  /** Requests without an answer, and those given up a moment ago. */
  unanswered = 0;

  constructor(asker?: Asker) {
    this.asker = asker;
    this.share = asker?.share ?? Number.POSITIVE_INFINITY;
  }

  get mayAsk(): boolean {
    return this.unanswered < this.share;
  }

  get empty(): boolean {
    return this.open.size + this.line.length + this.unanswered === 0;
  }
}

interface Entry {
  readonly request: OpenRequest;
  readonly account: Account;
  state: "waiting" | "asked" | "answered" | "over";
}

export interface OpenerDeps {
  readonly link: Pick<Link, "openBidi">;
  readonly intake: Pick<Intake, "stream">;
  readonly clock: Clock;
  readonly counters: Counters;
  /** Requests that wait for a stream. */
  readonly limit: number;
  /** A request has to wait because the peer allows no more streams. True when others that nobody needs now gave theirs back. */
  readonly makeRoom: () => boolean;
}

/**
 * Opens our request streams. They are shared out among the viewers on whose behalf we ask, so that none can keep the others from
 * the publisher:
 *
 * - of one viewer only so many may be unanswered; the rest wait in a line of its own;
 * - where the peer allows no more streams, tracks without viewers give theirs back; the viewer with the fewest gets the next one, and one that has more than half of all
 *   gives up its newest, that of itself alone first, for another that has waited a while;
 * - where too many wait, the longest line is cut.
 */
export class Opener {
  readonly #deps: OpenerDeps;
  readonly #own = new Account();
  readonly #accounts = new Map<Asker, Account>();
  /** Those with a line. */
  readonly #lines = new Set<Account>();
  #waiting = 0;
  #open = 0;
  /** The peer allows no more streams for now. */
  #starved = false;
  #cancelRelief: (() => void) | undefined;

  constructor(deps: OpenerDeps) {
    this.#deps = deps;
  }

  /** Opens a stream at once, or when it is the request's turn. `opened` or `refused` may be called before this returns. */
  open(request: OpenRequest): Place {
    const account = this.#account(request.asker);
    const entry: Entry = { request, account, state: "waiting" };
    if (account.line.length > 0 || !this.#begin(entry)) this.#wait(entry);
    return { answered: () => this.#answered(entry), leave: () => this.#leave(entry) };
  }

  /** The link is gone. */
  close(): void {
    this.#cancelRelief?.();
    this.#cancelRelief = undefined;
  }

  /** The peer may allow more streams now. */
  resume(): void {
    this.#starved = false;
    this.#serve();
  }

  #account(asker: Asker | undefined): Account {
    if (asker === undefined) return this.#own;
    const account = this.#accounts.get(asker) ?? new Account(asker);
    this.#accounts.set(asker, account);
    return account;
  }

  #begin(entry: Entry): boolean {
    const { request, account } = entry;
    if (this.#starved || !account.mayAsk) return false;
    const stream = this.#deps.link.openBidi(PRIORITY_CONTROL, this.#deps.intake.stream(request.handler));
    if (stream === undefined) {
      this.#starved = true;
      return false;
    }
    entry.state = "asked";
    account.open.add(entry);
    account.unanswered++;
    this.#open++;
    request.opened(stream);
    return true;
  }

  #wait(entry: Entry): void {
    const { account } = entry;
    const { counters, limit } = this.#deps;
    if (!account.mayAsk) counters.boundsHit.unanswered_per_viewer++;
    if (this.#waiting >= limit) {
      const longest = this.#longest();
      counters.boundsHit.pending_streams_per_session++;
      if (longest === undefined || longest.line.length <= account.line.length + 1) {
        entry.state = "over";
        this.#settle(account);
        entry.request.refused("limit");
        return;
      }
      this.#refuse(longest.line.at(-1));
    }
    this.#line(entry, account.line.length);
    if (this.#starved && account.mayAsk && !this.#deps.makeRoom()) this.#relieveSoon();
  }

  #longest(): Account | undefined {
    let longest: Account | undefined;
    for (const one of this.#lines) if (one.line.length > (longest?.line.length ?? 0)) longest = one;
    return longest;
  }

  /** Most peers allow more before long, as streams end or because they let the number grow; then none need be taken away. */
  #relieveSoon(): void {
    this.#cancelRelief ??= this.#deps.clock.timer(STARVED_MS, () => {
      this.#cancelRelief = undefined;
      if (!this.#starved || this.#lines.size === 0) return;
      this.#relieve();
      this.#relieveSoon();
    });
  }

  /** Takes streams from a viewer that has more than half of them, one for each other that has to wait. */
  #relieve(): void {
    const greedy = (one: Account) => one.open.size * 2 > this.#open && Number.isFinite(one.share);
    const rich = [...this.#accounts.values()].find(greedy);
    if (rich === undefined) return;
    for (const poor of [...this.#lines]) {
      if (poor === rich || !poor.mayAsk || !greedy(rich)) continue;
      this.#deps.counters.boundsHit.pending_streams_per_session++;
      const all = [...rich.open];
      this.#refuse(all.findLast(({ request }) => request.shared?.() !== true) ?? all.at(-1));
    }
  }

  #refuse(entry: Entry | undefined): void {
    if (entry === undefined) return;
    const { request } = entry;
    this.#leave(entry);
    request.refused("limit");
  }

  #answered(entry: Entry): void {
    if (entry.state !== "asked") return;
    entry.state = "answered";
    entry.account.unanswered--;
    this.#serve();
  }

  #leave(entry: Entry): void {
    const { account, state } = entry;
    entry.state = "over";
    if (state === "over") return;
    if (state === "waiting") {
      this.#unline(entry, account.line.indexOf(entry));
    } else {
      account.open.delete(entry);
      this.#open--;
      if (state === "asked") this.#giveUp(account);
    }
    this.#settle(account);
  }

  #giveUp(account: Account): void {
    const free = () => {
      account.unanswered--;
      this.#settle(account);
    };
    if (Number.isFinite(account.share)) {
      this.#deps.clock.timer(GIVEN_UP_MS, () => {
        free();
        this.#serve();
      });
    } else free();
  }

  #settle(account: Account): void {
    if (account.asker !== undefined && account.empty) this.#accounts.delete(account.asker);
  }

  /** Opens what can be opened, the viewer with the fewest streams first. */
  #serve(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const [entry] = next.line;
      if (entry === undefined) return;
      this.#unline(entry);
      if (this.#begin(entry)) continue;
      this.#line(entry, 0);
      return;
    }
  }

  #line(entry: Entry, at: number): void {
    entry.account.line.splice(at, 0, entry);
    this.#lines.add(entry.account);
    this.#waiting++;
  }

  #unline({ account }: Entry, at = 0): void {
    account.line.splice(at, 1);
    if (account.line.length === 0) this.#lines.delete(account);
    this.#waiting--;
  }

  #next(): Account | undefined {
    if (this.#starved) return undefined;
    let poorest: Account | undefined;
    for (const one of this.#lines) {
      if (one.mayAsk && (poorest === undefined || one.open.size < poorest.open.size)) poorest = one;
    }
    return poorest;
  }
}
