import assert from "node:assert/strict";
import { test } from "node:test";
import type { SendStream } from "../../moq/link.ts";
import {
  maxDataFrame,
  maxStreamDataFrame,
  maxStreamsFrame,
  paramsFrame,
  putStreamHead,
  resetFrame,
} from "../../transport/qmux/frames.ts";
import { BY_REFERENCE_FROM, MAX_STREAM_PAYLOAD, SOCKET_BUDGET, STREAM_WINDOW } from "../../transport/qmux/limits.ts";
import { type Params, writeParams } from "../../transport/qmux/params.ts";
import { form, linkOf, SimEnd, settle, silent, simPair } from "./qmux-sim.ts";

const hex = (message: Uint8Array) => Buffer.from(message).toString("hex");

const GENEROUS: Params = {
  maxIdleTimeout: 0,
  maxData: 2 ** 40,
  maxStreamDataBidiLocal: 2 ** 40,
  maxStreamDataBidiRemote: 2 ** 40,
  maxStreamDataUni: 2 ** 40,
  maxStreamsBidi: 1000,
  maxStreamsUni: 1000,
  maxRecordSize: 16_382,
  resetStreamAt: false,
};

function openedWith(params: Partial<Params>, options: ConstructorParameters<typeof SimEnd>[0] = {}): SimEnd {
  const end = new SimEnd(options);
  end.take();
  end.receive(paramsFrame(writeParams({ ...GENEROUS, ...params })));
  return end;
}

function uni(end: SimEnd, priority = 0): SendStream {
  const stream = linkOf(end).openUni(priority, silent);
  assert.ok(stream);
  return stream;
}

/** Wire ids of the STREAM frames in messages, one for each message, which start with offset and length. */
function idsOf(messages: readonly Uint8Array[]): number[] {
  return messages.map((message) => {
    assert.equal(message[0]! & 0xfe, 0x0e);
    return message[1]!;
  });
}

test("a stream without credit blocks only itself", () => {
  const end = openedWith({ maxStreamDataUni: 10 });
  const [slow, other] = [uni(end), uni(end)];
  slow.write(new Uint8Array(30));
  other.write(new Uint8Array(5));
  const sent = end.take().map(hex);
  assert.equal(slow.queued, 20);
  assert.equal(other.queued, 0);
  assert.equal(linkOf(end).queued, 20);
  assert.ok(sent.join("").endsWith("15030a"), "STREAM_DATA_BLOCKED names the limit");
  end.receive(maxStreamDataFrame(3, 25));
  assert.equal(slow.queued, 5);
  end.receive(maxStreamDataFrame(3, 12));
  assert.equal(slow.queued, 5, "a smaller limit than before does nothing");
});

test("a connection without credit holds data and FIN back, and sends both with new credit", () => {
  const end = openedWith({ maxData: 10 });
  const stream = uni(end);
  stream.write(new Uint8Array(15));
  stream.finish();
  assert.deepEqual(end.take().map(hex), [`0e03000a${"00".repeat(10)}`, "140a"]);
  end.receive(maxDataFrame(100));
  assert.deepEqual(end.take().map(hex), [`0f030a05${"00".repeat(5)}`]);
});

test("a peer that gives no credit makes the queue grow, and each step of the backlog is reported", () => {
  const end = openedWith({ maxData: 0 }, { limits: { queueMark: 1000 } });
  const stream = uni(end);
  stream.write(new Uint8Array(1000));
  end.turn();
  assert.deepEqual(end.watcher.backlogs, []);
  stream.write(new Uint8Array(1));
  assert.deepEqual(end.watcher.backlogs, [], "not from inside the call");
  end.turn();
  stream.write(new Uint8Array(500));
  end.turn();
  stream.write(new Uint8Array(3000));
  end.turn();
  assert.deepEqual(end.watcher.backlogs, [1001, 4501]);
  assert.equal(end.watcher.drains, 0);
  stream.reset(1);
  end.turn();
  assert.equal(end.watcher.drains, 1);
  assert.equal(linkOf(end).queued, 0);
});

test("`drained` is called below half of the mark, and the mark applies again", () => {
  const end = openedWith({ maxData: 0 }, { limits: { queueMark: 1000 } });
  const stream = uni(end);
  stream.write(new Uint8Array(1400));
  end.turn();
  end.receive(maxDataFrame(800));
  assert.equal(end.watcher.drains, 0);
  end.receive(maxDataFrame(901));
  assert.equal(end.watcher.drains, 1);
  stream.write(new Uint8Array(600));
  end.turn();
  assert.deepEqual(end.watcher.backlogs, [1400, 1099]);
});

