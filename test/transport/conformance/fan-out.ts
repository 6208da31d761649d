import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Link, SendStream } from "../../../moq/link.ts";
import { bytesOf, digestOf, pattern, Recorder, type StreamRecord, unheard } from "../fixtures.ts";
import type { Bench } from "./harness.ts";

const LINKS = 4;
const STREAMS_EACH = 5;
const FRAME = 20_000;
const FRAMES = 30;
/** Writes until what has ended has to have left. */
const MOST_TURNS = 200;

interface Audience {
  /** The listener's ends. */
  readonly links: readonly Link[];
  readonly streams: readonly SendStream[];
  /** What the dialling ends got, in the order of `streams`. */
  records(): readonly StreamRecord[];
}

/** One write to many streams. */
export function fanOut(bench: Bench): void {
  bench.case(
    "writes to streams of several links at once; one that ends leaves, and the others stay whole",
    async (t) => {
      const { streams, records } = await audience(bench, t);
      const fan = bench.server.fanOut();
      for (const stream of streams) fan.add(stream);
      const [victim] = streams;
      assert.ok(victim);
      fan.add(victim);
      assert.equal(fan.size, streams.length);
      const content = pattern(FRAME * FRAMES);
      for (let frame = 0; frame < FRAMES; frame++) {
        fan.write(content.subarray(frame * FRAME, (frame + 1) * FRAME));
        if (frame === FRAMES / 2) {
          victim.reset(6);
          assert.equal(fan.size, streams.length - 1);
        }
        if (frame % 5 === 0) await bench.quiet();
      }
      assert.equal(fan.size, streams.length - 1);
      fan.finish();
      assert.equal(fan.size, 0);
      await bench.until("every end", () => records().every(({ end }) => end));
      const [reset, ...others] = records();
      assert.deepEqual(reset?.end, { reset: 6 });
      for (const [index, record] of others.entries()) {
        assert.equal(record.end, "fin");
        assert.equal(record.digest(), digestOf(Buffer.concat([bytesOf(`${index + 1};`), content])));
      }
    },
  );

  bench.case("does not write to a removed stream", async (t) => {
    const { streams, records } = await audience(bench, t);
    const fan = bench.server.fanOut();
    for (const stream of streams) fan.add(stream);
    fan.write(bytesOf("all;"));
    const [one] = streams;
    assert.ok(one);
    fan.remove(one);
    assert.equal(fan.size, streams.length - 1);
    fan.write(bytesOf("others;"));
    fan.finish();
    one.write(bytesOf("alone;"));
    one.finish();
    await bench.until("every end", () => records().every(({ end }) => end === "fin"));
    const [text, ...others] = records().map((record) => record.text.replace(/^\d+;/, ""));
    assert.equal(text, "all;alone;");
    assert.ok(others.every((other) => other === "all;others;"));
  });

  bench.case("resets all of its streams", async (t) => {
    const { streams, records } = await audience(bench, t);
    const fan = bench.server.fanOut();
    for (const stream of streams) fan.add(stream);
    fan.write(bytesOf("begun"));
    await bench.until("data on each", () => records().every(({ text }) => text.endsWith("begun")));
    fan.reset(13);
    assert.equal(fan.size, 0);
    assert.ok(streams.every(({ ended }) => ended));
    await bench.until("every end", () => records().every(({ end }) => end));
    for (const { end } of records()) assert.deepEqual(end, { reset: 13 });
  });

  bench.case("continues without streams that the peer stopped or whose link has ended", async (t) => {
    const { links, streams, records } = await audience(bench, t);
    const fan = bench.server.fanOut();
    for (const stream of streams) fan.add(stream);
    fan.write(bytesOf("begun;"));
    await bench.until("data on each", () => records().every(({ text }) => text.endsWith("begun;")));
    links[0]?.close(1, "gone");
    records()[STREAMS_EACH]?.recv?.stop(2);
    const expected = (LINKS - 1) * STREAMS_EACH - 1;
    // An engine may notice a stop no earlier than with the next write.
    for (let turn = 0; fan.size > expected && turn < MOST_TURNS; turn++) {
      fan.write(bytesOf("more;"));
      await bench.harness.pass(10);
    }
    assert.equal(fan.size, expected);
    fan.finish();
    const rest = () => records().slice(STREAMS_EACH + 1);
    await bench.until("the others' ends", () => rest().every(({ end }) => end === "fin"));
    const [first] = rest();
    for (const { text } of rest()) assert.equal(text.replace(/^\d+;/, ""), first?.text.replace(/^\d+;/, ""));
  });
}

/** Several dialled links, and streams opened to them by the listener; each stream begins with its number. */
async function audience(bench: Bench, t: TestContext): Promise<Audience> {
  const links: Link[] = [];
  const viewers: Recorder[] = [];
  const listener = await bench.listen(t, (request) =>
    request.accept((link) => {
      links.push(link);
      return new Recorder().attach(link);
    }),
  );
  for (let i = 0; i < LINKS; i++) {
    const viewer = new Recorder();
    viewers.push(viewer);
    await bench.dial(t, listener.address, viewer);
  }
  await bench.until("every link", () => links.length === LINKS);
  const streams: SendStream[] = [];
  for (const [index, link] of links.entries()) {
    for (let i = 0; i < STREAMS_EACH; i++) {
      const stream = link.openUni(1, unheard);
      assert.ok(stream);
      stream.write(bytesOf(`${index * STREAMS_EACH + i};`));
      streams.push(stream);
    }
  }
  const all = () => viewers.flatMap(({ unis }) => unis);
  await bench.until("every stream", () => all().filter(({ text }) => text.includes(";")).length === streams.length);
  const numbered = all().map((record) => ({ record, number: Number.parseInt(record.text, 10) }));
  const inOrder = numbered.sort((a, b) => a.number - b.number).map(({ record }) => record);
  return { links, streams, records: () => inOrder };
}
