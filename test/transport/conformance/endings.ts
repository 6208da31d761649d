import assert from "node:assert/strict";
import { type Link, MAX_CLOSE_REASON } from "../../../moq/link.ts";
import { bytesOf, pattern, Recorder, unheard } from "../fixtures.ts";
import type { Bench } from "./harness.ts";

/** How links end, and that nothing comes after. */
export function endings(bench: Bench): void {
  closing(bench);
  silence(bench);
}

function closing(bench: Bench): void {
  bench.case("closes with code and reason, local at the closer and remote at the other end", async (t) => {
    for (const side of ["client", "server"] as const) {
      for (const code of [0, 17, bench.harness.maxCode]) {
        const { client, server, clientEvents, serverEvents } = await bench.pair(t);
        const [closer, closerEvents, otherEvents] =
          side === "client" ? [client, clientEvents, serverEvents] : [server, serverEvents, clientEvents];
        closer.close(code, "that was all ✓");
        assert.equal(closer.ended, true);
        assert.equal(closerEvents.closing, undefined, "not from inside the call");
        await bench.until("the end at both ends", () => closerEvents.closing && otherEvents.closing);
        assert.deepEqual(closerEvents.closing, { by: "local", code, reason: "that was all ✓" });
        assert.deepEqual(otherEvents.closing, { by: "remote", code, reason: "that was all ✓" });
        assert.equal(client.ended && server.ended, true);
      }
    }
  });

  bench.case("keeps the last figures of a link after its end, whichever end closes it", async (t) => {
    for (const side of ["client", "server"] as const) {
      const { client, server, clientEvents, serverEvents } = await bench.pair(t);
      const stream = client.openUni(1, unheard);
      stream?.write(pattern(100_000));
      await bench.until("all of it", () => serverEvents.unis[0]?.received === 100_000 && client.queued === 0);
      (side === "client" ? client : server).close(0, "");
      await bench.until("the end at both ends", () => clientEvents.closing && serverEvents.closing);
      const { figures: sent } = clientEvents;
      const { figures: received } = serverEvents;
      assert.ok(sent && sent.bytesSent >= 100_000, `sent ${sent?.bytesSent} bytes, closed by the ${side}`);
      assert.ok(received && received.bytesReceived >= 100_000, `received ${received?.bytesReceived} bytes`);
      assert.ok(client.stats().bytesSent >= sent.bytesSent);
      assert.ok(server.stats().bytesReceived >= received.bytesReceived);
    }
  });

  bench.case("cuts a long reason between characters", async (t) => {
    const { client, clientEvents, serverEvents } = await bench.pair(t);
    const long = `ab${"€".repeat(400)}`;
    const cut = `ab${"€".repeat(340)}`;
    assert.equal(Buffer.byteLength(cut), MAX_CLOSE_REASON - 2, "two bytes of the next character would fit");
    client.close(1, long);
    await bench.until("the end at both ends", () => clientEvents.closing && serverEvents.closing);
    assert.equal(clientEvents.closing?.reason, cut);
    assert.equal(serverEvents.closing?.reason, cut);
  });

  bench.case("ignores calls after a close, and sends streams no event", async (t) => {
    const { client, server, clientEvents, serverEvents } = await bench.pair(t);
    const uniEvents = clientEvents.stream();
    const bidiEvents = clientEvents.stream();
    const uni = client.openUni(1, uniEvents);
    const bidi = client.openBidi(1, bidiEvents);
    uni?.write(bytesOf("x"));
    bidi?.write(bytesOf("x"));
    const record = await bench.until("both", () => serverEvents.unis[0] && serverEvents.bidis[0]);
    const use = (link: Link) => {
      assert.equal(link.openUni(1, unheard), undefined);
      assert.equal(link.openBidi(1, clientEvents.stream()), undefined);
      assert.equal(link.sendDatagram(bytesOf("x")), false);
      assert.equal(link.queued, 0);
      link.close(2, "again");
      link.stats();
      for (const stream of [uni, bidi, record.bidi]) {
        if (link === client || stream === record.bidi) assert.equal(stream?.ended, true);
        stream?.write(pattern(100_000));
        stream?.setPriority(3);
        stream?.finish();
        stream?.reset(4);
        assert.equal(stream?.queued, 0);
      }
      bidi?.stop(5);
      record.recv?.stop(6);
    };
    uni?.write(pattern(1024 * 1024));
    record.bidi?.write(pattern(1024 * 1024));
    server.close(1, "enough");
    use(server);
    await bench.until("the end at both ends", () => clientEvents.closing && serverEvents.closing);
    use(client);
    use(server);
    await bench.quiet();
    assert.deepEqual(serverEvents.closing, { by: "local", code: 1, reason: "enough" });
    assert.equal(uniEvents.stopped, undefined);
    assert.equal(clientEvents.log.at(-1), "closed");
    assert.equal(serverEvents.log.at(-1), "closed");
    assert.equal(clientEvents.log.filter((event) => event === "closed").length, 1);
  });

  bench.case("ends once when both ends close at the same time", async (t) => {
    const { client, server, clientEvents, serverEvents } = await bench.pair(t);
    client.close(1, "mine");
    server.close(2, "mine too");
    await bench.until("the end at both ends", () => clientEvents.closing && serverEvents.closing);
    await bench.quiet();
    for (const { log, closing } of [clientEvents, serverEvents]) {
      assert.equal(closing?.by, "local");
      assert.equal(log.filter((event) => event === "closed").length, 1);
    }
  });

  bench.case("closes in the middle of a burst without waiting for it", async (t) => {
    const { client, server, clientEvents, serverEvents } = await bench.pair(t);
    const stream = server.openUni(1, unheard);
    for (let i = 0; i < 256; i++) stream?.write(pattern(16 * 1024));
    await bench.until("its first data", () => clientEvents.unis[0]?.begun);
    server.close(3, "changed my mind");
    assert.equal(server.queued, 0);
    await bench.until("the end at both ends", () => clientEvents.closing && serverEvents.closing);
    assert.equal(client.ended, true);
    const { burstLoss } = bench.harness.supports;
    if (burstLoss !== undefined && clientEvents.closing?.code === 0) {
      t.diagnostic(`the code was lost: ${burstLoss}`);
      assert.deepEqual(clientEvents.closing, { by: "remote", code: 0, reason: "" });
      return;
    }
    assert.deepEqual(clientEvents.closing, { by: "remote", code: 3, reason: "changed my mind" });
  });

  bench.case("ends a link whose handler throws, and no other", async (t) => {
    const accepted: Link[] = [];
    const listener = await bench.listen(t, (request) =>
      request.accept((link) => {
        accepted.push(link);
        return new Recorder().attach(link);
      }),
    );
    const good = new Recorder();
    await bench.dial(t, listener.address, good);
    const bad = new Recorder();
    bad.onData = () => {
      throw new Error("a defect in a handler");
    };
    const link = await bench.dial(t, listener.address, bad);
    await bench.until("both links", () => accepted.length === 2);
    for (const end of accepted) end.openUni(1, unheard)?.write(bytesOf("hello"));
    await bench.until("the end", () => bad.closing);
    assert.equal(link.ended, true);
    await bench.until("the end at the other end", () => accepted[1]?.ended);
    await bench.until("the other link's data", () => good.unis[0]?.begun);
    accepted[0]?.openUni(1, unheard)?.write(bytesOf("hello again"));
    await bench.until("more of it", () => good.unis[1]?.begun);
    assert.equal(good.closing, undefined);
  });
}

