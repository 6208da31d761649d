/** An item that waits for its turn. The queue owns `place` and `turn`; they start at -1 and 0. */
export interface Prioritized {
  /** Higher goes first. Call `moved` after a change. */
  readonly priority: number;
  /** Index in the queue; -1: not in the queue. */
  place: number;
  /** Among equal priorities the smaller turn goes first. */
  turn: number;
}

/** A binary heap: the highest priority first; equal priorities take turns. */
export class PriorityQueue<T extends Prioritized> {
  readonly #heap: T[] = [];
  #turn = 0;

  get first(): T | undefined {
    return this.#heap[0];
  }

  /** Adds an item behind its equals; ignores an item that is in the queue already. */
  add(item: T): void {
    if (item.place >= 0) return;
    item.turn = this.#turn++;
    this.#rise(item, this.#heap.length);
  }

  remove(item: T): void {
    const { place } = item;
    if (place < 0) return;
    item.place = -1;
    const last = this.#heap.pop();
    if (last !== undefined && last !== item) this.#reorder(last, place);
  }

  /** Moves a served item behind its equals. */
  yield(item: T): void {
    item.turn = this.#turn++;
    this.moved(item);
  }

  /** Moves an item whose priority has changed. */
  moved(item: T): void {
    if (item.place >= 0) this.#reorder(item, item.place);
  }

  clear(): void {
    for (const item of this.#heap) item.place = -1;
    this.#heap.length = 0;
  }

  #reorder(item: T, place: number): void {
    this.#sink(item, this.#rise(item, place));
  }

  #rise(item: T, from: number): number {
    let place = from;
    while (place > 0) {
      const parent = this.#heap[(place - 1) >> 1];
      if (parent === undefined || !precedes(item, parent)) break;
      const parentPlace = parent.place;
      this.#put(parent, place);
      place = parentPlace;
    }
    this.#put(item, place);
    return place;
  }

  #sink(item: T, from: number): void {
    let place = from;
    for (;;) {
      const left = this.#heap[2 * place + 1];
      const right = this.#heap[2 * place + 2];
      const child = left !== undefined && right !== undefined && precedes(right, left) ? right : left;
      if (child === undefined || !precedes(child, item)) break;
      const childPlace = child.place;
      this.#put(child, place);
      place = childPlace;
    }
    this.#put(item, place);
  }

  #put(item: T, place: number): void {
    this.#heap[place] = item;
    item.place = place;
  }
}

function precedes(a: Prioritized, b: Prioritized): boolean {
  return a.priority > b.priority || (a.priority === b.priority && a.turn < b.turn);
}
