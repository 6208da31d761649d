import assert from "node:assert/strict";
import { bytesOf, digestOf, pattern, Recorder, type StreamRecord, unheard } from "../fixtures.ts";
import type { Bench } from "./harness.ts";

/** Large enough to need many packets and several windows, odd so that no piece fits evenly. */
const LARGE = 6 * 1024 * 1024 + 17;
const PIECE = 16 * 1024 - 3;

/** Streams in both directions and how they end. */
export function streams(bench: Bench): void {
  data(bench);
  resets(bench);
  stops(bench);
  datagrams(bench);
}

function data(bench: Bench): void {
  bench.case("carries unidirectional streams both ways", async (t) => {
    const { client, server, clientEvents, serverEvents } = await bench.pair(t);
    const up = client.openUni(1, unheard);
    up?.write(bytesOf("from the client"));
    up?.finish();
    const down = server.openUni(1, unheard);
    down?.write(bytesOf("from the server"));
    down?.finish();
    await bench.until("both ends", () => serverEvents.unis[0]?.end && clientEvents.unis[0]?.done);
    assert.equal(serverEvents.unis[0]?.text, "from the client");
    assert.equal(serverEvents.unis[0]?.end, "fin");
    assert.equal(clientEvents.unis[0]?.text, "from the server");
    assert.equal(clientEvents.unis[0]?.end, "fin");
  });

  bench.case("carries bidirectional streams both ways, each half ending by itself", async (t) => {
    const { client, server, clientEvents, serverEvents } = await bench.pair(t);
    for (const [link, opener, other] of [
      [client, clientEvents, serverEvents],
      [server, serverEvents, clientEvents],
    ] as const) {
      const answer = opener.stream();
      const stream = link.openBidi(1, answer);
      stream?.write(bytesOf("question"));
      stream?.finish();
      const asked = await bench.until("the question", () => other.bidis[0]?.end === "fin" && other.bidis[0]);
      assert.equal(asked.text, "question");
      asked.bidi?.write(bytesOf("first "));
      await bench.until("a part of the answer", () => answer.received > 0);
      assert.equal(answer.end, undefined);
      asked.bidi?.write(bytesOf("second"));
      asked.bidi?.finish();
      await bench.until("the end of the answer", () => answer.done);
      assert.equal(answer.text, "first second");
      assert.equal(answer.end, "fin");
    }
  });

  bench.case("carries megabytes whole and in order", async (t) => {
    const { client, serverEvents, clientEvents } = await bench.pair(t);
    const content = pattern(LARGE);
    const back = clientEvents.stream();
    const stream = client.openBidi(1, back);
    for (let at = 0; at < LARGE; at += PIECE) stream?.write(content.subarray(at, at + PIECE));
    stream?.finish();
    const arrived = await bench.until("all of it", () => serverEvents.bidis[0]?.done);
    assert.equal(arrived.received, LARGE);
    assert.equal(arrived.digest(), digestOf(content));
    arrived.bidi?.write(content);
    arrived.bidi?.finish();
    await bench.until("all of it again", () => back.done);
    assert.equal(back.received, LARGE);
    assert.equal(back.digest(), digestOf(content));
  });

  bench.case("delivers a stream without bytes", async (t) => {
    const { client, serverEvents } = await bench.pair(t);
    client.openUni(1, unheard)?.finish();
    const record = await bench.until("its end", () => serverEvents.unis[0]?.done);
    assert.equal(record.end, "fin");
    assert.equal(record.received, 0);
  });

  bench.case("keeps many writes of one turn in order, and skips empty ones", async (t) => {
    const { client, serverEvents } = await bench.pair(t);
    const stream = client.openUni(1, unheard);
    let expected = "";
    for (let i = 0; i < 2000; i++) {
      stream?.write(bytesOf(`${i},`));
      stream?.write(new Uint8Array(0));
      expected += `${i},`;
    }
    stream?.finish();
    const record = await bench.until("the end", () => serverEvents.unis[0]?.done);
    assert.equal(record.text, expected);
  });

  bench.case("ignores what is written after finish", async (t) => {
    const { client, serverEvents } = await bench.pair(t);
    const stream = client.openUni(1, unheard);
    assert.ok(stream);
    assert.equal(stream.ended, false);
    stream.write(bytesOf("said"));
    stream.finish();
    assert.equal(stream.ended, true);
    stream.write(bytesOf(" too late"));
    stream.finish();
    const record = await bench.until("the end", () => serverEvents.unis[0]?.done);
    assert.equal(record.text, "said");
  });

  bench.case("delivers each write of several turns as it arrives", async (t) => {
    const { client, serverEvents } = await bench.pair(t);
    const stream = client.openUni(1, unheard);
    let expected = "";
    for (let i = 0; i < 5; i++) {
      stream?.write(bytesOf(`part ${i};`));
      expected += `part ${i};`;
      await bench.until(`part ${i}`, () => serverEvents.unis[0]?.text === expected);
    }
    assert.equal(serverEvents.unis[0]?.end, undefined);
  });

  bench.case("opens streams inside attach and inside events", async (t) => {
    const serverEvents = new Recorder();
    const clientEvents = new Recorder();
    const listener = await bench.listen(t, (request) => {
      request.accept((link) => {
        const hello = link.openUni(1, unheard);
        hello?.write(bytesOf("hello"));
        hello?.finish();
        return serverEvents.attach(link);
      });
    });
    clientEvents.onData = () => {
      const answer = clientEvents.link?.openUni(1, unheard);
      answer?.write(bytesOf("hello yourself"));
      answer?.finish();
    };
    await bench.dial(t, listener.address, clientEvents);
    await bench.until("the answer", () => serverEvents.unis[0]?.done);
    assert.equal(clientEvents.unis[0]?.text, "hello");
    assert.equal(serverEvents.unis[0]?.text, "hello yourself");
  });

  bench.case("gives live streams different ids", async (t) => {
    const { client, server, clientEvents, serverEvents } = await bench.pair(t);
    const ids: (number | undefined)[] = [];
    for (let i = 0; i < 5; i++) {
      for (const stream of [client.openUni(1, unheard), client.openBidi(1, clientEvents.stream())]) {
        stream?.write(bytesOf("x"));
        ids.push(stream?.id);
      }
      server.openUni(1, unheard)?.write(bytesOf("x"));
      server.openBidi(1, serverEvents.stream())?.write(bytesOf("x"));
    }
    await bench.until("the server's", () => clientEvents.unis.length === 5 && clientEvents.bidis.length === 5);
    for (const { recv } of [...clientEvents.unis, ...clientEvents.bidis]) ids.push(recv?.id);
    assert.equal(new Set(ids).size, 20);
    assert.ok(ids.every((id) => id !== undefined));
  });

  bench.case("calls no handler inside a call", async (t) => {
    const { client, server, clientEvents, serverEvents } = await bench.pair(t);
    const first = client.openUni(1, clientEvents.stream());
    first?.write(bytesOf("x"));
    const seen = await bench.until("the stream", () => serverEvents.unis[0]);
    clientEvents.calling(() => {
      serverEvents.calling(() => {
        seen.recv?.stop(1);
        first?.write(bytesOf("y"));
        const stream = client.openBidi(1, clientEvents.stream());
        stream?.write(pattern(1024 * 1024));
        stream?.setPriority(7);
        stream?.stop(2);
        stream?.reset(3);
        while (client.openUni(1, clientEvents.stream()) !== undefined);
        client.sendDatagram(bytesOf("d"));
        server.close(4, "bye");
        client.close(5, "bye");
      });
    });
    await bench.until("the end at both ends", () => clientEvents.closing && serverEvents.closing);
  });
}

