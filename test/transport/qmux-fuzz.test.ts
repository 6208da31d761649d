import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { SendStream } from "../../moq/link.ts";
import { FORMS } from "../../transport/qmux/forms.ts";
import {
  closeFrame,
  maxDataFrame,
  maxStreamDataFrame,
  maxStreamsFrame,
  paramsFrame,
  pingFrame,
  pongFrame,
  putStreamHead,
  resetFrame,
  stopFrame,
} from "../../transport/qmux/frames.ts";
import { writeParams } from "../../transport/qmux/params.ts";
import { linkOf, Received, SimEnd, settle, silent, simPair } from "./qmux-sim.ts";

const PARAMS = paramsFrame(
  writeParams({
    maxIdleTimeout: 0,
    maxData: 1000,
    maxStreamDataBidiLocal: 100,
    maxStreamDataBidiRemote: 100,
    maxStreamDataUni: 100,
    maxStreamsBidi: 3,
    maxStreamsUni: 3,
    maxRecordSize: 16_382,
    resetStreamAt: true,
  }),
);

function streamFrame(id: number, offset: number, data: Uint8Array, fin: boolean): Uint8Array {
  const head = new Uint8Array(32);
  const end = putStreamHead(head, 0, id, offset, data.length, fin);
  return Buffer.concat([head.subarray(0, end), data]);
}

const id = fc.nat({ max: 24 });
const small = fc.nat({ max: 200 });
const frame = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .tuple(id, small, fc.uint8Array({ maxLength: 20, size: "max" }), fc.boolean())
      .map((f) => streamFrame(...f)),
  },
  { weight: 5, arbitrary: fc.tuple(id, fc.boolean()).map(([n, fin]) => streamFrame(n, 0, Uint8Array.of(n), fin)) },
  fc.tuple(id, small, small).map((f) => resetFrame(...f)),
  fc.tuple(id, small).map((f) => stopFrame(...f)),
  small.map(maxDataFrame),
  fc.tuple(id, small).map((f) => maxStreamDataFrame(...f)),
  fc.tuple(fc.boolean(), small).map((f) => maxStreamsFrame(...f)),
  fc.bigInt(0n, 5n).map(pingFrame),
  fc.bigInt(0n, 1n).map(pongFrame),
  { weight: 1, arbitrary: fc.tuple(fc.boolean(), small, fc.uint8Array({ maxLength: 5 })).map((f) => closeFrame(...f)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12, size: "max" }) },
  fc.constant(PARAMS),
);

/** What the program does between messages, by the number of a stream it has. */
const act = fc.record({
  what: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom("uni", "bidi", "write", "turn") },
    { weight: 2, arbitrary: fc.constantFrom("finish", "reset", "stop", "priority", "stick") },
    { weight: 1, arbitrary: fc.constantFrom("close", "time") },
  ),
  which: fc.nat({ max: 9 }),
});

type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

class Program {
  readonly end: SimEnd;
  readonly streams: SendStream[] = [];
  /** What the bidirectional streams opened here got. */
  readonly answers: Received[] = [];
  /** Bytes written to each stream, by its mark; all bytes of a stream are its mark. */
  readonly written: number[] = [];
  readonly #marks = new Map<SendStream, number>();

  constructor(end: SimEnd) {
    this.end = end;
  }

  act({ what, which }: Act): void {
    const link = linkOf(this.end);
    const { unis, bidis } = this.end.watcher;
    const sending = [...this.streams, ...bidis.map(({ stream: accepted }) => accepted)];
    const receiving = [...unis, ...bidis];
    const open = sending.filter(({ ended }) => !ended);
    const stream = open[which % open.length] ?? sending[which % sending.length];
    if (what === "uni") this.keep(link.openUni(which, silent));
    else if (what === "bidi") this.openBidi(which);
    else if (what === "write") this.write(stream, (which + 1) * 40);
    else if (what === "finish") stream?.finish();
    else if (what === "reset") stream?.reset(which);
    else if (what === "priority") stream?.setPriority(which);
    else if (what === "stop") receiving[which % receiving.length]?.stream.stop(which);
    else if (what === "close" && which === 0) link.close(0, "");
    else if (what === "stick") this.end.stuck = which % 2 === 0;
    else if (what === "time") this.end.clock.advance(which * 1000);
    else this.end.turn();
  }

  keep(stream: SendStream | undefined): void {
    if (stream !== undefined) this.streams.push(stream);
  }

  openBidi(priority: number): void {
    const got = new Received();
    this.keep(linkOf(this.end).openBidi(priority, got));
    this.answers.push(got);
  }

  write(stream: SendStream | undefined, size: number): void {
    if (stream === undefined || stream.ended) return;
    const mark = this.#marks.get(stream) ?? this.written.length;
    this.#marks.set(stream, mark);
    this.written[mark] = (this.written[mark] ?? 0) + size;
    stream.write(new Uint8Array(size).fill(mark));
  }

