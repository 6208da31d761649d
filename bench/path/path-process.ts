import { lookup } from "node:dns/promises";
import { fileURLToPath } from "node:url";
import type { RunningRelay } from "../relays/contract.ts";
import { Child } from "../system/child.ts";
import { BenchError } from "../system/error.ts";
import { type PathAnswer, readPathAnswer } from "./messages.ts";

const PROGRAM = fileURLToPath(new URL("main.ts", import.meta.url));

/** Longest wait for an answer, in milliseconds. */
const ANSWER_MS = 10_000;

export type PathReport = Omit<Extract<PathAnswer, { kind: "counts" }>, "kind">;

/** A bad network path to a relay, in a process of its own so that it delays no other part of the load. */
export class PathProcess {
  /** The relay through this path. */
  readonly url: URL;
  readonly #child: Child;
  readonly #answers: Answers;

  /** Rejects with a {@link BenchError} when the process fails. */
  static async start(
    name: string,
    spec: string,
    relay: Pick<RunningRelay, "url">,
    cores: readonly number[] | undefined,
  ): Promise<PathProcess> {
    const { hostname, port } = relay.url;
    const { address } = await lookup(hostname.replace(/^\[|\]$/g, ""), { family: 4 }).catch((error: unknown) => {
      throw new BenchError(`${name}: ${hostname} has no IPv4 address (${String(error)})`);
    });
    const child = new Child({ name, command: [process.execPath, PROGRAM], cores, channel: true });
    const answers = new Answers(child);
    try {
      child.send({ kind: "open", spec, address, port: Number(port === "" ? 443 : port) });
      const ready = await answers.next("ready");
      const url = new URL(relay.url);
      url.hostname = "127.0.0.1";
      url.port = String(ready.port);
      return new PathProcess(url, child, answers);
    } catch (error) {
      await child.stop();
      throw error;
    }
  }

  private constructor(url: URL, child: Child, answers: Answers) {
    this.url = url;
    this.#child = child;
    this.#answers = answers;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** An outage and changes of the rate are counted from `atUs`, microseconds of `sharedMicros`. */
  begin(atUs: number): void {
    this.#child.send({ kind: "begin", atUs });
  }

  async report(): Promise<PathReport> {
    this.#child.send({ kind: "report" });
    const { up, down, refused } = await this.#answers.next("counts");
    return { up, down, refused };
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }
}

/** Waits for one answer of a process at a time. */
class Answers {
  readonly #child: Child;
  #take: (answer: PathAnswer) => void = () => {};

  constructor(child: Child) {
    this.#child = child;
    child.onMessage((message) => this.#take(readPathAnswer(message)));
  }

  async next<K extends PathAnswer["kind"]>(kind: K): Promise<Extract<PathAnswer, { kind: K }>> {
    const { promise, resolve, reject } = Promise.withResolvers<Extract<PathAnswer, { kind: K }>>();
    this.#take = (answer) => {
      if (isKind(answer, kind)) resolve(answer);
      else reject(new BenchError(`${this.#child.name}: ${answer.kind === "failed" ? answer.message : answer.kind}`));
    };
    const timer = setTimeout(() => reject(new BenchError(`${this.#child.name} does not answer`)), ANSWER_MS);
    try {
      return await Promise.race([promise, this.#child.ended]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function isKind<K extends PathAnswer["kind"]>(answer: PathAnswer, kind: K): answer is Extract<PathAnswer, { kind: K }> {
  return answer.kind === kind;
}
