import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { PriorityQueue } from "../../transport/shared/priority-queue.ts";

class Item {
  readonly name: number;
  priority: number;
  place = -1;
  turn = 0;

  constructor(name: number, priority: number) {
    this.name = name;
    this.priority = priority;
  }
}

const PRIORITIES = fc.integer({ min: 0, max: 4 });
const STEPS = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom("add", "remove", "yield"), item: fc.nat(19) }),
    fc.record({ kind: fc.constant("move"), item: fc.nat(19), priority: PRIORITIES }),
  ),
  { maxLength: 200 },
);

/** The same, as an array that is searched. */
class Model {
  #order: Item[] = [];

  first(): Item | undefined {
    const highest = Math.max(...this.#order.map(({ priority }) => priority));
    return this.#order.find(({ priority }) => priority === highest);
  }

  has(item: Item): boolean {
    return this.#order.includes(item);
  }

  add(item: Item): void {
    if (!this.has(item)) this.#order.push(item);
  }

  remove(item: Item): void {
    this.#order = this.#order.filter((other) => other !== item);
  }

  yield(item: Item): void {
    if (!this.has(item)) return;
    this.remove(item);
    this.add(item);
  }
}

describe("the queue by priority", () => {
  it("serves the highest priority first and equal ones in turn, whatever changes in between", () => {
    fc.assert(
      fc.property(fc.array(PRIORITIES, { minLength: 20, maxLength: 20 }), STEPS, (priorities, steps) => {
        const items = priorities.map((priority, name) => new Item(name, priority));
        const queue = new PriorityQueue<Item>();
        const model = new Model();
        for (const step of steps) {
          const item = items[step.item];
          assert.ok(item);
          if ("priority" in step) {
            item.priority = step.priority;
            queue.moved(item);
          } else if (step.kind === "add") {
            queue.add(item);
            model.add(item);
          } else if (step.kind === "remove") {
            queue.remove(item);
            model.remove(item);
          } else if (model.has(item)) {
            queue.yield(item);
            model.yield(item);
          }
          assert.equal(queue.first?.name, model.first()?.name);
          assert.equal(item.place >= 0, model.has(item));
        }
        for (let next = queue.first; next !== undefined; next = queue.first) {
          assert.equal(next.name, model.first()?.name);
          queue.remove(next);
          model.remove(next);
        }
        assert.equal(model.first(), undefined);
      }),
    );
  });

  it("is empty after it was cleared", () => {
    const queue = new PriorityQueue<Item>();
    const items = [new Item(0, 1), new Item(1, 2)];
    for (const item of items) queue.add(item);
    queue.clear();
    assert.equal(queue.first, undefined);
    assert.ok(items.every(({ place }) => place === -1));
  });
});
