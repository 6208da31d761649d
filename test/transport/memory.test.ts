import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { type LaneSettings, MemoryNetwork } from "../../lab/network/memory-network.ts";
import { TransportError } from "../../moq/link.ts";
import { conformance, type Harness } from "./conformance.ts";
import { bytesOf, LIMITS, pattern, Recorder, unheard } from "./fixtures.ts";
import { connect, failure, memoryWorld } from "./memory-world.ts";

/** The suite's time is the clock's: nothing in it waits for real. */
function harness(settings: Partial<LaneSettings>): Harness {
  const clock = new ManualClock();
  const network = new MemoryNetwork({ clock, settings, overwrite: true, warn: () => {} });
  return {
    supports: {
      datagrams: true,
      priority: true,
      streamLimits: true,
      passes: true,
      pauses: "a simulated link is not read by its lane's settings",
      reject: true,
      stopAccepting: true,
      headers: true,
      certificateSwap: "a simulated network has no certificates",
      vanish: true,
    },
    maxCode: 2 ** 32 - 1,
    host: "relay.test",
    start: () => Promise.resolve({ client: network.engine(), server: network.engine() }),
    certificate: () => ({ cert: "", key: "" }),
    trust: () => ({ kind: "insecure" }),
    url: ({ address, port }, target) => new URL(`https://${address}:${port}${target}`),
    until: async (what, look) => {
      let found = look();
      const looked = clock.runUntil(() => {
        found = look();
        return found !== undefined && found !== false;
      });
      await looked.catch((error: unknown) => {
        throw new Error(`did not happen: ${what}`, { cause: error });
      });
      if (found === undefined || found === false) throw new Error(`did not happen: ${what}`);
      return found;
    },
    settled: async (promise) => {
      let done = false;
      const settle = () => {
        done = true;
      };
      promise.then(settle, settle);
      await clock.runUntil(() => done);
      return await promise;
    },
    pass: (ms) => clock.run(ms),
    vanish: ({ client }) => network.vanish(client),
  };
}

conformance("memory, a local network", harness({ latencyMs: 0.1, bandwidth: 100_000_000 }));
conformance("memory, a long way with jitter", harness({ latencyMs: 20, jitterMs: 10, bandwidth: 10_000_000 }));

describe("time on a simulated network", () => {
  it("is the latency for one way and twice the latency for a dial", async () => {
    const world = memoryWorld({ settings: { latencyMs: 40 } });
    const pair = await connect(world);
    assert.equal(world.clock.now(), 80);
    assert.equal(pair.client.stats().rttMs, 80);
    pair.client.openUni(1, unheard)?.write(bytesOf("x"));
    world.clock.advance(39.9);
    assert.equal(pair.serverEvents.unis.length, 0);
    world.clock.advance(0.1);
    assert.equal(pair.serverEvents.unis[0]?.text, "x");
  });

  it("without latency delivers in the next turn, never inside a call", async () => {
    const world = memoryWorld();
    const { client, clientEvents, serverEvents } = await connect(world);
    clientEvents.calling(() => serverEvents.calling(() => client.openUni(1, unheard)?.write(bytesOf("x"))));
    assert.equal(serverEvents.unis.length, 0);
    world.clock.advance(0);
    assert.equal(serverEvents.unis[0]?.text, "x");
  });

  it("follows the bandwidth, also when it changes during a transfer", async () => {
    const world = memoryWorld({ settings: { bandwidth: 100_000 } });
    const { client, serverEvents, wire } = await connect(world);
    client.openUni(1, unheard)?.write(pattern(200_000));
    world.clock.advance(1000);
    assert.ok(Math.abs((serverEvents.unis[0]?.received ?? 0) - 100_000) <= 1200);
    assert.ok(Math.abs(client.queued - 100_000) <= 1200);
    assert.equal(client.stats().sendRate, 800_000);
    wire.configure({ bandwidth: 1_000_000 }, "up");
    world.clock.advance(60);
    assert.ok(Math.abs((serverEvents.unis[0]?.received ?? 0) - 160_000) <= 2400);
    wire.configure({ bandwidth: 0 });
    world.clock.advance(2);
    assert.equal(serverEvents.unis[0]?.received, 200_000);
    assert.equal(client.queued, 0);
  });

  it("adds the latency after the last byte is sent", async () => {
    const world = memoryWorld({ settings: { latencyMs: 40, bandwidth: 10_000 } });
    const { client, serverEvents } = await connect(world);
    const start = world.clock.now();
    client.openUni(1, unheard)?.write(pattern(1_000));
    await world.clock.runUntil(() => serverEvents.unis[0]?.received === 1_000);
    assert.ok(Math.abs(world.clock.now() - start - 140) < 0.001);
  });

  it("sends packets by priority, also when it changes, and in turn for equal priorities", async () => {
    const world = memoryWorld({ settings: { bandwidth: 1_200_000 } });
    const { client, serverEvents } = await connect(world);
    const arrivals: string[] = [];
    serverEvents.onData = (record) => arrivals.push(record.text.slice(0, 1));
    const packets = ["a", "b", "c"].map((name) => bytesOf(name.repeat(1200)));
    const streams = packets.map(() => client.openUni(1, unheard));
    for (let i = 0; i < 3; i++)
      for (const [index, stream] of streams.entries()) stream?.write(packets[index] ?? bytesOf(""));
    streams[1]?.setPriority(2);
    world.clock.advance(2);
    streams[1]?.setPriority(0);
    world.clock.advance(10);
    assert.equal(arrivals.join(""), "bb" + "b" + "acacac");
  });

  it("keeps the bytes of a stream in order under jitter, while streams may overtake each other", async () => {
    const arrivals = (await jittered(7)).split(" ");
    assert.equal(arrivals.length, 60);
    const inTurn = Array.from({ length: 10 }, () => "abcdef").join("");
    assert.notEqual(arrivals.map((each) => each.slice(0, 1)).join(""), inTurn);
  });

  it("repeats exactly with the same seed, and differs with another", async () => {
    const once = await jittered(7);
    assert.equal(await jittered(7), once);
    assert.notEqual(await jittered(8), once);
  });
});

