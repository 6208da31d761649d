import type { Clock } from "../../moq/clock.ts";
import type { AnnounceTable, Session } from "../../moq/session/index.ts";
import { BackOff } from "../back-off.ts";
import { RenewableSession } from "../renewable-session.ts";
import type { ControlSession } from "./local.ts";

/** First and longest wait between two dials of a root, in milliseconds. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;

/** Milliseconds that a replaced session stays open, so that the root hears everything over the new one first. */
const OVERLAP_MS = 1_000;

export interface RootLinkDeps {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /**
   * A session with the root whose announcements, both ways, are those of `table`. `gone` is called at its end, `renew` when that is
   * near and a second session can be opened. Rejects when the root cannot be reached.
   */
  readonly dial: (root: string, table: AnnounceTable, gone: () => void, renew: () => void) => Promise<Session>;
  /** A root cannot be reached and is dialled again. Called once until it is reached. */
  readonly unreachable: (root: string, error: unknown) => void;
}

export interface RootLinkEvents {
  /** What the relay announces to the root. */
  table(): AnnounceTable;
  up(root: RootLink): void;
  /** A second session has replaced the first one. */
  renewed(root: RootLink): void;
  down(root: RootLink): void;
}

/** The session with one root: dialled until it is up, dialled again when it ends, replaced before it expires. */
export class RootLink {
  readonly url: string;
  readonly #deps: RootLinkDeps;
  readonly #events: RootLinkEvents;
  readonly #backOff: BackOff;
  readonly #session: RenewableSession<ControlSession>;
  /** The root is this relay; its session is the local one. */
  #local = false;
  #failed = false;
  #closed = false;
  readonly #cancels = new Set<() => void>();
  /** Sessions that newer ones have replaced. */
  readonly #former = new Set<ControlSession>();

  constructor(url: string, deps: RootLinkDeps, events: RootLinkEvents) {
    this.url = url;
    this.#deps = deps;
    this.#events = events;
    this.#backOff = new BackOff({ firstMs: FIRST_WAIT_MS, longestMs: LONGEST_WAIT_MS, random: deps.random });
    this.#session = new RenewableSession<ControlSession>({
      clock: deps.clock,
      dial: ({ gone, renew }) => deps.dial(url, events.table(), gone, renew),
      up: () => this.#up(),
      failed: (error) => this.#down(error),
      lost: () => this.#lost(),
      replaced: (former) => {
        events.renewed(this);
        this.#closeLater(former);
      },
    });
  }

  /** Nothing while the root cannot be asked. */
  get session(): ControlSession | undefined {
    return this.#session.current;
  }

  start(): void {
    this.#session.open();
  }

  /** The root is this relay: the local session takes the place of any other. */
  useLocal(local: ControlSession): void {
    if (this.#local) return;
    this.#local = true;
    const before = this.#session.use(local);
    if (before === undefined) this.#events.up(this);
    else this.#events.renewed(this);
    before?.close(0, "");
  }

  close(code: number): void {
    this.#closed = true;
    for (const cancel of this.#cancels) cancel();
    for (const session of this.#former) session.close(0, "");
    this.#session.close(code);
  }

  #up(): void {
    this.#backOff.reset();
    this.#failed = false;
    this.#events.up(this);
  }

  /** `error`: why the root cannot be reached; absent where a session ended at once. */
  #down(error: unknown): void {
    if (error !== undefined) {
      if (!this.#failed) this.#deps.unreachable(this.url, error);
      this.#failed = true;
    }
    this.#dialLater();
  }

  #closeLater(session: ControlSession): void {
    this.#former.add(session);
    this.#after(OVERLAP_MS, () => {
      this.#former.delete(session);
      session.close(0, "");
    });
  }

  #lost(): void {
    this.#dialLater();
    this.#events.down(this);
  }

  #dialLater(): void {
    if (!this.#local && !this.#closed) this.#after(this.#backOff.next(), () => this.#session.open());
  }

  #after(ms: number, callback: () => void): void {
    const cancel = this.#deps.clock.timer(ms, () => {
      this.#cancels.delete(cancel);
      callback();
    });
    this.#cancels.add(cancel);
  }
}
