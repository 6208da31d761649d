import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, mock, test } from "node:test";
import { createLogger } from "../../relay/log/logger.ts";
import { LogOutput, type OutputPort } from "../../relay/log/output.ts";

const KIB = "x".repeat(1023);

/** An output whose every write waits until the test answers it. */
class StillPort implements OutputPort {
  written = "";
  #pending: { bytes: Buffer; done: Parameters<OutputPort["write"]>[1] } | undefined;

  write(bytes: Buffer, done: Parameters<OutputPort["write"]>[1]): void {
    assert.equal(this.#pending, undefined, "one write at a time");
    this.#pending = { bytes, done };
  }

  writeLast(bytes: Buffer): void {
    this.written += bytes.toString();
  }

  get pending(): number | undefined {
    return this.#pending?.bytes.length;
  }

  /** Takes all that is being written, or the first `written` bytes, and fails then where there is a `code`. */
  answer(written = this.#pending?.bytes.length ?? 0, code?: string): void {
    const { bytes, done } = this.#pending ?? assert.fail("nothing is being written");
    this.#pending = undefined;
    this.written += bytes.subarray(0, written).toString();
    done(code === undefined ? undefined : Object.assign(new Error(`${code}: it failed`), { code }), written);
  }
}

describe("the log's output", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
  afterEach(() => mock.timers.reset());

  test("drops and counts lines while its reader is stuck, and says how many when it reads again", async () => {
    const port = new StillPort();
    const output = new LogOutput(port);
    const said: unknown[] = [];
    output.onLost((lines, why) => said.push([lines, why]));
    for (let i = 0; i < 1_200; i++) output.write(`${KIB}\n`);
    assert.equal(output.dropped, 1_200 - 1_024);
    assert.deepEqual(said, []);
    while (port.pending !== undefined) port.answer();
    assert.equal(port.written.length, 1_024 * 1_024);
    assert.deepEqual(said, [[1_200 - 1_024, "the reader is too slow"]]);
    assert.equal(await output.close(), true);
  });

  test("keeps lines while the disk is full, and continues inside the line where it stopped", async () => {
    const port = new StillPort();
    const output = new LogOutput(port);
    output.write("first\n");
    port.answer(3, "ENOSPC");
    output.write("second\n");
    assert.equal(port.pending, undefined, "a full disk is not tried for every line");
    mock.timers.tick(1_000);
    port.answer(0, "ENOSPC");
    mock.timers.tick(1_000);
    port.answer();
    assert.equal(port.written, "first\nsecond\n");
    assert.equal(output.dropped, 0);
    assert.equal(await output.close(), true);
  });

  test("names the error that lost lines", () => {
    const port = new StillPort();
    const output = new LogOutput(port);
    const lines: string[] = [];
    const log = createLogger({ level: "info", format: "json", stream: { write: (line) => lines.push(line) } });
    output.onLost((lost, why) => log.warn({ lost, why }, "lost"));
    output.write(`${KIB}\n`);
    port.answer(0, "EIO");
    for (let i = 0; i < 1_100; i++) output.write(`${KIB}\n`);
    mock.timers.tick(1_000);
    while (port.pending !== undefined) port.answer();
    assert.match(lines.join(""), /"lost":77,"why":"EIO: it failed"/);
  });

  test("counts every line as lost once its reader has closed, and writes no more", async () => {
    const port = new StillPort();
    const output = new LogOutput(port);
    output.write("one\ntwo\n");
    output.write("three\n");
    port.answer(0, "EPIPE");
    output.write("four\n");
    assert.equal(output.dropped, 4);
    assert.equal(port.pending, undefined);
    assert.equal(await output.close(), true);
  });

  test("waits at most a second for a stuck reader when it closes", async () => {
    const output = new LogOutput(new StillPort());
    output.write("one\n");
    const closing = output.close();
    mock.timers.tick(1_000);
    assert.equal(await closing, false);
    assert.equal(output.dropped, 1);
  });
});