describe("windows on a simulated network", () => {
  it("deliver no more than the windows of stream and link while the peer does not read", async () => {
    const world = memoryWorld({ settings: { streamWindow: 10_000, linkWindow: 25_000 } });
    const { client, serverEvents, wire } = await connect(world);
    wire.configure({ reading: false }, "up");
    const streams = [1, 2, 3].map((priority) => client.openUni(priority, unheard));
    for (const stream of streams) stream?.write(pattern(30_000));
    streams[2]?.finish();
    await world.clock.run(LIMITS.idleTimeoutMs * 3);
    assert.equal(client.ended, false, "the peer lives");
    assert.equal(serverEvents.unis.length, 0);
    assert.deepEqual(
      streams.map((stream) => stream?.queued),
      [25_000, 20_000, 20_000],
    );
    wire.configure({ reading: true }, "up");
    await world.clock.settle();
    assert.ok(serverEvents.unis.every(({ received }) => received === 30_000));
    assert.equal(serverEvents.unis.filter(({ end }) => end === "fin").length, 1);
    assert.equal(client.queued, 0);
  });

  it("let one window pass in each round trip", async () => {
    const world = memoryWorld({ settings: { latencyMs: 50, streamWindow: 10_000, linkWindow: 0 } });
    const { client, serverEvents } = await connect(world);
    client.openUni(1, unheard)?.write(pattern(100_000));
    await world.clock.run(50);
    assert.equal(serverEvents.unis[0]?.received, 10_000);
    await world.clock.run(400);
    assert.equal(serverEvents.unis[0]?.received, 50_000);
    world.network.configure({ streamWindow: 0 });
    await world.clock.run(150);
    assert.equal(serverEvents.unis[0]?.received, 100_000);
  });

  it("report the backlog once at each multiple of the mark, and when less than half a mark is left", async () => {
    const world = memoryWorld();
    const { client, clientEvents, wire } = await connect(world, { client: { queueMark: 1000 } });
    wire.configure({ reading: false, streamWindow: 1, linkWindow: 1 }, "up");
    const stream = client.openUni(1, unheard);
    const reported = async (bytes: number) => {
      stream?.write(pattern(bytes));
      await world.clock.settle();
      return clientEvents.backlogs;
    };
    assert.deepEqual(await reported(1001), [], "one byte has been handed over, and a whole mark is not past it");
    assert.deepEqual(await reported(1), [1001]);
    assert.deepEqual(await reported(999), [1001]);
    assert.deepEqual(await reported(1500), [1001, 3500]);
    assert.deepEqual(await reported(400), [1001, 3500]);
    stream?.reset(1);
    await world.clock.settle();
    assert.equal(clientEvents.drains, 1);
    client.openUni(1, unheard)?.write(pattern(1200));
    await world.clock.settle();
    assert.deepEqual(clientEvents.backlogs, [1001, 3500, 1200]);
  });
});

