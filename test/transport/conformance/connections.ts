import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type LinkInfo, type LinkRequest, TransportError, type TransportErrorCode } from "../../../moq/link.ts";
import { bytesOf, Recorder, unheard } from "../fixtures.ts";
import type { Bench, PairOptions } from "./harness.ts";

/** Dialling, listening, and what each end knows of the other. */
export function connections(bench: Bench): void {
  requests(bench);
  refusals(bench);
  listeners(bench);
}

function requests(bench: Bench): void {
  bench.case("reports the client's request to the listener", async (t) => {
    const headers = new Map([["x-test-header", "some value"]]);
    const { client, server, info, listener } = await bench.pair(t, {
      target: "/live/room%201?jwt=a.b-c&x=1",
      ...(bench.harness.supports.headers === true ? { headers } : {}),
    });
    assert.equal(info.path, "/live/room%201");
    assert.equal(info.query, "jwt=a.b-c&x=1");
    assert.equal(info.protocol, "moq-lite-05");
    assert.equal(info.dialled, false);
    assert.equal(info.engine, bench.server.name);
    assert.equal(info.authority, bench.harness.url(listener.address, "/").host);
    assert.notEqual(info.peer.address, "");
    assert.notEqual(info.peer.port, 0);
    assert.deepEqual(server.info, info);
    assert.equal(client.info.dialled, true);
    assert.equal(client.info.engine, bench.client.name);
    assert.equal(client.info.protocol, "moq-lite-05");
    assert.equal(client.info.path, "/live/room%201");
    assert.equal(client.info.query, "jwt=a.b-c&x=1");
    assert.equal(client.info.binding, info.binding);
    assert.equal(client.engine.name, bench.client.name);
    assert.equal(server.engine.name, bench.server.name);
  });

  bench.case(
    "reports the client's headers to the listener, by lower-case name",
    async (t) => {
      const { info } = await bench.pair(t, { headers: new Map([["X-Test-Header", "some value"]]) });
      assert.equal(info.headers.get("x-test-header"), "some value");
    },
    "headers",
  );

  bench.case("dials a given address instead of resolving the host, or says that it cannot", async (t) => {
    const infos: LinkInfo[] = [];
    const listener = await bench.listen(t, (request) => {
      infos.push(request.info);
      request.accept(new Recorder().attach);
    });
    // No name under .invalid resolves (RFC 6761).
    const url = bench.harness.url(listener.address, "/");
    url.hostname = "relay.invalid";
    const dialling = bench.dial(t, listener.address, new Recorder(), { url, address: bench.harness.host });
    if (bench.client.dialsAddresses) {
      const link = await dialling;
      assert.equal(link.info.authority, url.host);
      await bench.until("the request", () => infos.length > 0);
      assert.equal(infos[0]?.authority, url.host);
    } else {
      await assert.rejects(dialling, (error) => error instanceof TransportError && error.code === "dial_failed");
    }
  });

  bench.case("chooses the protocol that the listener prefers", async (t) => {
    const { client, server } = await bench.pair(t, {
      protocols: {
        client: ["moq-lite-03", "moq-lite-04", "other"],
        server: ["moq-lite-05", "moq-lite-04", "moq-lite-03"],
      },
    });
    assert.equal(client.info.protocol, "moq-lite-04");
    assert.equal(server.info.protocol, "moq-lite-04");
  });

  bench.case("accepts in a later turn", async (t) => {
    let request: LinkRequest | undefined;
    const listener = await bench.listen(t, (offered) => {
      request = offered;
    });
    const clientEvents = new Recorder();
    const serverEvents = new Recorder();
    const dialling = bench.dial(t, listener.address, clientEvents);
    (await bench.until("the request", () => request)).accept(serverEvents.attach);
    const link = await dialling;
    const stream = link.openUni(1, unheard);
    stream?.write(bytesOf("patience"));
    stream?.finish();
    await bench.until("its data", () => serverEvents.unis[0]?.done);
    assert.equal(serverEvents.unis[0]?.text, "patience");
  });

  bench.case("counts bytes in both directions", async (t) => {
    const { client, server, serverEvents } = await bench.pair(t);
    const stream = client.openUni(1, unheard);
    stream?.write(new Uint8Array(100_000));
    stream?.finish();
    await bench.until("its end", () => serverEvents.unis[0]?.done);
    await bench.until(
      "the figures",
      () => client.stats().bytesSent >= 100_000 && server.stats().bytesReceived >= 100_000,
    );
  });
}

