import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { FanOut, Framing, Link, PassOn, RecvHandler, RecvStream, SendStream } from "../../../moq/link.ts";
import { capabilities, encodeObjectHeader, frameHeaders } from "../../../moq/wire/lite/index.ts";
import { digestOf, pattern, Recorder, type StreamRecord, unheard } from "../fixtures.ts";
import type { Bench } from "./harness.ts";

/** Largest payload of an object. */
const LARGEST = 200_000;

/** A stream that comes and is passed on to viewers. */
export function passing(bench: Bench): void {
  whole(bench);
  endsOfPassing(bench);
  endsOfLinks(bench);
}

function whole(bench: Bench): void {
  const both = async (t: TestContext, name: string, late: boolean) => {
    const { publish, viewer, relayed } = await scene(bench, t);
    const framings: readonly Framing[] = ["timed", "timed_ones", "flagged"];
    for (const framing of framings) {
      const sets = framings.map((into) => ({ framing: into, fan: bench.server.fanOut() }));
      const objects = objectsOf(60);
      const [first] = objects;
      assert.ok(first);
      const stream = publish(encoded(framing, [first]));
      const relay = await relayed();
      const viewers: StreamRecord[] = [];
      for (const { fan, framing: into } of sets) {
        for (let i = 0; i < 2; i++) viewers.push(await viewer(fan, encoded(into, [first])));
      }
      await relay.mark();
      const { received } = relay;
      stream.write(encoded(framing, objects.slice(1, 30)));
      await bench.quiet();
      assert.equal(relay.received, received, `${name}: nothing is read before the mark is answered`);
      relay.pass({ framing, late, to: sets });
      for (const { fan } of sets) assert.deepEqual([fan.size, fan.written], [2, 0]);
      await bench.quiet();
      stream.write(encoded(framing, objects.slice(30)));
      stream.finish();
      await bench.until("the end of the stream", () => relay.end === "fin");
      for (const { fan } of sets) fan.finish();
      await bench.until("the viewers' ends", () => viewers.every(({ end }) => end === "fin"));
      for (const [index, record] of viewers.entries()) {
        const into = sets[index >> 1]?.framing ?? framing;
        assert.equal(record.digest(), digestOf(encoded(into, objects)), `${name}: ${framing} as ${into}`);
      }
      assert.equal(digestOf(relay.bytes), digestOf(encoded(framing, objects)), "the program gets what came");
    }
  };

  bench.case("passes a stream on to others in each framing", (t) => both(t, "at once", false), "passes");
  bench.case("gives the program a passed stream later, whole and in order", (t) => both(t, "late", true), "passes");

  bench.case(
    "passes on to streams that join in its course, behind what the program wrote to them",
    async (t) => {
      const { publish, viewer, relayed } = await scene(bench, t);
      const fan = bench.server.fanOut();
      const objects = objectsOf(40);
      const stream = publish(encoded("sized", objects.slice(0, 1)));
      const relay = await relayed();
      relay.fan = fan;
      let sent = relay.received;
      const viewers: StreamRecord[] = [];
      for (const [index, object] of objects.entries()) {
        if (index === 0) continue;
        const bytes = encoded("sized", [object]);
        sent += bytes.length;
        stream.write(bytes);
        await bench.until("the object", () => relay.received === sent);
        if (index % 4 !== 1) continue;
        viewers.push(await viewer(fan, relay.bytes));
        await relay.mark();
        relay.pass({ framing: "sized", late: index % 8 === 1, to: [{ framing: "sized", fan }] });
        if (index === 21) viewers[0]?.recv?.stop(3);
      }
      stream.finish();
      await bench.until("the end of the stream", () => relay.end === "fin");
      fan.finish();
      const rest = viewers.slice(1);
      await bench.until("the viewers' ends", () => rest.every(({ end }) => end === "fin"));
      for (const record of rest) assert.equal(record.digest(), digestOf(encoded("sized", objects)));
    },
    "passes",
  );
}