describe("a simulated network that fails", () => {
  it("ends both ends of a cut link after the idle time-out and not before", async () => {
    const world = memoryWorld({ settings: { latencyMs: 10 } });
    const { client, clientEvents, serverEvents, wire } = await connect(world, { server: { idleTimeoutMs: 3_000 } });
    await world.clock.run(100);
    wire.cut();
    const stream = client.openUni(1, unheard);
    stream?.write(pattern(5_000_000));
    await world.clock.run(2_800);
    assert.equal(serverEvents.closing?.by, undefined);
    await world.clock.run(LIMITS.keepAliveMs + 200);
    assert.deepEqual(serverEvents.closing, { by: "timeout", code: 0, reason: "" });
    assert.equal(clientEvents.closing?.by, undefined);
    assert.ok(client.queued > 0);
    await world.clock.run(LIMITS.idleTimeoutMs);
    assert.equal(clientEvents.closing?.by, "timeout");
    assert.equal(client.queued, 0);
    assert.equal(serverEvents.unis.length, 0);
    assert.equal(world.network.size, 0);
  });

  it("continues where it stopped when a link heals in time", async () => {
    const world = memoryWorld({ settings: { latencyMs: 10 } });
    const { client, serverEvents, wire } = await connect(world);
    const stream = client.openUni(1, unheard);
    stream?.write(bytesOf("before,"));
    await world.clock.run(5);
    wire.cut();
    stream?.write(bytesOf("meanwhile,"));
    stream?.finish();
    await world.clock.run(5_000);
    assert.equal(serverEvents.unis.length, 0, "what was under way has not arrived either");
    wire.heal();
    await world.clock.run(10);
    assert.equal(serverEvents.unis[0]?.text, "before,meanwhile,");
    assert.equal(serverEvents.unis[0]?.end, "fin");
    await world.clock.run(60_000);
    assert.equal(client.ended, false);
  });

  it("notices a cut in one direction first at the end that receives nothing", async () => {
    const world = memoryWorld();
    const { clientEvents, serverEvents, wire } = await connect(world);
    wire.cut("down");
    await world.clock.runUntil(() => clientEvents.closing !== undefined);
    assert.equal(world.clock.now(), LIMITS.idleTimeoutMs);
    assert.equal(serverEvents.closing?.by, undefined);
    await world.clock.runUntil(() => serverEvents.closing !== undefined);
    assert.equal(serverEvents.closing?.by, "timeout");
  });

  it("cuts hosts from each other, also for new links, and leaves other hosts alone", async () => {
    const world = memoryWorld();
    const { clientEvents, serverEvents } = await connect(world);
    const third = world.network.engine();
    world.network.cut(world.client, world.server);
    const dialled = failure(world, { timeoutMs: 700, onRequest: (request) => request.accept(new Recorder().attach) });
    assert.equal((await dialled).code, "dial_timeout");
    await connect({ ...world, client: third });
    await world.clock.run(30_000);
    assert.equal(clientEvents.closing?.by, "timeout");
    assert.equal(serverEvents.closing?.by, "timeout");
    world.network.heal(world.client, world.server);
    await connect(world);
    assert.equal(world.network.size, 2);
  });

  it("sends nothing from a process that dies, and gives its port to the next", async () => {
    const world = memoryWorld();
    const { client, clientEvents, serverEvents, listener } = await connect(world);
    const { port } = listener.address;
    client.openUni(1, unheard)?.write(bytesOf("x"));
    await world.clock.settle();
    const heard = serverEvents.log.length;
    world.server.vanish();
    assert.equal((await failure(world, { port })).code, "dial_failed");
    await world.clock.run(30_000);
    assert.equal(clientEvents.closing?.by, "timeout");
    assert.equal(serverEvents.log.length, heard);
    await connect({ ...world, server: world.network.engine() }, { port });
  });

  it("loses the configured share of datagrams, and counts them", async () => {
    const world = memoryWorld({ settings: { datagramLoss: 0.25 } });
    const { client, serverEvents } = await connect(world);
    for (let i = 0; i < 400; i++) {
      assert.equal(client.sendDatagram(bytesOf(`${i}`)), true);
      world.clock.advance(1);
    }
    const lost = 400 - serverEvents.datagrams.length;
    assert.ok(lost > 60 && lost < 140, `${lost} of 400 are lost`);
    assert.equal(client.stats().packetsLost, lost);
    world.network.configure({ maxDatagramSize: 0 });
    assert.equal(client.maxDatagramSize, 0);
    assert.equal(client.sendDatagram(bytesOf("x")), false);
  });

  it("refuses datagrams while many wait for a slow link", async () => {
    const world = memoryWorld({ settings: { bandwidth: 1000 } });
    const { client } = await connect(world);
    let taken = 0;
    while (client.sendDatagram(pattern(100))) taken += 1;
    assert.ok(taken >= 10 && taken < 1000, `${taken} wait`);
    world.clock.advance(5_000);
    assert.equal(client.sendDatagram(pattern(100)), true);
  });

  it("ends the listener's end of a link whose client gave up before the answer", async () => {
    const world = memoryWorld({ settings: { latencyMs: 300 } });
    const serverEvents = new Recorder();
    const error = await failure(world, { timeoutMs: 500, onRequest: (request) => request.accept(serverEvents.attach) });
    assert.equal(error.code, "dial_timeout");
    assert.equal(serverEvents.link?.ended, false);
    await world.clock.run(300);
    assert.equal(serverEvents.closing?.by, "remote");
    assert.equal(world.network.size, 0);
  });
});