test("a socket that accepts nothing gets a bounded number of bytes; the rest waits in a queue that can be dropped", () => {
  const end = openedWith({});
  end.stuck = true;
  const stream = uni(end);
  stream.write(new Uint8Array(1_000_000));
  end.turn();
  const handed = end.unwritten.reduce((sum, size) => sum + size, 0);
  assert.ok(handed >= SOCKET_BUDGET && handed < SOCKET_BUDGET + 16_382);
  assert.ok(stream.queued > 900_000);
  stream.reset(1);
  assert.equal(stream.queued, 0);
  end.messages = [];
  end.stuck = false;
  assert.match(end.take().map(hex).join(""), /^040301/);
});

test("the highest priority is sent first, equal ones in turn, and changes apply at once", () => {
  const end = openedWith({});
  end.stuck = true;
  const [low, a, b, urgent] = [uni(end, 1), uni(end, 5), uni(end, 5), uni(end, 0)];
  for (const stream of [low, a, b, urgent]) stream.write(new Uint8Array(3 * MAX_STREAM_PAYLOAD));
  urgent.setPriority(9);
  end.turn();
  end.stuck = false;
  const order = idsOf(end.take());
  // Ids go by first use: urgent is the first stream on the wire.
  assert.deepEqual(order.slice(0, 9), [3, 3, 3, 7, 11, 7, 11, 7, 11]);
  assert.ok(order.slice(9).every((id) => id === 15));
});

test("control frames overtake data", () => {
  const end = openedWith({});
  end.stuck = true;
  uni(end).write(new Uint8Array(1_000_000));
  end.turn();
  end.messages = [];
  end.receive(Buffer.from("f48c67529ef8c7bd09", "hex"));
  end.stuck = false;
  assert.match(hex(end.take()[0]!), /^f48c67529ef8c7bec000000000000009/);
});

test("records stay within the peer's limit, and frames within what published peers accept", () => {
  for (const maxRecordSize of [16_382, 40_000, 2 ** 40]) {
    const end = openedWith({ maxRecordSize });
    uni(end).write(new Uint8Array(500_000));
    const sizes = end.take().map((message) => message.length);
    assert.ok(sizes.every((size) => size <= Math.min(maxRecordSize, 65_536)));
    assert.ok(Math.max(...sizes) > Math.min(maxRecordSize, 65_536) - 200);
  }
  const plain = openedWith({}, { form: form("qmux-00") });
  uni(plain).write(new Uint8Array(50_000));
  assert.ok(plain.take().every((message) => message.length <= 16_384));
});

test("large pieces are passed by reference and small ones share a buffer", () => {
  const end = openedWith({});
  const parts: Uint8Array[] = [];
  end.send = (records) => {
    for (const record of records) {
      parts.push(...record.parts);
      end.unwritten.push(record.size);
    }
  };
  const stream = uni(end);
  const large = new Uint8Array(BY_REFERENCE_FROM);
  stream.write(Uint8Array.of(1, 2));
  stream.write(large);
  stream.write(Uint8Array.of(3));
  end.turn();
  assert.equal(parts.length, 3);
  assert.equal(parts[1]!.buffer, large.buffer);
});

test("credit is returned as data is delivered, for the stream and for the connection", () => {
  const { client, server } = simPair();
  const stream = uni(client);
  const size = 20 * STREAM_WINDOW;
  stream.write(new Uint8Array(size));
  stream.finish();
  settle(client, server);
  assert.equal(server.watcher.unis[0]?.got.size, size);
  assert.deepEqual(server.watcher.unis[0]?.got.events, ["fin"]);
  assert.equal(linkOf(server).stats().bytesReceived, linkOf(client).stats().bytesSent);
});

test("data beyond the window is a protocol violation", () => {
  const end = openedWith({});
  const head = new Uint8Array(16);
  const frameOf = (offset: number) => {
    const size = putStreamHead(head, 0, 2, offset, 16_000, false);
    return Buffer.concat([head.subarray(0, size), new Uint8Array(16_000)]);
  };
  // Credit is returned as data is delivered; an offset beyond the credit is the violation.
  for (let offset = 0; offset < 2 * STREAM_WINDOW; offset += 16_000) end.receive(frameOf(offset));
  assert.equal(end.watcher.closings.length, 0);
  end.receive(resetFrame(6, 0, STREAM_WINDOW + 1));
  assert.match(end.watcher.closings[0]?.reason ?? "", /^FLOW_CONTROL_ERROR/);
});