  /** All that came from the other end. */
  get received(): Received[] {
    const { unis, bidis } = this.end.watcher;
    return [...[...unis, ...bidis].map(({ got }) => got), ...this.answers];
  }
}

/** When every stream has been finished, each end may open as many again as at the start. */
function checkCredit(programs: readonly Program[], settleBoth: () => void): void {
  if (programs.some(({ end }) => linkOf(end).ended)) return;
  for (const { streams, end } of programs) {
    for (const stream of [...streams, ...end.watcher.bidis.map((each) => each.stream)]) stream.finish();
  }
  settleBoth();
  // Streams that were announced by their end only have been accepted meanwhile.
  for (const { end } of programs) for (const { stream } of end.watcher.bidis) stream.finish();
  settleBoth();
  for (const { end } of programs) {
    const link = linkOf(end);
    for (let count = 0; count < 2; count++) {
      assert.ok(link.openUni(0, silent));
      assert.ok(link.openBidi(0, new Received()));
    }
    assert.equal(link.openUni(0, silent), undefined);
    assert.equal(link.openBidi(0, new Received()), undefined);
  }
}

/** Every stream got nothing but what was written to it, and all of it when it came to its end. */
function checkBytes(from: Program, to: Program): void {
  for (const { bytes, events } of to.received) {
    const [mark] = bytes;
    if (mark === undefined) continue;
    assert.ok(bytes.every((byte) => byte === mark));
    const written = from.written[mark] ?? 0;
    assert.ok(bytes.length <= written);
    if (events.includes("fin")) assert.equal(bytes.length, written);
  }
}

/** What holds for a link whatever its peer sends. */
function check(program: Program): void {
  const { end } = program;
  end.turn();
  assert.deepEqual(end.warnings, []);
  const link = linkOf(end);
  const halves = [...program.streams, ...end.watcher.bidis.map(({ stream }) => stream)];
  assert.equal(link.queued, link.ended ? 0 : halves.reduce((sum, half) => sum + half.queued, 0));
  assert.equal(end.watcher.closings.length, link.ended ? 1 : 0);
  for (const { got } of [...end.watcher.unis, ...end.watcher.bidis]) {
    const ends = got.events.filter((event) => !event.startsWith("stop"));
    assert.ok(ends.length <= 1 && got.events.length - ends.length <= 1);
  }
  if (link.ended) {
    assert.ok(halves.every((half) => half.ended && half.queued === 0));
    assert.equal(end.clock.pending, 0);
  }
}

test("for any frames and any calls of the program, a link stays consistent or ends once", () => {
  const step = fc.oneof(
    fc.array(frame, { minLength: 1, maxLength: 4 }).map((frames) => ({ message: Buffer.concat(frames) })),
    act.map((what) => ({ act: what })),
  );
  fc.assert(
    fc.property(fc.constantFrom(...FORMS), fc.array(step, { maxLength: 40, size: "max" }), (form, steps) => {
      const program = new Program(new SimEnd({ form, limits: { uniStreams: 3, bidiStreams: 3, queueMark: 100 } }));
      program.end.receive(PARAMS);
      for (const each of steps) {
        if ("message" in each) program.end.receive(each.message);
        else program.act(each.act);
      }
      check(program);
    }),
    { numRuns: 3000 },
  );
});

test("random messages cause a violation and nothing else", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40, size: "max" }), { maxLength: 5 }),
      fc.boolean(),
      (messages, open) => {
        const end = new SimEnd();
        if (open) end.receive(PARAMS);
        end.receive(...messages);
        assert.deepEqual(end.warnings, []);
      },
    ),
    { numRuns: 5000 },
  );
});

test("two ends agree on every byte and every end, for any calls of their programs", () => {
  const steps = fc.array(fc.record({ who: fc.boolean(), act }), { maxLength: 60, size: "max" });
  fc.assert(
    fc.property(fc.constantFrom(...FORMS), steps, (form, acts) => {
      const { client, server } = simPair({ form, limits: { uniStreams: 2, bidiStreams: 2, queueMark: 50 } });
      const programs = [new Program(client), new Program(server)] as const;
      for (const { who, act: what } of acts) {
        if (what.what === "time") continue;
        programs[who ? 0 : 1].act(what);
        if (what.what === "turn") settle(client, server);
      }
      client.stuck = false;
      server.stuck = false;
      client.turn();
      server.turn();
      settle(client, server);
      for (const program of programs) {
        check(program);
        assert.ok(program.end.watcher.closings.every(({ by }) => by === "local" || by === "remote"));
        assert.equal(linkOf(program.end).queued, 0);
      }
      checkBytes(programs[0], programs[1]);
      checkBytes(programs[1], programs[0]);
      checkCredit(programs, () => settle(client, server));
    }),
    { numRuns: 2000 },
  );
});
