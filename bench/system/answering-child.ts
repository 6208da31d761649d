import { Child, type ChildOptions } from "./child.ts";
import { BenchError } from "./error.ts";

type Failed = { readonly kind: "failed"; readonly message: string };

type AnswerOf<A extends { readonly kind: string }, K extends A["kind"]> = Extract<A, { kind: K }>;

/** A process that takes orders over its channel and answers each. `O`: its orders; `A`: its answers. */
export class AnsweringChild<O extends object, A extends { readonly kind: string }> {
  readonly #child: Child;
  #take: (answer: A | Failed) => void = () => {};

  /** `read` throws for a message that is no answer. */
  constructor(options: Omit<ChildOptions, "channel">, read: (message: unknown) => A | Failed) {
    this.#child = new Child({ ...options, channel: true });
    this.#child.onMessage((message) => this.#take(read(message)));
  }

  /** One order at a time. Rejects with a {@link BenchError} when the process fails, ends, or does not answer in time (milliseconds). */
  async ask<K extends A["kind"]>(order: O, kind: K, timeoutMs: number): Promise<AnswerOf<A, K>> {
    const { name } = this.#child;
    const { promise, resolve, reject } = Promise.withResolvers<AnswerOf<A, K>>();
    this.#take = (answer) => {
      if (isFailed(answer)) reject(new BenchError(`${name}: ${answer.message}`));
      else if (isKind(answer, kind)) resolve(answer);
    };
    const timer = setTimeout(() => reject(new BenchError(`${name} does not answer`)), timeoutMs);
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

function isFailed(answer: { readonly kind: string }): answer is Failed {
  return answer.kind === "failed";
}

function isKind<A extends { readonly kind: string }, K extends A["kind"]>(
  answer: A,
  kind: K,
): answer is AnswerOf<A, K> {
  return answer.kind === kind;
}
