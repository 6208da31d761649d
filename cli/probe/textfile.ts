import { renameSync, rmSync, writeFileSync } from "node:fs";
import { Counter, Gauge, Registry } from "prom-client";
import { CommandError } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import type { Report } from "./contract.ts";
import type { Finding } from "./verdict.ts";

const MS_PER_SECOND = 1_000;

/** Percentiles of the delay of frames that are written; 100 is the slowest frame. */
const PERCENTILES = [50, 99, 100];

/**
 * The file that `--prometheus` names, for the textfile collector of node_exporter. Each run replaces it in one step, so the collector never
 * reads a part. A step that the run did not reach has no figure in the file.
 */
export class Textfile {
  readonly #file: string;
  readonly #registry = new Registry();
  readonly #gauges: readonly Gauge[];
  readonly #ok = this.#gauge(
    "moqmesh_probe_ok",
    "1 when the last run found no fault at this relay and its publisher did not fail, else 0.",
  );
  readonly #lastRun = this.#gauge("moqmesh_probe_last_run_timestamp_seconds", "When the last run ended.", []);
  readonly #runs = new Counter({
    name: "moqmesh_probe_runs_total",
    help: "Runs since the program started, by result.",
    labelNames: ["result"],
    registers: [this.#registry],
  });
  readonly #announce = this.#gauge(
    "moqmesh_probe_announce_seconds",
    "From the publication until this relay announced the broadcast.",
  );
  readonly #firstFrame = this.#gauge(
    "moqmesh_probe_first_frame_seconds",
    "From the subscription at this relay until the first frame.",
  );
  readonly #delay = this.#gauge(
    "moqmesh_probe_delay_seconds",
    "From the publisher's write until the frame was whole at the viewer, by percentile; 100 is the slowest frame.",
    ["watch", "percentile"],
  );
  readonly #hops = this.#gauge("moqmesh_probe_hops", "Number of hops to the viewer: the publisher and each relay.");
  readonly #published = this.#gauge(
    "moqmesh_probe_frames_published",
    "Frames that were published in the last measurement.",
  );
  readonly #lost = this.#gauge("moqmesh_probe_frames_lost", "Frames of the last measurement that did not arrive.");
  readonly #duplicates = this.#gauge(
    "moqmesh_probe_frames_duplicate",
    "Frames of the last measurement that arrived more than once.",
  );
  readonly #damaged = this.#gauge(
    "moqmesh_probe_frames_damaged",
    "Frames of the last measurement that arrived with other content.",
  );

  constructor(file: string) {
    this.#file = file;
    this.#gauges = [
      this.#ok,
      this.#announce,
      this.#firstFrame,
      this.#delay,
      this.#hops,
      this.#published,
      this.#lost,
      this.#duplicates,
      this.#damaged,
    ];
    this.#runs.inc({ result: "passed" }, 0);
    this.#runs.inc({ result: "failed" }, 0);
  }

  /** Writes the figures of a run that ended at `now`, in milliseconds since 1970; nothing for one that a signal interrupted. Rejects with {@link CommandError}. */
  async write(report: Report, found: readonly Finding[], now: number): Promise<void> {
    if (report.interrupted) return;
    for (const gauge of this.#gauges) gauge.reset();
    this.#runs.inc({ result: found.length === 0 ? "passed" : "failed" });
    this.#lastRun.set(now / MS_PER_SECOND);
    const publisherOk = report.fault === undefined;
    for (const one of report.watched) {
      const watch = { watch: one.url };
      const good = publisherOk && !found.some(({ url }) => url === one.url);
      this.#ok.set(watch, good ? 1 : 0);
      if (one.announceMs !== undefined) this.#announce.set(watch, one.announceMs / MS_PER_SECOND);
      if (one.firstFrameMs !== undefined) this.#firstFrame.set(watch, one.firstFrameMs / MS_PER_SECOND);
      if (one.hops !== undefined) this.#hops.set(watch, one.hops.length);
      for (const percentile of one.delay.count === 0 ? [] : PERCENTILES) {
        this.#delay.set({ ...watch, percentile }, one.delay.percentile(percentile) / MS_PER_SECOND);
      }
      this.#published.set(watch, one.expected);
      this.#lost.set(watch, one.lost);
      this.#duplicates.set(watch, one.duplicates);
      this.#damaged.set(watch, one.damaged);
    }
    this.#replace(await this.#registry.metrics());
  }

  #replace(text: string): void {
    // The collector reads names that end in .prom, and not this one.
    const fresh = `${this.#file}.${process.pid}`;
    try {
      writeFileSync(fresh, text, { mode: 0o644 });
      renameSync(fresh, this.#file);
    } catch (error) {
      rmSync(fresh, { force: true });
      const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
      throw new CommandError(`--prometheus: "${this.#file}" cannot be written (${why})`, EXIT.failed);
    }
  }

  #gauge(name: string, help: string, labelNames: string[] = ["watch"]): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }
}
