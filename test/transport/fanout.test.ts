import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SendStream } from "../../moq/link.ts";
import { JsFanOut } from "../../transport/shared/fanout.ts";
import { bytesOf } from "./fixtures.ts";

/** Notes each call that it gets. */
class NotedStream implements SendStream {
  readonly id = 0;
  readonly queued = 0;
  readonly calls: string[] = [];
  ended = false;

  write(bytes: Uint8Array): void {
    this.calls.push(Buffer.from(bytes).toString());
  }

  finish(): void {
    this.calls.push("finish");
    this.ended = true;
  }

  reset(code: number): void {
    this.calls.push(`reset ${code}`);
    this.ended = true;
  }

  setPriority(): void {
    throw new Error("nobody's business here");
  }
}

function set(size: number): { fan: JsFanOut; streams: NotedStream[] } {
  const fan = new JsFanOut();
  const streams = Array.from({ length: size }, () => new NotedStream());
  for (const stream of streams) fan.add(stream);
  return { fan, streams };
}

describe("the fan-out in JavaScript", () => {
  it("writes the same bytes to every stream once, without a copy", () => {
    const fan = new JsFanOut();
    const got: Uint8Array[] = [];
    const stream = new NotedStream();
    stream.write = (bytes) => void got.push(bytes);
    fan.add(stream);
    fan.add(stream);
    const bytes = bytesOf("frame");
    fan.write(bytes);
    assert.equal(got.length, 1);
    assert.equal(got[0], bytes);
  });

  it("drops streams that have ended without writing to them", () => {
    const { fan, streams } = set(3);
    fan.write(bytesOf("1"));
    assert.ok(streams[1]);
    streams[1].ended = true;
    assert.equal(fan.size, 2);
    assert.ok(streams[2]);
    streams[2].ended = true;
    fan.write(bytesOf("2"));
    assert.deepEqual(
      streams.map(({ calls }) => calls),
      [["1", "2"], ["1"], ["1"]],
    );
    streams[2].ended = false;
    fan.write(bytesOf("3"));
    assert.deepEqual(streams[2].calls, ["1"], "it does not come back");
  });

  it("does not add a stream that has ended", () => {
    const fan = new JsFanOut();
    const stream = new NotedStream();
    stream.ended = true;
    fan.add(stream);
    assert.equal(fan.size, 0);
  });

  it("is empty after finish and after reset", () => {
    const finished = set(2);
    finished.fan.finish();
    assert.deepEqual(
      finished.streams.map(({ calls }) => calls),
      [["finish"], ["finish"]],
    );
    const reset = set(2);
    reset.fan.reset(7);
    assert.deepEqual(
      reset.streams.map(({ calls }) => calls),
      [["reset 7"], ["reset 7"]],
    );
    assert.equal(finished.fan.size + reset.fan.size, 0);
  });
});