function refusals(bench: Bench): void {
  bench.case("fails a dial without a protocol in common", async (t) => {
    const options: PairOptions = { protocols: { client: ["moq-lite-03"], server: ["moq-lite-05"] } };
    // An engine that asks all the same says that there is no protocol.
    const protocols: string[] = [];
    const listener = await bench.listen(t, ({ info }) => void protocols.push(info.protocol), options);
    await rejects(bench, t, listener.address, ["no_common_protocol"], options);
    assert.ok(protocols.every((protocol) => protocol === ""));
  });

  bench.case(
    "fails a dial that the listener rejects, with its status",
    async (t) => {
      const listener = await bench.listen(t, (request) => request.reject(403, "not you"));
      const error = await rejects(bench, t, listener.address, ["dial_rejected"]);
      assert.equal(error.status, 403);
    },
    "reject",
  );

  bench.case(
    "fails an unanswered dial at its time limit, and ignores a late answer",
    async (t) => {
      let request: LinkRequest | undefined;
      const listener = await bench.listen(t, (offered) => {
        request = offered;
      });
      await rejects(bench, t, listener.address, ["dial_timeout"], { timeoutMs: 300 });
      await bench.quiet();
      request?.accept(() => {
        throw new Error("attached to a client that has gone");
      });
      await bench.quiet();
    },
    "reject",
  );

  bench.case("fails a dial to a port without a listener", async (t) => {
    const listener = await bench.listen(t, () => {});
    await bench.harness.settled(listener.close());
    await rejects(bench, t, listener.address, ["dial_failed", "dial_timeout"], { timeoutMs: 1_000 });
  });

  bench.case("refuses URLs of unknown schemes", async () => {
    const dialling = bench.client.dial(
      {
        url: new URL("gopher://localhost:70/"),
        protocols: ["moq-lite-05"],
        trust: bench.harness.trust(),
        limits: { uniStreams: 1, bidiStreams: 1, idleTimeoutMs: 1_000, keepAliveMs: 100, queueMark: 1 },
        timeoutMs: 1_000,
      },
      () => new Recorder(),
    );
    await assert.rejects(bench.harness.settled(dialling), { name: "TransportError", code: "unsupported_url" });
  });
}

function listeners(bench: Bench): void {
  bench.case("fails to bind a port that is in use", async (t) => {
    const { port } = (await bench.listen(t, () => {})).address;
    await assert.rejects(
      bench.listen(t, () => {}, { port }),
      { name: "TransportError", code: "bind_failed" },
    );
  });

  bench.case("ends its links and frees its port when it is closed", async (t) => {
    const { clientEvents, serverEvents, listener } = await bench.pair(t);
    const { address } = listener;
    await bench.harness.settled(listener.close());
    await bench.until("the end at both ends", () => clientEvents.closing && serverEvents.closing);
    assert.equal(clientEvents.closing?.by, "remote");
    assert.equal(serverEvents.closing?.by, "local");
    const again = new Recorder();
    await bench.listen(t, (request) => request.accept(again.attach), { port: address.port });
    const link = await bench.dial(t, address, new Recorder());
    await bench.until("a link at the new listener", () => again.link);
    assert.equal(link.ended, false);
  });

  bench.case(
    "accepts no new links after stopAccepting, and keeps existing ones",
    async (t) => {
      const { client, serverEvents, listener } = await bench.pair(t);
      listener.stopAccepting();
      await rejects(bench, t, listener.address, ["dial_failed", "dial_rejected", "dial_timeout"], { timeoutMs: 1_000 });
      await bench.quiet();
      assert.equal(serverEvents.closing, undefined);
      const stream = client.openUni(1, unheard);
      stream?.write(bytesOf("still here"));
      stream?.finish();
      await bench.until("its end", () => serverEvents.unis[0]?.done);
      assert.equal(serverEvents.unis[0]?.text, "still here");
    },
    "stopAccepting",
  );

  bench.case(
    "changes its certificate for new links and keeps existing ones",
    async (t) => {
      const { client, serverEvents, listener } = await bench.pair(t);
      const other = bench.harness.otherCertificate?.();
      assert.ok(other);
      assert.equal(listener.setCertificate(other.certificate), true);
      await bench.dial(t, listener.address, new Recorder(), { trust: other.trust });
      await rejects(bench, t, listener.address, ["dial_failed"]);
      const stream = client.openUni(1, unheard);
      stream?.write(bytesOf("still here"));
      stream?.finish();
      await bench.until("its end", () => serverEvents.unis[0]?.done);
      assert.equal(serverEvents.closing, undefined);
    },
    "certificateSwap",
  );
}

async function rejects(
  bench: Bench,
  t: TestContext,
  address: Parameters<Bench["dial"]>[1],
  codes: readonly TransportErrorCode[],
  options: Parameters<Bench["dial"]>[3] = {},
): Promise<TransportError> {
  const events = new Recorder();
  const error: unknown = await bench.dial(t, address, events, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof TransportError, `the dial gave ${String(error)}`);
  assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`);
  assert.equal(events.link, undefined, "nothing was attached");
  return error;
}
