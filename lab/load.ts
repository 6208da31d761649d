import { fileURLToPath } from "node:url";
import { Child } from "../bench/system/child.ts";
import { BenchError } from "../bench/system/error.ts";
import {
  type LoadOrder,
  type PublishedGroup,
  type PublisherStart,
  type Pulse,
  readLoadAnswer,
  type ViewersReport,
  type ViewersStart,
} from "./load/messages.ts";

const PROGRAM = fileURLToPath(new URL("load/main.ts", import.meta.url));

/** Milliseconds within which every client of a process must be connected or receive frames. */
const READY_MS = 30_000;

/** Milliseconds for a report. */
const REPORT_MS = 10_000;

/** Most groups that are kept. */
const GROUPS_KEPT = 1_024;

export interface LoadEvents {
  group?(group: PublishedGroup): void;
  pulse?(pulse: Pulse): void;
  output(text: string): void;
}

/** A process of clients. */
class LoadProcess {
  readonly #child: Child;
  readonly #ready = Promise.withResolvers<{ engine: string; protocol: string }>();
  #report: ((report: ViewersReport) => void) | undefined;

  constructor(name: string, events: LoadEvents) {
    this.#child = new Child({
      name,
      command: [process.execPath, PROGRAM],
      cores: undefined,
      channel: true,
      output: (text) => events.output(text),
    });
    this.#ready.promise.catch(() => {});
    this.#child.onMessage((message) => {
      const answer = readLoadAnswer(message);
      if (answer.kind === "ready") this.#ready.resolve(answer);
      else if (answer.kind === "failed") this.#ready.reject(new BenchError(`${name}: ${answer.message}`));
      else if (answer.kind === "report") this.#report?.(answer);
      else if (answer.kind === "group") events.group?.(answer);
      else events.pulse?.(answer);
    });
  }

  order(order: LoadOrder): void {
    this.#child.send(order);
  }

  /** Resolves when every client is connected or receives frames. Rejects with a {@link BenchError}. */
  async ready(): Promise<{ engine: string; protocol: string }> {
    return await this.#within(this.#ready.promise, READY_MS, "is not ready in time");
  }

  async report(groups: readonly number[], restart: boolean): Promise<ViewersReport> {
    const { promise, resolve } = Promise.withResolvers<ViewersReport>();
    this.#report = resolve;
    this.order({ kind: "report", groups: [...groups], restart });
    return await this.#within(promise, REPORT_MS, "does not answer");
  }

  async kill(): Promise<void> {
    this.#child.signal("SIGKILL");
    await this.#child.gone;
  }

  /** Lets its clients close their sessions. */
  async stop(): Promise<void> {
    await this.#child.stop();
  }

  async #within<T>(promise: Promise<T>, ms: number, otherwise: string): Promise<T> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new BenchError(`${this.#child.name} ${otherwise}`)), ms);
    try {
      return await Promise.race([promise, late.promise, this.#child.ended]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The publisher of the mesh. It can be ended and restarted. */
export class PublisherProcess {
  readonly #start: PublisherStart;
  readonly #output: (text: string) => void;
  readonly #groups: PublishedGroup[] = [];
  #process: LoadProcess | undefined;

  constructor(start: PublisherStart, output: (text: string) => void) {
    this.#start = start;
    this.#output = output;
  }

  /** Sequences of the groups that were completed between `fromUs` and `toUs`. */
  groups(fromUs: number, toUs: number): number[] {
    return this.#groups.filter((group) => group.fromUs >= fromUs && group.toUs <= toUs).map(({ sequence }) => sequence);
  }

  /** Sequences of the groups that were completed after `fromUs`, until `toUs`. */
  completed(fromUs: number, toUs: number): number[] {
    return this.#groups.filter((group) => group.toUs > fromUs && group.toUs <= toUs).map(({ sequence }) => sequence);
  }

  /** Resolves when it publishes at the origin, or at each of them. */
  async start(): Promise<void> {
    this.#process = new LoadProcess("publisher", {
      output: this.#output,
      group: (group) => {
        this.#groups.push(group);
        if (this.#groups.length > GROUPS_KEPT) this.#groups.shift();
      },
    });
    this.#process.order(this.#start);
    await this.#process.ready();
  }

  /** Kills it. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }
}

/** All viewers of the mesh. */
export class ViewersProcess {
  readonly #start: ViewersStart;
  readonly #events: Pick<LoadEvents, "output" | "pulse">;
  #process: LoadProcess | undefined;

  constructor(start: ViewersStart, events: Pick<LoadEvents, "output" | "pulse">) {
    this.#start = start;
    this.#events = events;
  }

  /** Resolves when each viewer has received a frame. */
  async start(): Promise<{ engine: string; protocol: string }> {
    this.#process = new LoadProcess("viewers", this.#events);
    this.#process.order(this.#start);
    return await this.#process.ready();
  }

  /** Starts the measurement. */
  measure(): void {
    this.#process?.order({ kind: "measure" });
  }

  /** `restart`: a new measurement begins at the same moment. */
  async report(groups: readonly number[], restart = false): Promise<Omit<ViewersReport, "kind">> {
    return (await this.#process?.report(groups, restart)) ?? { viewers: [], p99Us: 0 };
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }
}