test("ten thousand short streams pass a limit of one hundred, and leave nothing behind", () => {
  const { client, server } = simPair();
  const total = 10_000;
  let opened = 0;
  while (opened < total) {
    const stream = linkOf(client).openUni(0, silent);
    if (stream === undefined) {
      const before = client.watcher.capacities;
      settle(client, server);
      assert.equal(client.watcher.capacities, before + 1);
      continue;
    }
    opened += 1;
    stream.write(Uint8Array.of(opened & 0xff));
    if (opened % 3 === 0) stream.reset(1);
    else stream.finish();
  }
  settle(client, server);
  assert.equal(server.watcher.unis.length, total - Math.floor(total / 3));
  assert.deepEqual(server.watcher.closings, []);
});

test("the peer may have as many streams open as its limit says, of each kind, and no more", () => {
  const { client, server } = simPair({ limits: { uniStreams: 2, bidiStreams: 1 } });
  const link = linkOf(client);
  const got = [link.openUni(0, silent), link.openUni(0, silent), link.openUni(0, silent)];
  assert.deepEqual(
    got.map((stream) => stream !== undefined),
    [true, true, false],
  );
  assert.ok(link.openBidi(0, { ...silent, data() {}, fin() {}, reset() {} }));
  assert.equal(link.openBidi(0, { ...silent, data() {}, fin() {}, reset() {} }), undefined);
  for (const stream of got) stream?.write(Uint8Array.of(1));
  settle(client, server);
  assert.equal(link.openUni(0, silent), undefined);
  assert.equal(client.watcher.capacities, 0);
  got[0]?.finish();
  settle(client, server);
  assert.equal(client.watcher.capacities, 1);
  assert.ok(link.openUni(0, silent));
});

test("the peer is informed once of each limit that blocks a stream", () => {
  const end = openedWith({ maxStreamsUni: 0 });
  for (let attempt = 0; attempt < 3; attempt++) assert.equal(linkOf(end).openUni(0, silent), undefined);
  assert.deepEqual(end.take().map(hex), ["1700"]);
  end.receive(maxStreamsFrame(false, 0));
  assert.equal(end.watcher.capacities, 0);
  end.receive(maxStreamsFrame(false, 1));
  assert.equal(end.watcher.capacities, 1);
});

test("a peer that does not read the answers is disconnected", () => {
  const end = openedWith({}, { form: form("qmux-01") });
  end.stuck = true;
  const pings = Buffer.concat(Array.from({ length: 7000 }, () => Buffer.from("f48c67529ef8c7bd00", "hex")));
  for (let round = 0; round < 20 && end.watcher.closings.length === 0; round++) end.receive(pings.subarray(0, 63_000));
  assert.match(end.watcher.closings[0]?.reason ?? "", /^INTERNAL_ERROR: answers pile up/);
});

test("streams in a fan-out leave it when they end", () => {
  const end = openedWith({});
  const fanOut = linkOf(end).engine.fanOut();
  const [a, b, c] = [uni(end), uni(end), uni(end)];
  for (const stream of [a, b, c]) fanOut.add(stream);
  a.finish();
  b.reset(1);
  assert.equal(fanOut.size, 1);
  fanOut.write(new Uint8Array(7));
  assert.equal(linkOf(end).queued, 7);
  fanOut.finish();
  assert.ok(c.ended);
  assert.equal(fanOut.size, 0);
  fanOut.add(c);
  assert.equal(fanOut.size, 0);
});

test("after many frames in one turn the socket is read again in the next one", () => {
  const end = openedWith({});
  const messages = (count: number) => {
    const message = Buffer.concat(Array.from({ length: 100 }, (_, at) => maxDataFrame(at)));
    for (let i = 0; i < count; i++) end.connection.receive(message);
  };
  messages(10);
  assert.equal(end.paused, false);
  messages(15);
  assert.equal(end.paused, true);
  end.turn();
  assert.equal(end.paused, false);
});

test("a program that stops reading pauses its socket across turns, and the end of the link resumes it", () => {
  const end = openedWith({});
  linkOf(end).pauseReading(true);
  end.turn();
  assert.equal(end.paused, true);
  linkOf(end).close(0, "over");
  assert.equal(end.paused, false);
});
