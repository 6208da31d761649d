/** When a subgroup has its stream passed on, and to whom. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Framing } from "../../moq/link.ts";
import type { Inflow, OutFan } from "../../moq/model/contract.ts";
import { Passing } from "../../moq/model/passing.ts";
import type { Readers } from "../../moq/model/readers.ts";

/** A fan-out of an engine that can pass streams on. */
class Fan implements OutFan {
  size = 0;
  passed = 0;

  get written(): number {
    return this.size - this.passed;
  }

  unpassed(): void {
    this.passed = 0;
  }

  add(): void {
    this.size++;
  }

  write(): void {}

  finish(): void {}

  reset(): void {}
}

function readersOf(framing: Framing | undefined, fan: OutFan = new Fan()): Readers {
  const dialect = {
    name: String(framing),
    subgroups: false,
    ...(framing !== undefined && { framing }),
    objectHeader: () => new Uint8Array(0),
    resetCode: () => 0,
  };
  return { channel: { dialect, fanOut: () => fan }, fan };
}

/** A stream in the framing `timed`. */
class Stream implements Inflow {
  readonly framing = "timed";
  /** It can be passed on at the place of the mark. */
  passable = true;
  readonly log: string[] = [];

  mark(): void {
    this.log.push("mark");
  }

  pass(to: Parameters<Inflow["pass"]>[0], late: boolean): boolean {
    this.log.push(`pass to ${to.map(({ framing }) => framing).join(", ") || "none"}${late ? ", late" : ""}`);
    if (this.passable) for (const { fan } of to) if (fan instanceof Fan) fan.passed = fan.size;
    return this.passable;
  }

  unpass(): boolean {
    this.log.push("unpass");
    return true;
  }
}

const NOBODY = { may: true, waits: false };

function scene(...readers: Readers[]) {
  const passing = new Passing();
  const stream = new Stream();
  const follows = ({ may, waits } = NOBODY) => passing.follows(stream, readers, may, waits);
  const marked = ({ may, waits } = NOBODY) => passing.marked(stream, readers, may, waits);
  return { passing, stream, readers, follows, marked };
}

function fanWith(streams: number): Fan {
  const fan = new Fan();
  fan.size = streams;
  return fan;
}

describe("a stream is passed on", () => {
  it("to the readers whose framing can be written from it, and later while no filter or fetch needs each object", () => {
    const { passing, stream, follows, marked } = scene(
      readersOf("timed", fanWith(2)),
      readersOf("flagged", fanWith(1)),
      readersOf("timed_ones", fanWith(0)),
    );
    follows();
    follows();
    assert.equal(passing.on, false);
    assert.equal(marked(), true);
    follows();
    assert.deepEqual(stream.log, ["mark", "pass to timed, flagged, late"]);
  });

  it("at once where the program writes to somebody", () => {
    const noop = () => {};
    const plain: OutFan = { size: 1, add: noop, write: noop, finish: noop, reset: noop };
    for (const other of [readersOf("sized", fanWith(1)), readersOf(undefined, fanWith(1)), readersOf("timed", plain)]) {
      const { stream, follows, marked } = scene(readersOf("timed", fanWith(1)), other);
      follows();
      marked();
      follows();
      assert.deepEqual(stream.log, ["mark", "pass to timed"]);
    }
  });

  it("again once there is a reader that has joined, which hurries", () => {
    const fan = fanWith(1);
    const { passing, stream, follows, marked } = scene(readersOf("timed", fan));
    follows();
    marked();
    fan.add();
    passing.hurry();
    passing.hurry();
    follows();
    marked();
    follows();
    assert.deepEqual(stream.log, ["mark", "pass to timed, late", "mark", "pass to timed, late"]);
    assert.equal(fan.written, 0);
  });

  it("at once while a filter or a fetch needs each object, and late again after that", () => {
    const { stream, follows, marked } = scene(readersOf("timed", fanWith(1)));
    follows();
    marked();
    const someone = { may: false, waits: true };
    follows(someone);
    marked(someone);
    follows(someone);
    follows();
    marked();
    assert.deepEqual(stream.log, [
      "mark",
      "pass to timed, late",
      "mark",
      "pass to none",
      "mark",
      "pass to timed, late",
    ]);
  });

  it("not while it may not, nor from inside a header, where another mark follows", () => {
    const { passing, stream, follows, marked } = scene(readersOf("timed", fanWith(1)));
    follows({ may: false, waits: false });
    assert.deepEqual(stream.log, []);
    follows();
    stream.passable = false;
    assert.equal(marked(), false);
    assert.equal(passing.on, false);
    follows();
    assert.deepEqual(stream.log, ["mark", "pass to timed, late", "mark"]);
  });

  it("until that ends; another stream may begin then, also where the first one owes a mark", () => {
    const fan = fanWith(1);
    const { passing, readers, stream, follows, marked } = scene(readersOf("timed", fan));
    follows();
    marked();
    passing.end();
    passing.ended(readers);
    assert.deepEqual([passing.on, fan.written], [false, 1]);
    follows();
    const next = new Stream();
    passing.follows(next, readers, true, false);
    assert.equal(passing.marked(next, readers, true, false), true);
    assert.deepEqual(stream.log, ["mark", "pass to timed, late", "unpass", "mark"]);
    assert.deepEqual(next.log, ["mark", "pass to timed, late"]);
  });
});
