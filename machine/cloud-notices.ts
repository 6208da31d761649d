import type { Clock } from "../moq/clock.ts";
import { counter, gauge, metricGroup, zeroes } from "../moq/metrics.ts";
import { type CLOUDS, NOTICE_KINDS, type Notice, NoticeWatch, noticesOf } from "./notices/index.ts";

/** Milliseconds before the end of the machine by which the sessions must have left, so that their clients learn of it. */
const MARGIN_MS = 5_000;

export const CLOUD_METRICS = metricGroup("Notices of the cloud", {
  polls: counter("cloud_polls_total", "Questions to the metadata service of the cloud, by outcome.", {
    outcome: ["ok", "failed"],
  }),
  notices: counter("cloud_notices_total", "Notices of the cloud about this machine.", { kind: NOTICE_KINDS }),
  end: gauge(
    "cloud_end_timestamp_seconds",
    "When the cloud ends this machine, in seconds since 1970; 0: it has not said so.",
  ),
});

/** How the relay leaves because of a notice, and stays when the notice is withdrawn. */
interface Leaving {
  /** Drains without ending, within so many milliseconds where they are known. Resolves when the sessions have left, also for a drain that began before. */
  readonly leave: (reason: string, withinMs: number | undefined) => Promise<void>;
  /** Serves again, if nothing else made the relay drain. */
  readonly stay: () => void;
}

export interface CloudNoticesDeps extends Leaving {
  readonly settings: {
    readonly notices: "off" | (typeof CLOUDS)[number];
    readonly intervalMs: number;
    readonly url?: string | undefined;
    readonly rebalance: boolean;
  };
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  readonly log: { warn(fields: object, text: string): void; info(fields: object, text: string): void };
}

/** Drains the relay in time when its cloud says that the machine will end. */
export class CloudNotices {
  readonly #deps: CloudNoticesDeps;
  readonly #watch: NoticeWatch | undefined;
  readonly #notices = zeroes(NOTICE_KINDS);

  constructor(deps: CloudNoticesDeps) {
    this.#deps = deps;
    const { settings, clock, wallNow, log } = deps;
    if (settings.notices === "off") return;
    const everyMs = settings.intervalMs;
    this.#watch = new NoticeWatch({
      source: noticesOf({ cloud: settings.notices, url: settings.url, clock, wallNow, everyMs }),
      clock,
      everyMs,
      rebalance: settings.rebalance,
      noticed: (notice) => void this.#leave(notice),
      recommended: ({ kind, text }) => {
        this.#notices[kind] += 1;
        log.warn({ notice: kind }, `${text}; the relay goes on: [cloud] rebalance would drain it`);
      },
      withdrawn: ({ kind, text }) => {
        log.info({ notice: kind }, `the cloud has withdrawn its notice: ${text}`);
        deps.stay();
      },
      log,
    });
  }

  /** Why the machine ends; undefined while it goes on. */
  get ending(): string | undefined {
    return this.#watch?.current?.text;
  }

  start(): void {
    this.#watch?.start();
  }

  close(): void {
    this.#watch?.close();
  }

  /** What {@link CLOUD_METRICS} are read from. */
  readings() {
    const { polls = { ok: 0, failed: 0 }, current } = this.#watch ?? {};
    return { polls, notices: this.#notices, end: (current?.endsAt ?? 0) / 1_000 };
  }

  async #leave(notice: Notice): Promise<void> {
    const { wallNow, log, leave } = this.#deps;
    const { kind, text, endsAt } = notice;
    this.#notices[kind] += 1;
    const withinMs = endsAt === undefined ? undefined : Math.max(0, endsAt - wallNow() - MARGIN_MS);
    log.warn({ notice: kind, ...(withinMs !== undefined && { withinMs }) }, `${text}: the relay drains`);
    await leave(text, withinMs);
    await this.#watch?.acknowledge(notice);
  }
}
