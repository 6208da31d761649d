/** Odd peers of moq-transport drafts in which all requests share one control stream. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { capabilities, encodeMessage, type Message, MessageReader } from "../../moq/wire/ietf/index.ts";
import { named } from "./ietf-peer.ts";
import { LINK_LIMITS, TestRelay } from "./support.ts";

const NONE = new Uint8Array(0);
const VIEW = { priority: 1, forward: true } as const;

async function connect(relay: TestRelay, version: string) {
  const caps = capabilities(version);
  if (caps === undefined) throw new Error(version);
  const got: Message[] = [];
  const ends: string[] = [];
  const ignore = { data: () => {}, fin: () => {}, reset: () => {}, stop: () => {} };
  const link = await relay.established(
    relay.network.engine().dial(
      {
        url: new URL("https://relay:4443/"),
        protocols: [version],
        trust: { kind: "insecure" },
        limits: LINK_LIMITS,
        timeoutMs: 5000,
      },
      () => ({
        uni: () => ignore,
        bidi: () => ignore,
        datagram: () => {},
        capacity: () => {},
        backlog: () => {},
        drained: () => {},
        closed: ({ code, reason }) => ends.push(`${code} ${reason}`),
      }),
    ),
  );
  const reader = MessageReader.control({ caps, from: "server", uriBound: true });
  const control = link.openBidi(1, {
    ...ignore,
    data: (piece) => void reader.push(piece, (message) => got.push(message)),
  });
  const send = async (message: Message) => {
    control?.write(encodeMessage(message, caps));
    await relay.pass(30);
  };
  await send({ kind: "setup", from: "client", tokens: [], maxAuthTokenCacheSize: 0, maxRequestId: 1000 });
  return { got, ends, send };
}

/** A viewer whose SUBSCRIBE waits for the answer of the publisher. */
async function scene(version: string) {
  const relay = await TestRelay.start();
  const publisher = await connect(relay, version);
  const viewer = await connect(relay, version);
  const { namespace } = named("live");
  await publisher.send({ kind: "publishNamespace", requestId: 0, namespace, parameters: {} });
  await viewer.send({ kind: "subscribe", requestId: 0, ...named("live"), parameters: VIEW });
  const upstream = publisher.got.find((message) => message.kind === "subscribe");
  assert.ok(upstream?.kind === "subscribe");
  const accept = (alias: number) =>
    publisher.send({
      kind: "subscribeOk",
      requestId: upstream.requestId,
      alias,
      parameters: { groupOrder: "ascending", expires: 0 },
      properties: NONE,
    });
  const update = (requestId: number) =>
    viewer.send({
      kind: "requestUpdate",
      requestId,
      of: 0,
      parameters: { ...VIEW, filter: { kind: "absolute", start: { group: 0, object: 0 } } },
    });
  return { relay, publisher, viewer, accept, update };
}

for (const version of ["moqt-16", "moqt-14"]) {
  it(`${version}: updates before and after the answer`, async () => {
    const { relay, viewer, accept, update } = await scene(version);
    await update(2);
    await accept(7);
    await update(4);
    const answers = viewer.got.flatMap((message) =>
      message.kind === "subscribeOk" || message.kind === "requestOk" ? [`${message.kind} ${message.requestId}`] : [],
    );
    // Draft 14 has no answer to SUBSCRIBE_UPDATE.
    const updates = version === "moqt-14" ? [] : ["requestOk 2", "requestOk 4"];
    assert.deepEqual(answers, ["subscribeOk 0", ...updates]);
    assert.deepEqual([viewer.ends, relay.defects], [[], []]);
  });

  it(`${version}: a second SUBSCRIBE_OK of a request ends the session of its publisher`, async () => {
    const { publisher, viewer, accept } = await scene(version);
    await accept(7);
    assert.deepEqual(publisher.ends, []);
    await accept(8);
    assert.deepEqual(publisher.ends, ["3 moq-transport SUBSCRIBE_OK: not allowed here"]);
    assert.deepEqual(viewer.ends, []);
  });

  it(`${version}: an update of a request that is over uses its id`, async () => {
    const { viewer } = await scene(version);
    const update = { kind: "requestUpdate", requestId: 2, of: 40, parameters: VIEW } as const;
    const filter = { kind: "absolute", start: { group: 0, object: 0 } } as const;
    await viewer.send({ ...update, parameters: { ...VIEW, filter } });
    assert.deepEqual(viewer.ends, []);
    await viewer.send({ ...update, parameters: { ...VIEW, filter } });
    assert.deepEqual(viewer.ends, ["4 moq-transport Request ID: used twice"]);
  });

  it(`${version}: a pushed track that is paused goes on for a viewer, and its publisher answers the update`, async () => {
    const relay = await TestRelay.start();
    const [publisher, viewer] = [await connect(relay, version), await connect(relay, version)];
    const name = named("live");
    const about = { parameters: { groupOrder: "ascending", forward: false }, properties: NONE } as const;
    await publisher.send({ kind: "publish", requestId: 0, alias: 7, ...name, ...about });
    await viewer.send({ kind: "subscribe", requestId: 0, ...name, parameters: VIEW });
    const update = publisher.got.find((message) => message.kind === "requestUpdate");
    assert.ok(update?.kind === "requestUpdate");
    assert.equal(update.parameters.forward, true);
    if (version === "moqt-16") {
      await publisher.send({ kind: "requestOk", requestId: update.requestId, parameters: {}, properties: NONE });
    }
    await publisher.send({ kind: "publishDone", requestId: 0, code: 2, streams: 0, reason: "" });
    assert.deepEqual([publisher.ends, viewer.ends, relay.defects], [[], [], []]);
  });

  it(`${version}: a refusal has the code of its kind of request`, async () => {
    const relay = await TestRelay.start();
    const viewer = await connect(relay, version);
    const of = { subscription: 40, relative: true, start: 0 };
    await viewer.send({ kind: "fetch", requestId: 0, of, parameters: { priority: 1, groupOrder: "ascending" } });
    await relay.pass(1000);
    const codes = viewer.got.flatMap((message) => (message.kind === "requestError" ? [message.code] : []));
    assert.deepEqual(codes, [version === "moqt-14" ? 0x7 : 0x32]);
  });
}