function endsOfPassing(bench: Bench): void {
  const stops: readonly (readonly [name: string, framing: Framing, bytes: Uint8Array])[] = [
    ["has more", "flagged", encodeObjectHeader(3, 1, 4, undefined, undefined).slice()],
    ["names a payload that is too large", "timed", headerOf("timed", { delta: 1, size: LARGEST + 1 })],
  ];
  for (const [name, framing, header] of stops) {
    bench.case(
      `passes nothing on from a header on that ${name}`,
      async (t) => {
        const { publish, viewer, relayed } = await scene(bench, t);
        const fan = bench.server.fanOut();
        const objects = objectsOf(5);
        const [first, rest] = [objects.slice(0, 1), objects.slice(1)];
        const good = encoded(framing, objects);
        const stream = publish(encoded(framing, first));
        const relay = await relayed();
        relay.fan = fan;
        const record = await viewer(fan, relay.bytes);
        await relay.mark();
        relay.pass({ framing, late: true, to: [{ framing, fan }] });
        // The header is cut in two. Its start may have come before, and is the program's to write.
        relay.cut = () => header.subarray(0, relay.received - good.length);
        stream.write(Buffer.concat([encoded(framing, rest), header.subarray(0, 1)]));
        await bench.until("the good ones", () => record.received === good.length);
        stream.write(Buffer.concat([header.subarray(1), Buffer.from("abc")]));
        stream.finish();
        await bench.until("the end of the stream", () => relay.end === "fin");
        assert.ok(relay.unpassedAt === good.length || relay.unpassedAt === good.length + 1, `${relay.unpassedAt}`);
        assert.equal(fan.written, 1);
        fan.finish();
        await bench.until("the viewer's end", () => record.end === "fin");
        assert.equal(record.digest(), digestOf(relay.bytes));
        assert.equal(relay.bytes.length, good.length + header.length + 3);
      },
      "passes",
    );
  }

  bench.case(
    "ends passing on when it is asked, at a place that the program knows",
    async (t) => {
      const { publish, viewer, relayed } = await scene(bench, t);
      const fan = bench.server.fanOut();
      const objects = objectsOf(300);
      const stream = publish(encoded("timed", objects.slice(0, 1)));
      const relay = await relayed();
      const record = await viewer(fan, relay.bytes);
      assert.equal(relay.stream.unpass?.(), false, "nothing is passed on yet");
      await relay.mark();
      relay.pass({ framing: "timed", late: true, to: [{ framing: "timed", fan }] });
      // From the place on, the program writes what comes.
      relay.fan = fan;
      for (const [index, object] of objects.entries()) {
        if (index > 0) stream.write(encoded("timed", [object]));
        if (index === 100) assert.equal(relay.stream.unpass?.(), true);
        if (index % 50 === 0) await bench.harness.pass(5);
      }
      stream.finish();
      await bench.until("the end of the stream", () => relay.end === "fin");
      assert.notEqual(relay.unpassedAt, undefined);
      fan.finish();
      await bench.until("the viewer's end", () => record.end === "fin");
      assert.equal(record.digest(), digestOf(encoded("timed", objects)));
    },
    "passes",
  );
}

function endsOfLinks(bench: Bench): void {
  for (const marked of [false, true]) {
    const name = marked ? "whose mark was not answered" : "that is passed on";
    bench.case(
      `says before the end of a link what viewers have of a stream ${name}`,
      async (t) => {
        const { publish, publisher, viewer, relayed, events } = await scene(bench, t);
        const fan = bench.server.fanOut();
        const begin = encoded("timed", objectsOf(1));
        const stream = publish(begin);
        const relay = await relayed();
        const record = await viewer(fan, relay.bytes);
        await relay.mark();
        relay.pass({ framing: "timed", late: true, to: [{ framing: "timed", fan }] });
        relay.fan = fan;
        const content = encoded("timed", objectsOf(9));
        stream.write(content.subarray(begin.length));
        await bench.until("what was passed on", () => record.received === content.length);
        if (marked) {
          await relay.mark();
        }
        // Half an object: its header and the first bytes of its payload.
        const half = encoded("timed", [{ delta: 1, size: 1000 }]).subarray(0, 500);
        stream.write(half);
        await bench.quiet();
        publisher.close(0, "");
        await bench.until("the end of the link", () => events.closing);
        assert.notEqual(relay.unpassedAt, undefined);
        const all = relay.bytes;
        await bench.until("all that came", () => record.received === all.length);
        assert.equal(record.digest(), digestOf(all));
        // Another stream of the same content goes on where the program is.
        const rest = encoded("timed", [{ delta: 1, size: 1000 }]).subarray(all.length - content.length);
        fan.write(rest);
        fan.finish();
        await bench.until("the viewer's end", () => record.end === "fin");
        assert.equal(record.digest(), digestOf(Buffer.concat([all, rest])));
      },
      "passes",
    );
  }
}

interface FrameObject {
  readonly delta: number;
  readonly size: number;
}

