import { Publisher } from "./publisher.ts";
import { LASTING, type Stage } from "./stage.ts";
import { visitAsStranger } from "./stranger.ts";
import { Viewer } from "./viewer.ts";

/** Clients that are there at once; while there are more, none begins, so that a slow machine is not overrun. */
const MOST_CLIENTS = 200;

/** Longest time in milliseconds for which a lasting broadcast is published without a break, and the longest break. */
const LASTING_MS = 60_000;
const BREAK_MS = 3_000;

/** Longest life of a passing broadcast in milliseconds. */
const PASSING_MS = 15_000;

/** Passing broadcasts that viewers ask for: the newest ones, of which some are over and one is not there yet. */
const RECENT = 6;

/** Longest time between two clients in milliseconds. */
const LONGEST_WAIT_MS = 60_000;

type Client = Viewer | Publisher;

const NO_PART = { broadcasts: [], start() {}, closed() {} };

/** Begins clients at random times until it is stopped. */
export class Churn {
  readonly #stage: Stage;
  readonly #clients = new Set<Client>();
  #others = 0;
  #passing = 0;
  #stopped = false;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** Clients that are there now. */
  get open(): number {
    return this.#clients.size + this.#others;
  }

  start(): void {
    if (this.#stage.start.lasting) for (const path of LASTING) void this.#last(path);
    this.#schedule();
  }

  /** Begins nothing more and lets all clients leave. */
  stop(): void {
    this.#stopped = true;
    for (const client of this.#clients) client.leave();
  }

  #schedule(): void {
    const { chance, start, clock } = this.#stage;
    // As with independent clients, the times between two have an exponential distribution.
    const waitMs = (-Math.log(1 - chance.next()) * 1_000) / start.rate;
    clock.timer(Math.min(waitMs, LONGEST_WAIT_MS), () => {
      if (this.#stopped) return;
      if (this.open < MOST_CLIENTS) this.#begin();
      this.#schedule();
    });
  }

  #begin(): void {
    const { chance, start } = this.#stage;
    const what = chance.next();
    if (what < 0.75) {
      const viewer = new Viewer(this.#stage, () => this.#path());
      void this.#run(viewer, viewer.run());
    } else if (what < 0.85) {
      const publisher = new Publisher(this.#stage, `live/${start.name}-${++this.#passing}`);
      void this.#run(publisher, publisher.run(PASSING_MS));
    } else if (what < 0.91) void this.#other(this.#wrong());
    else if (what < 0.95) void this.#other(this.#stage.abandon(start.edges, chance.pick(start.tokens.watch), NO_PART));
    else void this.#other(visitAsStranger(this.#stage));
  }

  async #last(path: string): Promise<void> {
    while (!this.#stopped) {
      const publisher = new Publisher(this.#stage, path);
      await this.#run(publisher, publisher.run(LASTING_MS));
      await new Promise<void>((resolve) => this.#stage.later(100, BREAK_MS, resolve));
    }
  }

  async #wrong(): Promise<void> {
    const { chance, start } = this.#stage;
    const ports = [...start.origins, ...start.edges];
    const link = await this.#stage.dial(ports, chance.pick(start.tokens.wrong), NO_PART, true);
    link?.close(0, "");
  }

  async #run(client: Client, over: Promise<void>): Promise<void> {
    this.#clients.add(client);
    await over;
    this.#clients.delete(client);
  }

  async #other(over: Promise<void>): Promise<void> {
    this.#others++;
    await over.catch(() => {});
    this.#others--;
  }

  #path(): string {
    const { chance, start } = this.#stage;
    const what = chance.next();
    if (what < 0.6) return chance.pick(LASTING);
    if (what < 0.95) return `live/${start.name}-${Math.max(1, this.#passing + 1 - chance.whole(0, RECENT))}`;
    return `live/never-${chance.whole(1, 1_000)}`;
  }
}