function resets(bench: Bench): void {
  bench.case("resets with codes up to the largest", async (t) => {
    const { client, serverEvents } = await bench.pair(t);
    for (const [index, code] of [0, 1, 42, bench.harness.maxCode].entries()) {
      const stream = client.openUni(1, unheard);
      stream?.write(bytesOf("begun"));
      const record = await bench.until("its data", () => serverEvents.unis[index]?.begun);
      stream?.reset(code);
      assert.equal(stream?.ended, true);
      assert.equal(stream?.queued, 0);
      stream?.write(bytesOf("too late"));
      await bench.until("the reset", () => record.done);
      assert.deepEqual(record.end, { reset: code });
      assert.equal(record.text, "begun");
    }
  });

  bench.case("resets one half of a bidirectional stream and keeps the other", async (t) => {
    const { client, clientEvents, serverEvents } = await bench.pair(t);
    const answer = clientEvents.stream();
    const stream = client.openBidi(1, answer);
    stream?.write(bytesOf("begun"));
    const record = await bench.until("its data", () => serverEvents.bidis[0]?.begun);
    stream?.reset(9);
    await bench.until("the reset", () => record.done);
    assert.deepEqual(record.end, { reset: 9 });
    record.bidi?.write(bytesOf("still here"));
    record.bidi?.finish();
    await bench.until("the answer", () => answer.done);
    assert.equal(answer.text, "still here");
    assert.equal(answer.end, "fin");
  });
}