describe("names and hosts of a simulated network", () => {
  it("are found by name, by address, and by any name when they listen on all", async () => {
    const world = memoryWorld();
    await connect(world, { host: "relay-a", port: 4443, url: "memory://Relay-A:4443/live?x=1" });
    await connect(world, { host: "relay-b", port: 4443, url: "https://relay-b:4443/" });
    await connect(world, { host: "::", port: 443, url: "https://anything.test/" });
    const { info } = await connect(world, {
      host: "relay-c",
      port: 9000,
      url: `https://${world.server.address}:9000/`,
    });
    assert.equal(info.peer.address, world.client.address);
    assert.equal(info.authority, `${world.server.address}:9000`);
    assert.equal((await failure(world, { url: "https://relay-d:4443/" })).code, "dial_failed");
  });
});

describe("a memory engine", () => {
  it("leaves no timers and no links", async () => {
    const world = memoryWorld({ settings: { latencyMs: 5, jitterMs: 5, bandwidth: 1_000_000 } });
    const { client, server, listener } = await connect(world);
    client.openUni(1, unheard)?.write(pattern(100_000));
    server.openBidi(1, new Recorder().stream())?.write(pattern(100_000));
    await world.clock.run(20);
    client.close(0, "");
    await listener.close();
    await world.clock.run(1_000);
    assert.equal(world.clock.pending, 0);
    assert.equal(world.network.size, 0);
  });

  it("overwrites data after its event when `overwrite` is set", async () => {
    const world = memoryWorld({ overwrite: true });
    const { client, serverEvents } = await connect(world);
    const kept: Uint8Array[] = [];
    serverEvents.onUni = () => ({ data: (bytes) => void kept.push(bytes), fin: () => {}, reset: () => {} });
    const sent = bytesOf("secret");
    client.openUni(1, unheard)?.write(sent);
    await world.clock.settle();
    assert.deepEqual(kept, [new Uint8Array(6).fill(0xdd)]);
    assert.deepEqual(sent, bytesOf("secret"), "what was written is the writer's");
  });

  it("throws a handler's error at the caller that advances the clock, without a `warn`", async () => {
    const world = memoryWorld();
    const { client, serverEvents } = await connect(world);
    const defect = new TypeError("a defect");
    serverEvents.onData = () => {
      throw defect;
    };
    client.openUni(1, unheard)?.write(bytesOf("x"));
    assert.throws(
      () => world.clock.advance(0),
      (error) => error instanceof Error && error.cause === defect,
    );
    world.clock.advance(0);
    assert.equal(serverEvents.closing?.by, "local");
  });

  it("refuses links of another network", async () => {
    const world = memoryWorld();
    const { client } = await connect(world);
    const other = new MemoryNetwork({ clock: world.clock });
    assert.throws(() => other.wireOf(client), /another network/);
    assert.throws(() => other.vanish(client), /another network/);
    assert.ok((await failure(world, { url: "ws://relay.test/" })) instanceof TransportError);
  });
});

/** Which stream's data arrived when, of six streams that write ten times each. */
async function jittered(seed: number): Promise<string> {
  const world = memoryWorld({ seed, settings: { latencyMs: 10, jitterMs: 30 } });
  const { client, serverEvents } = await connect(world);
  const arrivals: string[] = [];
  const seen = new Map<string, string>();
  serverEvents.onData = (record) => {
    const name = record.text.slice(0, 1);
    assert.ok(record.text.startsWith(seen.get(name) ?? ""));
    seen.set(name, record.text);
    arrivals.push(`${name}@${world.clock.now().toFixed(3)}`);
  };
  const streams = ["a", "b", "c", "d", "e", "f"].map((name) => ({ name, stream: client.openUni(1, unheard) }));
  for (let i = 0; i < 10; i++) {
    for (const { name, stream } of streams) stream?.write(bytesOf(`${name}${i}`));
    await world.clock.run(1);
  }
  await world.clock.run(100);
  for (const { name } of streams) {
    assert.equal(seen.get(name), Array.from({ length: 10 }, (_, i) => `${name}${i}`).join(""));
  }
  return arrivals.join(" ");
}
