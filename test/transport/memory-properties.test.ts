import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { LaneSettings, Wire } from "../../lab/network/memory-network.ts";
import type { Link, RecvStream, SendStream } from "../../moq/link.ts";
import { bytesOf, pattern, type Recorder, type StreamRecord } from "./fixtures.ts";
import { connect, type MemoryWorld, memoryWorld } from "./memory-world.ts";

/** Streams of one kind that may be open at a time, few so that the limit is often reached. */
const STREAMS = 6;

const SETTINGS: fc.Arbitrary<Partial<LaneSettings>> = fc.record(
  {
    latencyMs: fc.constantFrom(0, 1, 30),
    jitterMs: fc.constantFrom(0, 20),
    bandwidth: fc.constantFrom(0, 20_000, 3_000_000),
    streamWindow: fc.constantFrom(0, 1, 5_000),
    linkWindow: fc.constantFrom(0, 3_000, 40_000),
    reading: fc.boolean(),
  },
  { requiredKeys: [] },
);

type Step =
  | { readonly do: "open"; readonly priority: number }
  | { readonly do: "write"; readonly stream: number; readonly size: number }
  | { readonly do: "finish" | "reset" | "stop" | "reprioritize"; readonly stream: number }
  | { readonly do: "configure"; readonly settings: Partial<LaneSettings> }
  | { readonly do: "cut" | "heal" }
  | { readonly do: "pass"; readonly ms: number };

const ANY_STREAM = fc.nat(20);
const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("open" as const), priority: fc.nat(3) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("write" as const), stream: ANY_STREAM, size: fc.nat(20_000) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom("finish" as const, "reset" as const, "stop" as const, "reprioritize" as const),
      stream: ANY_STREAM,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("configure" as const), settings: SETTINGS }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("cut" as const, "heal" as const) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.nat(100) }) },
);

/** A stream that the run opened, and what became of it. */
interface Opened {
  readonly stream: SendStream;
  readonly number: number;
  readonly sender: StreamRecord;
  written: string;
  ended: "fin" | "reset" | undefined;
  stopped: boolean;
}

describe("a simulated link under random calls and losses", () => {
  it("delivers streams whole or a prefix of them, and releases every window and limit", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { maxLength: 80 }), fc.nat(), async (steps, seed) => {
        const world = memoryWorld({ seed, overwrite: true });
        const limits = { uniStreams: STREAMS, bidiStreams: STREAMS, idleTimeoutMs: 1e9, keepAliveMs: 0 };
        const pair = await connect(world, { client: limits, server: limits });
        const run = new Run(world, pair.client, pair.wire, pair.serverEvents, pair.clientEvents);
        for (const step of steps) await run.take(step);
        await run.finish();
        assert.deepEqual([...pair.clientEvents.violations, ...pair.serverEvents.violations], []);
      }),
      { numRuns: 150 },
    );
  });
});

class Run {
  readonly #world: MemoryWorld;
  readonly #client: Link;
  readonly #wire: Wire;
  readonly #server: Recorder;
  readonly #events: Recorder;
  readonly #opened: Opened[] = [];

  constructor(world: MemoryWorld, client: Link, wire: Wire, server: Recorder, events: Recorder) {
    this.#world = world;
    this.#client = client;
    this.#wire = wire;
    this.#server = server;
    this.#events = events;
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case "open":
        this.#open(step.priority);
        return;
      case "configure":
        this.#wire.configure(step.settings);
        return;
      case "cut":
        this.#wire.cut();
        return;
      case "heal":
        this.#wire.heal();
        return;
      case "pass":
        await this.#world.clock.run(step.ms);
        return;
      default: {
        const opened = this.#opened[step.stream % Math.max(1, this.#opened.length)];
        if (opened !== undefined) this.#act(step, opened);
      }
    }
  }

  /** Lets everything arrive and checks it. */
  async finish(): Promise<void> {
    for (const opened of this.#opened) {
      if (!opened.stream.ended) opened.ended = "fin";
      opened.stream.finish();
    }
    this.#wire.configure({ reading: true, bandwidth: 0, streamWindow: 5_000, linkWindow: 20_000 });
    this.#wire.heal();
    await this.#world.clock.run(60_000);
    assert.equal(this.#client.queued, 0);
    for (const opened of this.#opened) this.#check(opened);
    await this.#checkLimits();
  }

  #open(priority: number): void {
    const sender = this.#events.stream();
    const stream = this.#client.openUni(priority, sender);
    if (stream === undefined) return;
    const number = this.#opened.length;
    const opened: Opened = { stream, number, sender, written: "", ended: undefined, stopped: false };
    this.#opened.push(opened);
    this.#write(opened, `${number};`);
  }

  #write(opened: Opened, text: string): void {
    if (!opened.stream.ended) opened.written += text;
    opened.stream.write(bytesOf(text));
  }

  #act(step: Extract<Step, { stream: number }>, opened: Opened): void {
    const { stream } = opened;
    switch (step.do) {
      case "write":
        this.#write(opened, String.fromCharCode(97 + (step.size % 26)).repeat(step.size));
        return;
      case "finish":
        if (!stream.ended) opened.ended = "fin";
        stream.finish();
        return;
      case "reset":
        opened.ended = "reset";
        stream.reset(5);
        assert.equal(stream.queued, 0);
        return;
      case "reprioritize":
        stream.setPriority(step.stream % 4);
        return;
      case "stop":
        this.#receiving(opened.number)?.stop(6);
        opened.stopped = true;
    }
  }

  #record(number: number): StreamRecord | undefined {
    return this.#server.unis.find(({ text }) => text.startsWith(`${number};`));
  }

  #receiving(number: number): RecvStream | undefined {
    return this.#record(number)?.recv;
  }

  #check({ number, written, ended, stopped, stream, sender }: Opened): void {
    assert.equal(stream.queued, 0);
    assert.equal(stream.ended, true);
    const record = this.#record(number);
    if (ended === "fin" && !stopped) {
      assert.equal(record?.text, written);
      assert.equal(record?.end, "fin");
      assert.equal(sender.stopped, undefined);
      return;
    }
    assert.ok(written.startsWith(record?.text ?? ""));
  }

  /** Nothing of what went before is still held against the link. */
  async #checkLimits(): Promise<void> {
    const seen = this.#server.unis.length;
    const streams = Array.from({ length: STREAMS }, () => this.#client.openUni(1, this.#events.stream()));
    assert.ok(streams.every((stream) => stream !== undefined));
    assert.equal(this.#client.openUni(1, this.#events.stream()), undefined);
    for (const stream of streams) {
      stream?.write(pattern(50_000));
      stream?.finish();
    }
    await this.#world.clock.run(60_000);
    const records = this.#server.unis.slice(seen);
    assert.equal(records.length, STREAMS);
    assert.ok(records.every(({ received, end }) => received === 50_000 && end === "fin"));
  }
}