function stops(bench: Bench): void {
  bench.case("stops with codes up to the largest, which ends the sender's half", async (t) => {
    const { client, clientEvents, serverEvents } = await bench.pair(t);
    for (const [index, code] of [0, 7, bench.harness.maxCode].entries()) {
      const sender = clientEvents.stream();
      const stream = client.openUni(1, sender);
      stream?.write(bytesOf("x"));
      const record = await bench.until("its data", () => serverEvents.unis[index]?.begun);
      record.recv?.stop(code);
      record.recv?.stop(code + 1);
      await bench.until("the stop", () => sender.stopped !== undefined);
      assert.equal(sender.stopped, code);
      assert.equal(stream?.ended, true);
      stream?.write(pattern(100_000));
      stream?.finish();
      stream?.reset(1);
      assert.equal(stream?.queued, 0);
      assert.equal(client.queued, 0);
      await bench.quiet();
      assert.equal(record.received, 1, "nothing comes after a stop");
      assert.equal(record.end, undefined, "and no end either");
    }
  });

  bench.case("stops one half of a bidirectional stream and keeps the other", async (t) => {
    const { client, clientEvents, serverEvents } = await bench.pair(t);
    const answer = clientEvents.stream();
    const stream = client.openBidi(1, answer);
    stream?.write(bytesOf("question"));
    const record = await bench.until("the question", () => serverEvents.bidis[0]?.begun);
    record.recv?.stop(5);
    await bench.until("the stop", () => answer.stopped !== undefined);
    assert.equal(answer.stopped, 5);
    record.bidi?.write(bytesOf("not that one"));
    record.bidi?.finish();
    await bench.until("the answer", () => answer.done);
    assert.equal(answer.text, "not that one");
  });

  bench.case("stops the answer of a stream that it has just opened", async (t) => {
    const { client, clientEvents, serverEvents } = await bench.pair(t);
    const answer = clientEvents.stream();
    const stream = client.openBidi(1, answer);
    stream?.stop(4);
    stream?.write(bytesOf("no need to answer"));
    stream?.finish();
    const record = await bench.until("the question", () => serverEvents.bidis[0]?.done);
    assert.equal(record.text, "no need to answer");
    record.bidi?.write(bytesOf("oh"));
    await bench.until("the stop", () => record.stopped !== undefined);
    assert.equal(record.stopped, 4);
    await bench.quiet();
    assert.equal(answer.received, 0);
  });

  bench.case("stops inside the event of the first data", async (t) => {
    const { client, clientEvents, serverEvents } = await bench.pair(t);
    serverEvents.onData = (record: StreamRecord) => record.recv?.stop(11);
    const sender = clientEvents.stream();
    const stream = client.openUni(1, sender);
    for (let i = 0; i < 64; i++) stream?.write(pattern(PIECE));
    await bench.until("the stop", () => sender.stopped !== undefined);
    await bench.quiet();
    assert.equal(serverEvents.log.filter((event) => event === "data").length, 1);
  });
}

function datagrams(bench: Bench): void {
  const { datagrams } = bench.harness.supports;
  bench.case(
    "carries datagrams both ways and refuses those that are too long",
    async (t) => {
      const { client, server, clientEvents, serverEvents } = await bench.pair(t);
      for (const [from, to] of [
        [client, serverEvents],
        [server, clientEvents],
      ] as const) {
        const largest = from.maxDatagramSize;
        assert.ok(largest >= 1000, `${largest} bytes`);
        assert.equal(from.sendDatagram(pattern(largest + 1)), false);
        assert.equal(from.sendDatagram(bytesOf("small")), true);
        assert.equal(from.sendDatagram(pattern(largest)), true);
        await bench.until("both", () => to.datagrams.length >= 2);
        const sizes = to.datagrams.map(({ length }) => length).toSorted((a, b) => a - b);
        assert.deepEqual(sizes, [5, largest]);
        const large = to.datagrams.find(({ length }) => length === largest);
        assert.equal(digestOf(large ?? bytesOf("")), digestOf(pattern(largest)));
      }
    },
    "datagrams",
  );

  if (datagrams === true) return;
  bench.case("says that it has no datagrams", async (t) => {
    const { client, server } = await bench.pair(t);
    for (const link of [client, server]) {
      assert.equal(link.maxDatagramSize, 0);
      assert.equal(link.sendDatagram(bytesOf("x")), false);
    }
  });
}
