import { fileURLToPath } from "node:url";
import { type Answer, type Order, readAnswer } from "../load/messages.ts";
import { Child } from "../system/child.ts";
import { BenchError } from "../system/error.ts";

const PROGRAM = fileURLToPath(new URL("../load/main.ts", import.meta.url));

/** Longest wait for an answer, except to a start, in milliseconds: far more than a saturated core needs. */
const ANSWER_MS = 10_000;

type AnswerKind = Answer["kind"];
type AnswerOf<K extends AnswerKind> = Extract<Answer, { kind: K }>;

/** A process of the load. */
export class LoadProcess {
  readonly #child: Child;
  #waiting: { take(answer: Answer): void; reject(error: BenchError): void } | undefined;

  constructor(name: string, cores: readonly number[] | undefined) {
    this.#child = new Child({ name, command: [process.execPath, PROGRAM], cores, channel: true });
    this.#child.onMessage((message) => {
      const answer = readAnswer(message);
      if (answer.kind === "failed") this.#waiting?.reject(new BenchError(`${name}: ${answer.message}`));
      else this.#waiting?.take(answer);
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  order(order: Order): void {
    this.#child.send(order);
  }

  /**
   * Sends an order and waits for its answer; one order at a time. Rejects with a {@link BenchError} when the process fails, ends, or does
   * not answer in time.
   */
  async ask<K extends AnswerKind>(
    order: Order,
    kind: K,
    timeoutMs = ANSWER_MS,
    progress: (done: number) => void = () => {},
  ): Promise<AnswerOf<K>> {
    const { promise, resolve, reject } = Promise.withResolvers<AnswerOf<K>>();
    const take = (answer: Answer) => {
      if (answer.kind === "progress") progress(answer.done);
      if (isKind(answer, kind)) resolve(answer);
    };
    this.#waiting = { take, reject };
    const timer = setTimeout(() => reject(new BenchError(`${this.#child.name} does not answer`)), timeoutMs);
    this.order(order);
    try {
      return await Promise.race([promise, this.#child.ended]);
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }
}

function isKind<K extends AnswerKind>(answer: Answer, kind: K): answer is AnswerOf<K> {
  return answer.kind === kind;
}
