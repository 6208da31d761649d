import type { Clock } from "../clock.ts";
import type { Counters } from "../counters.ts";
import { LazyMap, LazySet } from "../lazy.ts";
import { type BidiStream, type Link, PRIORITY_CONTROL } from "../link.ts";
import type { Asker } from "../model/index.ts";
import type { Reason } from "../reason.ts";
import type { Intake, TurnHandler } from "./intake.ts";

/**
 * Milliseconds that a request counts for its asker after it was cancelled unanswered. So a viewer that asks and cancels again and
 * again can send the publisher no more than its share of requests in this time.
 */
const GIVEN_UP_MS = 1_000;

/** Milliseconds that requests wait for the peer to allow another stream. Then a viewer that has too many loses one. */
const STARVED_MS = 1_000;

/** A request of ours that needs a stream. */
export interface OpenRequest {
  /** The peer on whose behalf we ask; absent: ourselves, without a bound. */
  readonly asker?: Asker | undefined;
  readonly handler: TurnHandler;
  /** Other peers besides the asker get the answer as well. */
  shared?(): boolean;
  opened(stream: BidiStream): void;
  /** The request gets no stream, or loses it because others would have none. */
  refused(reason: Reason): void;
}

/** A request's place among those of its session. */
export interface Place {
  /** The peer has answered, so the request no longer counts as unanswered. */
  answered(): void;
  /** The request needs no stream any more. */
  leave(): void;
}

/** The requests of one asker. */
class Account {
  readonly asker: Asker | undefined;
  readonly share: number;
  readonly open = new Set<Entry>();
  readonly line: Entry[] = [];
  /** Requests without an answer, including those cancelled a moment ago. */
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
  /** Requests that may wait for a stream. */
  readonly limit: number;
  /** The peer allows no more streams. Ends requests that no viewer needs; true when there were some. */
  readonly makeRoom: () => boolean;
}

/**
 * Opens our request streams. The viewers on whose behalf we ask share them, so that no viewer can keep the others from the publisher:
 *
 * - A viewer has at most `Asker.share` unanswered requests. The rest wait in a line of its own.
 * - Where the peer allows no more streams, tracks without viewers end first. The viewer with the fewest streams gets the next one.
 * - A viewer with more than half of all streams loses its newest to one that has waited for {@link STARVED_MS}; first a request that
 *   serves this viewer alone.
 * - Where too many requests wait, the last of the longest line is refused.
 */
export class Opener {
  readonly #deps: OpenerDeps;
  readonly #own = new Account();
  readonly #accounts = new LazyMap<Asker, Account>();
  /** Accounts with requests that wait. */
  readonly #lines = new LazySet<Account>();
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

  /** Opens a stream for something that this end offers, ahead of all that waits. Nothing where the peer allows no more streams now. */
  openNow(handler: TurnHandler): BidiStream | undefined {
    return this.#deps.link.openBidi(PRIORITY_CONTROL, this.#deps.intake.stream(handler));
  }

  /** The session is over. */
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
        this.#forgetIfEmpty(account);
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

  /** Most peers soon allow more streams: as streams end, or because they raise the limit. Then no viewer need lose one. */
  #relieveSoon(): void {
    this.#cancelRelief ??= this.#deps.clock.timer(STARVED_MS, () => {
      this.#cancelRelief = undefined;
      if (!this.#starved || this.#lines.size === 0) return;
      this.#relieve();
      this.#relieveSoon();
    });
  }

  /** A viewer with more than half of all streams loses one for each other viewer that waits. */
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
    this.#forgetIfEmpty(account);
  }

  #giveUp(account: Account): void {
    const free = () => {
      account.unanswered--;
      this.#forgetIfEmpty(account);
    };
    if (Number.isFinite(account.share)) {
      this.#deps.clock.timer(GIVEN_UP_MS, () => {
        free();
        this.#serve();
      });
    } else free();
  }

  #forgetIfEmpty(account: Account): void {
    if (account.asker !== undefined && account.empty) this.#accounts.delete(account.asker);
  }

  /** Opens as many streams as possible, those of the viewer with the fewest first. */
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