/** Objects of sizes that end and begin packets, with every length of an integer. */
function objectsOf(count: number): FrameObject[] {
  return Array.from({ length: count }, (_, index) => ({
    delta: ((index * 7919) % 3) * 2 ** (index % 40) - 5,
    size: [0, 1, 40, 63, 64, 1200, 17_000][(index * 31) % 7] ?? 0,
  }));
}

const HEADERS: Readonly<Record<Framing, (size: number, delta: number) => Uint8Array>> = {
  sized: headersOf("moq-lite-04"),
  timed: headersOf("moq-lite-06"),
  timed_ones: headersOf("moq-lite-07-wip"),
  flagged: (size, delta) => encodeObjectHeader(size, delta, 0, undefined, undefined),
};

function headersOf(protocol: string): (size: number, delta: number) => Uint8Array {
  const caps = capabilities(protocol);
  assert.ok(caps);
  return frameHeaders(caps);
}

function headerOf(framing: Framing, { size, delta }: FrameObject): Uint8Array {
  return HEADERS[framing](size, delta).slice();
}

function encoded(framing: Framing, objects: readonly FrameObject[]): Buffer {
  return Buffer.concat(objects.flatMap((object) => [headerOf(framing, object), pattern(object.size)]));
}

/** The relay's end of the publisher's stream. */
class Relayed implements RecvHandler {
  readonly stream: RecvStream;
  /** Gets what comes, except for the streams to which it is passed on. */
  fan: FanOut | undefined;
  /** The part of a header that has come, when passing on ends. */
  cut: (() => Uint8Array) | undefined;
  received = 0;
  marks = 0;
  /** Bytes that had come when passing on ended. */
  unpassedAt: number | undefined;
  end: "fin" | "reset" | undefined;
  readonly #chunks: Uint8Array[] = [];

  readonly #bench: Bench;

  constructor(bench: Bench, stream: RecvStream) {
    this.#bench = bench;
    this.stream = stream;
  }

  async mark(): Promise<void> {
    const { marks } = this;
    this.stream.mark?.();
    await this.#bench.until("the mark", () => this.marks > marks);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  pass(how: Omit<PassOn, "left" | "largest">): void {
    this.stream.pass?.({ ...how, left: 0, largest: LARGEST });
  }

  data(bytes: Uint8Array): void {
    const copy = Uint8Array.from(bytes);
    this.#chunks.push(copy);
    this.received += copy.length;
    this.fan?.write(copy);
  }

  marked(): void {
    this.marks++;
  }

  unpassed(): void {
    this.unpassedAt = this.received;
    this.fan?.unpassed?.();
    if (this.cut !== undefined) this.fan?.write(this.cut());
  }

  fin(): void {
    this.end = "fin";
  }

  reset(): void {
    this.end = "reset";
  }
}

interface Scene {
  readonly publisher: Link;
  /** Events of the publisher's link at the relay. */
  readonly events: Recorder;
  /** Opens the publisher's stream. */
  publish(first: Uint8Array): SendStream;
  /** Has all that was published first. */
  relayed(): Promise<Relayed>;
  /** A viewer whose stream gets `first`, and then what `fan` gets. */
  viewer(fan: FanOut, first?: Uint8Array): Promise<StreamRecord>;
}

/** A publisher, a relay, and viewers on links of their own. */
async function scene(bench: Bench, t: TestContext): Promise<Scene> {
  const links: Link[] = [];
  const events = new Recorder();
  const listener = await bench.listen(t, (request) =>
    request.accept((link) => {
      links.push(link);
      return (links.length === 1 ? events : new Recorder()).attach(link);
    }),
  );
  const publisher = await bench.dial(t, listener.address, new Recorder());
  await bench.until("the publisher's link", () => events.link);
  let relayed: Relayed | undefined;
  let begun = 0;
  events.onUni = (stream) => {
    relayed = new Relayed(bench, stream);
    return relayed;
  };
  return {
    publisher,
    events,
    publish: (first) => {
      const stream = publisher.openUni(1, unheard);
      assert.ok(stream);
      stream.write(first);
      begun = first.length;
      relayed = undefined;
      return stream;
    },
    relayed: () => bench.until("the stream at the relay", () => relayed?.received === begun && relayed),
    viewer: async (fan, first) => {
      const viewer = new Recorder();
      const known = links.length;
      await bench.dial(t, listener.address, viewer);
      const link = await bench.until("the viewer's link", () => links[known]);
      const stream = link.openUni(1, unheard);
      assert.ok(stream);
      if (first !== undefined && first.length > 0) stream.write(first);
      fan.add(stream);
      return await bench.until("the viewer's stream", () => viewer.unis[0]);
    },
  };
}
