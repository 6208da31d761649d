import type { FanoutOptions } from "../options.ts";
import type { Subject } from "../relays/contract.ts";
import { moqRelay } from "../relays/moq-relay.ts";
import { moqmesh } from "../relays/moqmesh.ts";
import { running } from "../relays/running.ts";
import type { Progress } from "../report/progress.ts";
import { Sendmsg } from "../sendmsg/sendmsg.ts";
import type { Pinning } from "../system/pin.ts";
import { type Figures, figuresOf, summarise } from "./figures.ts";
import { runRound } from "./round.ts";

/** A relay and its figures. */
export interface Measured {
  readonly name: string;
  readonly engine: string;
  readonly loadEngine: string;
  readonly protocol: string;
  readonly figures: Figures;
}

/**
 * Measures our relay, or the one at the URL, in alternating rounds with the other one. Rejects with a {@link BenchError} when a process
 * cannot be started or fails.
 */
export async function fanout(
  options: FanoutOptions,
  pinning: Pinning | undefined,
  progress: Progress,
): Promise<{ ours: Measured; theirs: Measured | undefined }> {
  const { url, pid, trust, engine, threads } = options;
  const cacheBytes = (options.scenario.cacheBytes ?? 0) * options.viewers;
  const cache = cacheBytes === 0 ? "" : `[cache]\nbytes = "${cacheBytes}B"`;
  const subject = url === undefined ? moqmesh({ engine, threads, more: cache }) : running(url, pid, trust);
  // The relay at a URL may run elsewhere, where sending costs something else.
  const sendmsg = url === undefined ? await Sendmsg.make() : undefined;
  const { against } = options;
  const series = [new Series(subject, options, pinning)];
  if (typeof against === "string") series.push(new Series(await moqRelay(against, cacheBytes), options, pinning));
  else if (against !== undefined) {
    const named = { ...subject, name: `${subject.name}, ${against.protocol}` };
    series.push(new Series(named, { ...options, protocols: [against.protocol] }, pinning));
  }
  try {
    for (let round = 1; round <= options.rounds; round++) {
      for (const each of series) {
        progress.round(`round ${round} of ${options.rounds}, ${each.name}`);
        await each.round(progress, sendmsg);
      }
    }
  } finally {
    await sendmsg?.remove();
  }
  progress.clear();
  const [ours, theirs] = series.map((each) => each.measured());
  if (ours === undefined) throw new Error("no relay to measure");
  return { ours, theirs };
}

/** The rounds of one relay. */
class Series {
  readonly #subject: Subject;
  readonly #options: FanoutOptions;
  readonly #pinning: Pinning | undefined;
  readonly #rounds: Figures[] = [];
  #engine = "";
  #loadEngine = "";
  #protocol = "";

  constructor(subject: Subject, options: FanoutOptions, pinning: Pinning | undefined) {
    this.#subject = subject;
    this.#options = options;
    this.#pinning = pinning;
  }

  get name(): string {
    return this.#subject.name;
  }

  async round(progress: Progress, sendmsg: Sendmsg | undefined): Promise<void> {
    const data = await runRound(this.#subject, this.#options, this.#pinning, progress, sendmsg);
    const { broadcastEach } = this.#options.scenario;
    const loadCores = this.#pinning?.load.length ?? 1;
    this.#rounds.push(figuresOf(data, loadCores, (viewer) => (broadcastEach ? viewer : 0), this.#options));
    this.#engine = data.engine;
    this.#loadEngine = data.loadEngine;
    this.#protocol = data.protocol;
  }

  measured(): Measured {
    return {
      name: this.name,
      engine: this.#engine,
      loadEngine: this.#loadEngine,
      protocol: this.#protocol,
      figures: summarise(this.#rounds),
    };
  }
}
