/** When a simulated engine gives the events of streams that it passes on: what only a clock turned by hand can show. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FanOut, PassOn, RecvHandler, RecvStream, SendStream } from "../../moq/link.ts";
import { bytesOf, unheard } from "./fixtures.ts";
import { connect, type MemoryPair, type MemoryWorld, memoryWorld } from "./memory-world.ts";

/** One object: its size and its payload. */
const OBJECT = bytesOf("\u0003abc");

interface Passed {
  readonly world: MemoryWorld;
  readonly pair: MemoryPair;
  /** Events at the passing end, in order. */
  readonly log: string[];
  readonly recv: RecvStream;
  /** Where the passing end's stream comes from. */
  readonly source: SendStream;
  readonly fan: FanOut;
  /** What a viewer of the fan-out has got. */
  viewed(): string;
}

describe("what a simulated engine passes on", () => {
  it("reaches viewers at once and the program 10 ms later", async () => {
    const { world, log, source, viewed } = await passing();
    source.write(OBJECT);
    world.clock.advance(0);
    assert.equal(viewed(), ".\u0003abc");
    world.clock.advance(9.9);
    assert.deepEqual(log, []);
    world.clock.advance(0.1);
    assert.deepEqual(log, ["data \u0003abc"]);
  });

  it("reaches the program before any other event of its host", async () => {
    const { world, log, source } = await passing();
    const other = await connect(world, { host: "other.test" });
    other.serverEvents.onData = () => log.push("data of another link");
    source.write(OBJECT);
    world.clock.advance(0);
    assert.deepEqual(log, []);
    other.client.openUni(1, unheard)?.write(bytesOf("x"));
    world.clock.advance(0);
    assert.deepEqual(log, ["data \u0003abc", "data of another link"]);
  });

  it("reaches the program before the end of a link that the peer closes", async () => {
    const { world, pair, log, source } = await passing();
    source.write(OBJECT);
    world.clock.advance(0);
    pair.client.close(0, "");
    world.clock.advance(0);
    assert.deepEqual(log, ["data \u0003abc", "unpassed"]);
    assert.equal(pair.serverEvents.closing?.by, "remote");
  });

  it("is lost where the program closes the link, or the host vanishes", async () => {
    for (const end of [({ pair }: Passed) => pair.server.close(0, ""), ({ world }: Passed) => world.server.vanish()]) {
      const passed = await passing();
      passed.source.write(OBJECT);
      passed.world.clock.advance(0);
      end(passed);
      passed.world.clock.advance(1_000);
      assert.deepEqual(passed.log, []);
    }
  });
});

describe("a mark of a simulated engine that is not answered", () => {
  it("holds back what arrives, its end included, until it is answered", async () => {
    const { world, log, source, recv, fan } = await marked();
    source.write(OBJECT);
    source.finish();
    world.clock.advance(1_000);
    assert.deepEqual(log, ["marked"]);
    recv.pass?.(to(fan));
    assert.deepEqual(log, ["marked"]);
    world.clock.advance(0);
    assert.deepEqual(log, ["marked", "data \u0003abc", "fin"]);
  });

  it("is over with the link: what arrived after it comes as usual data, and later answers do nothing", async () => {
    const { world, pair, log, source, recv, fan } = await marked();
    const other = await connect(world, { host: "other.test" });
    const stream = other.server.openUni(1, unheard);
    assert.ok(stream !== undefined);
    fan.add(stream);
    source.write(OBJECT);
    world.clock.advance(0);
    pair.client.close(0, "");
    world.clock.advance(0);
    assert.deepEqual(log, ["marked", "unpassed", "data \u0003abc"]);
    recv.pass?.(to(fan));
    assert.equal(fan.written, 1);
    assert.equal(recv.unpass?.(), false);
  });

  it("does not keep a stream open that the program stops", async () => {
    const { world, pair, source, recv, log } = await marked({ uniStreams: 1 });
    source.finish();
    world.clock.advance(0);
    assert.equal(pair.client.openUni(1, unheard), undefined);
    recv.stop(1);
    world.clock.advance(0);
    assert.notEqual(pair.client.openUni(1, unheard), undefined);
    assert.deepEqual(log, ["marked"]);
  });
});

/** A stream that is passed on to one viewer. */
async function passing(): Promise<Passed> {
  const passed = await marked();
  passed.recv.pass?.(to(passed.fan));
  passed.world.clock.advance(0);
  passed.log.splice(0);
  return passed;
}

/** A stream whose mark was given. */
async function marked(limits: { uniStreams?: number } = {}): Promise<Passed> {
  const world = memoryWorld();
  const pair = await connect(world, { server: limits });
  const log: string[] = [];
  let recv: RecvStream | undefined;
  pair.serverEvents.onUni = (stream) => {
    recv = stream;
    return logging(log);
  };
  const source = pair.client.openUni(1, unheard);
  const target = pair.server.openUni(1, unheard);
  assert.ok(source !== undefined && target !== undefined);
  source.write(bytesOf("."));
  target.write(bytesOf("."));
  world.clock.advance(0);
  assert.ok(recv !== undefined);
  const fan = pair.server.engine.fanOut();
  fan.add(target);
  recv.mark?.();
  log.splice(0);
  world.clock.advance(0);
  return { world, pair, log, recv, source, fan, viewed: () => pair.clientEvents.unis[0]?.text ?? "" };
}

function logging(log: string[]): RecvHandler {
  return {
    data: (bytes) => log.push(`data ${Buffer.from(bytes).toString()}`),
    marked: () => log.push("marked"),
    unpassed: () => log.push("unpassed"),
    fin: () => log.push("fin"),
    reset: (code) => log.push(`reset ${code}`),
  };
}

function to(fan: FanOut): PassOn {
  return { framing: "sized", left: 0, largest: 100, to: [{ fan, framing: "sized" }], late: true };
}
