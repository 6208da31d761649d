import type { SendHalf } from "./send-half.ts";

/** The streams that have something to send: highest priority first, in turn among equals. A binary heap. */
export class SendOrder {
  #heap: SendHalf[] = [];
  #turn = 0;

  get first(): SendHalf | undefined {
    return this.#heap[0];
  }

  /** Does nothing when it is in already. */
  add(half: SendHalf): void {
    if (half.heapIndex >= 0) return;
    half.turn = this.#turn++;
    this.#heap.push(half);
    this.#up(half, this.#heap.length - 1);
  }

  remove(half: SendHalf): void {
    const index = half.heapIndex;
    if (index < 0) return;
    half.heapIndex = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === half) return;
    this.#place(last, index);
  }

  /** Puts it behind its equals. */
  yield(half: SendHalf): void {
    half.turn = this.#turn++;
    this.moved(half);
  }

  /** Its priority has changed. */
  moved(half: SendHalf): void {
    if (half.heapIndex >= 0) this.#place(half, half.heapIndex);
  }

  clear(): void {
    for (const half of this.#heap) half.heapIndex = -1;
    this.#heap = [];
  }

  #place(half: SendHalf, index: number): void {
    this.#down(half, this.#up(half, index));
  }

  #up(half: SendHalf, from: number): number {
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#heap[parentIndex];
      if (parent === undefined || !precedes(half, parent)) break;
      this.#set(index, parent);
      index = parentIndex;
    }
    this.#set(index, half);
    return index;
  }

  #down(half: SendHalf, from: number): void {
    let index = from;
    for (;;) {
      const left = this.#heap[2 * index + 1];
      const right = this.#heap[2 * index + 2];
      const child = left !== undefined && right !== undefined && precedes(right, left) ? right : left;
      if (child === undefined || !precedes(child, half)) break;
      const childIndex = child.heapIndex;
      this.#set(index, child);
      index = childIndex;
    }
    this.#set(index, half);
  }

  #set(index: number, half: SendHalf): void {
    this.#heap[index] = half;
    half.heapIndex = index;
  }
}

function precedes(a: SendHalf, b: SendHalf): boolean {
  return a.priority > b.priority || (a.priority === b.priority && a.turn < b.turn);
}