function silence(bench: Bench): void {
  const quick = { idleTimeoutMs: 1_000, keepAliveMs: 250 };

  bench.case("keeps an idle link alive", async (t) => {
    const { client, clientEvents, serverEvents } = await bench.pair(t, { client: quick, server: quick });
    await bench.harness.pass(3_000);
    assert.equal(clientEvents.closing, undefined);
    assert.equal(serverEvents.closing, undefined);
    const stream = client.openUni(1, unheard);
    stream?.write(bytesOf("hello?"));
    await bench.until("a word", () => serverEvents.unis[0]?.text === "hello?");
  });

  bench.case(
    "ends with a time-out when the peer vanishes",
    async (t) => {
      const pair = await bench.pair(t, { client: quick, server: quick });
      const { server, serverEvents } = pair;
      const stream = server.openUni(1, unheard);
      stream?.write(bytesOf("are you there?"));
      await bench.until("a word", () => pair.clientEvents.unis[0]?.begun);
      bench.harness.vanish?.(pair);
      stream?.write(pattern(100_000));
      const why = await bench.until("the time-out", () => serverEvents.closing);
      assert.equal(why.by, "timeout");
      assert.ok((serverEvents.figures?.bytesSent ?? 0) > 0, "the last figures are kept");
      assert.equal(server.ended, true);
      assert.equal(server.queued, 0);
      assert.equal(stream?.ended, true);
    },
    "vanish",
  );
}
