import type { Clock } from "../../moq/clock.ts";
import type { Notice, NoticeSource } from "./contract.ts";

/** Polls in a row without a notice after which it counts as withdrawn. */
const CLEAR_POLLS = 2;

/** Times that an acknowledgement is tried. */
const ACKNOWLEDGEMENTS = 3;

export interface NoticeWatchDeps {
  readonly source: NoticeSource;
  readonly clock: Clock;
  /** Milliseconds from one poll to the next. */
  readonly everyMs: number;
  /** A recommendation to rebalance counts as a notice. */
  readonly rebalance: boolean;
  /** The machine will end. Called once for each notice. */
  readonly noticed: (notice: Notice) => void;
  /** A notice that is none for this machine as it is set up: the operator may act. */
  readonly recommended: (notice: Notice) => void;
  /** The notice was withdrawn: the machine goes on. */
  readonly withdrawn: (notice: Notice) => void;
  readonly log: { warn(fields: object, text: string): void; info(fields: object, text: string): void };
}

/** Polls the metadata service of a cloud for as long as the relay runs. */
export class NoticeWatch {
  readonly #deps: NoticeWatchDeps;
  #current: Notice | undefined;
  #recommended: string | undefined;
  #quiet = 0;
  #polls = { ok: 0, failed: 0 };
  #failing = false;
  #cancel = () => {};
  #closed = false;

  constructor(deps: NoticeWatchDeps) {
    this.#deps = deps;
  }

  /** The notice in force. */
  get current(): Notice | undefined {
    return this.#current;
  }

  /** Polls since the start, by outcome. */
  get polls(): Readonly<Record<"ok" | "failed", number>> {
    return this.#polls;
  }

  /** Polls for the first time. */
  start(): void {
    void this.#poll();
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  /** The relay has drained because of `notice`: the machine may end now. Never rejects. */
  async acknowledge(notice: Notice): Promise<void> {
    const { source, log } = this.#deps;
    for (let attempt = 1; attempt <= ACKNOWLEDGEMENTS && source.acknowledge !== undefined && !this.#closed; attempt++) {
      try {
        await source.acknowledge(notice);
        log.info({ notice: notice.kind }, "the cloud learned that the relay is drained");
        return;
      } catch (err) {
        log.warn(
          { err, attempt },
          "the cloud could not be told that the relay is drained; it waits until its own time",
        );
      }
    }
  }

  async #poll(): Promise<void> {
    const { source, log, clock, everyMs } = this.#deps;
    try {
      const notices = await source.poll();
      if (this.#closed) return;
      this.#polls.ok += 1;
      if (this.#failing) log.info({}, "the cloud's metadata service answers again");
      this.#failing = false;
      this.#take(notices);
    } catch (err) {
      if (this.#closed) return;
      this.#polls.failed += 1;
      const text =
        "the cloud's metadata service does not answer, so a notice would be missed; [cloud] notices must name the cloud of this machine";
      if (!this.#failing) log.warn({ err }, text);
      this.#failing = true;
    }
    this.#cancel = clock.timer(everyMs, () => void this.#poll());
  }

  #take(notices: readonly Notice[]): void {
    const { rebalance, noticed, recommended, withdrawn } = this.#deps;
    const advice = notices.find(({ kind }) => kind === "rebalance");
    const notice = notices.find(({ kind }) => kind !== "rebalance") ?? (rebalance ? advice : undefined);
    if (advice !== undefined && advice !== notice && advice.id !== this.#recommended) {
      this.#recommended = advice.id;
      recommended(advice);
    }
    if (notice !== undefined) {
      this.#quiet = 0;
      if (notice.id === this.#current?.id) return;
      this.#current = notice;
      noticed(notice);
    } else if (this.#current !== undefined && ++this.#quiet >= CLEAR_POLLS) {
      const before = this.#current;
      this.#current = undefined;
      withdrawn(before);
    }
  }
}
