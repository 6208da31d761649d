import { fileURLToPath } from "node:url";
import { Child } from "../system/child.ts";
import { BenchError } from "../system/error.ts";
import { type Answer, type Order, readAnswer } from "./crowd/messages.ts";

const PROGRAM = fileURLToPath(new URL("crowd/main.ts", import.meta.url));

type AnswerOf<K extends Answer["kind"]> = Extract<Answer, { kind: K }>;

/** The process of those who come. */
export class CrowdProcess {
  readonly #child: Child;
  #take: (answer: Answer) => void = () => {};

  constructor(cores: readonly number[] | undefined) {
    this.#child = new Child({ name: "the crowd", command: [process.execPath, PROGRAM], cores, channel: true });
    this.#child.onMessage((message) => this.#take(readAnswer(message)));
  }

  /** One order at a time. Rejects with a {@link BenchError} when the process fails, ends, or does not answer in time. */
  async ask<K extends Answer["kind"]>(order: Order, kind: K, timeoutMs: number): Promise<AnswerOf<K>> {
    const { promise, resolve, reject } = Promise.withResolvers<AnswerOf<K>>();
    this.#take = (answer) => {
      if (isKind(answer, kind)) resolve(answer);
      else reject(new BenchError(`the crowd: ${answer.kind === "failed" ? answer.message : answer.kind}`));
    };
    const timer = setTimeout(() => reject(new BenchError("the crowd does not answer")), timeoutMs);
    this.#child.send(order);
    try {
      return await Promise.race([promise, this.#child.ended]);
    } finally {
      clearTimeout(timer);
    }
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }
}

function isKind<K extends Answer["kind"]>(answer: Answer, kind: K): answer is AnswerOf<K> {
  return answer.kind === kind;
}
