/** Odd peers of moq-transport drafts in which all requests share one control stream. */
import assert from "node:assert/strict";
import { it } from "node:test";
import {
  capabilities,
  encodeMessage,
  encodeObjectHeader,
  encodeSubgroupHeader,
  type Message,
  MessageReader,
  namespaceText,
} from "../../moq/wire/ietf/index.ts";
import { named } from "./ietf-peer.ts";
import { LINK_LIMITS, SESSION_LIMITS, TestRelay } from "./support.ts";

const NONE = new Uint8Array(0);
const VIEW = { priority: 1, forward: true } as const;

async function connect(relay: TestRelay, version: string, maxRequestId = 1000) {
  const caps = capabilities(version);
  if (caps === undefined) throw new Error(version);
  const got: Message[] = [];
  const ends: string[] = [];
  /** Of streams of objects with small numbers: the track's alias, and the last character. */
  const streams = new Map<number, [number, string]>();
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
        uni: (stream) => {
          let all = Buffer.alloc(0);
          const data = (piece: Uint8Array) => {
            all = Buffer.concat([all, piece]);
            streams.set(stream.id, [all[1] ?? -1, all.toString("latin1").at(-1) ?? ""]);
          };
          return { ...ignore, data };
        },
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
  await send({ kind: "setup", from: "client", tokens: [], maxAuthTokenCacheSize: 0, maxRequestId });
  /** SUBSCRIBE_NAMESPACE for namespaces and tracks, which has a stream of its own in draft 16. Its answers join the others. */
  const follow = async (path: string) => {
    const { namespace } = named(path);
    const request = { kind: "subscribeNamespace", requestId: 0, namespace, parameters: {}, tracks: true } as const;
    if (!caps.namespaceStreams) return await send(request);
    const answers = MessageReader.answers({ caps, from: "server", uriBound: true }, request.kind);
    const stream = link.openBidi(1, {
      ...ignore,
      data: (piece) => void answers.push(piece, (message) => got.push(message)),
    });
    stream?.write(encodeMessage(request, caps));
    await relay.pass(30);
  };
  /** Sends a group with one object. */
  const object = async (trackAlias: number, payload: string) => {
    const stream = link.openUni(1, { stop: () => {} });
    const header = { trackAlias, group: 0, subgroup: 0, firstObject: true, endsGroup: true };
    stream?.write(encodeSubgroupHeader(header, caps));
    stream?.write(encodeObjectHeader(caps, payload.length, 0, NONE, undefined, undefined).slice());
    stream?.write(Buffer.from(payload));
    stream?.finish();
    await relay.pass(30);
  };
  return { got, ends, streams, send, follow, object };
}

/** Messages of one kind. */
function only<Kind extends Message["kind"]>(got: readonly Message[], kind: Kind) {
  return got.filter((message): message is Extract<Message, { kind: Kind }> => message.kind === kind);
}

/** A publisher that pushes a track, and a viewer that follows namespaces and tracks. */
async function offering(version: string, maxRequestId?: number) {
  const relay = await TestRelay.start();
  const publisher = await connect(relay, version);
  const viewer = await connect(relay, version, maxRequestId);
  const push = async (requestId: number, path: string, track = "video") => {
    const about = { parameters: { groupOrder: "ascending", forward: true }, properties: NONE } as const;
    await publisher.send({ kind: "publish", requestId, alias: requestId, ...named(path, track), ...about });
  };
  await push(0, "live/a");
  await viewer.follow("live");
  return { relay, publisher, viewer, push };
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

  it(`${version}: a viewer that follows namespaces and tracks gets a PUBLISH for each pushed track, now and later`, async () => {
    const { relay, viewer, push } = await offering(version);
    await push(2, "live/b");
    await push(4, "other");
    const offers = only(viewer.got, "publish");
    assert.deepEqual(
      offers.map(({ namespace, name, parameters }) => [
        namespaceText(namespace),
        Buffer.from(name).toString(),
        parameters.forward,
      ]),
      [
        ["live/a", "video", version === "moqt-16"],
        ["live/b", "video", version === "moqt-16"],
      ],
    );
    assert.equal(only(viewer.got, "requestOk").length, 1);
    assert.deepEqual([viewer.ends, relay.defects], [[], []]);
  });

  it(`${version}: a PUBLISH that a viewer refused is not sent to it again`, async () => {
    const { relay, publisher, viewer, push } = await offering(version);
    const [offer] = only(viewer.got, "publish");
    assert.ok(offer);
    const { requestId } = offer;
    await viewer.send({ kind: "requestError", requestId, request: "publish", code: 4, reason: "no" });
    await push(2, "live/a", "audio");
    const { namespace } = named("live/a");
    await publisher.send({ kind: "publishNamespace", requestId: 4, namespace, parameters: {} });
    const names = only(viewer.got, "publish").map(({ name }) => Buffer.from(name).toString());
    assert.deepEqual([names, viewer.ends, relay.defects], [["video", "audio"], [], []]);
    assert.deepEqual(only(viewer.got, "publishDone"), []);
  });

  it(`${version}: a PUBLISH that a viewer accepted brings objects, and ends with one PUBLISH_DONE`, async () => {
    const { relay, publisher, viewer } = await offering(version);
    const [offer] = only(viewer.got, "publish");
    assert.ok(offer);
    const { requestId, alias } = offer;
    const accepted = { parameters: { ...VIEW, groupOrder: "ascending" }, properties: NONE } as const;
    await viewer.send({ kind: "requestOk", requestId, request: "publish", ...accepted });
    await publisher.object(0, "x");
    assert.deepEqual([...viewer.streams.values()], [[alias, "x"]]);
    await publisher.send({ kind: "publishDone", requestId: 0, code: 2, streams: 1, reason: "" });
    await relay.pass(2_000);
    const done = only(viewer.got, "publishDone").map(({ code, streams }) => [code, streams]);
    assert.deepEqual([done, viewer.ends, relay.defects], [[[2, 1]], [], []]);
  });

  it(`${version}: a track for which the peer allows no PUBLISH is left out`, async () => {
    const { relay, viewer, push } = await offering(version, version === "moqt-14" ? 4 : 2);
    await push(2, "live/b");
    assert.equal(only(viewer.got, "publish").length, 1);
    const known = ["setup", "requestOk", "publish", "publishNamespace", "namespace", "requestsBlocked"];
    assert.deepEqual(
      viewer.got.filter(({ kind }) => !known.includes(kind)),
      [],
    );
    assert.deepEqual([viewer.ends, relay.defects], [[], []]);
  });

  it(`${version}: a SUBSCRIBE comes before the answer to a PUBLISH of that track`, async () => {
    const { relay, viewer } = await offering(version);
    await viewer.send({ kind: "subscribe", requestId: 2, ...named("live/a"), parameters: VIEW });
    const accepted = only(viewer.got, "subscribeOk").length;
    const refused = only(viewer.got, "requestError").map(({ code }) => code);
    assert.deepEqual([accepted, refused], version === "moqt-14" ? [1, []] : [0, [0x19]]);
    assert.deepEqual([viewer.ends, relay.defects], [[], []]);
  });
}

it("moqt-16: a stream for SUBSCRIBE_NAMESPACE whose request is not complete in time is reset", async () => {
  const relay = await TestRelay.start();
  const { link, resets, stops, closed } = await relay.raw("moqt-16");
  const caps = capabilities("moqt-16");
  assert.ok(caps !== undefined);
  const ignore = { data: () => {}, fin: () => {} };
  const got = { ...ignore, reset: (code: number) => resets.push(code), stop: (code: number) => stops.push(code) };
  const setup: Message = { kind: "setup", from: "client", tokens: [], maxAuthTokenCacheSize: 0, maxRequestId: 1000 };
  link.openBidi(1, got)?.write(encodeMessage(setup, caps));
  await relay.pass(30);
  const request: Message = {
    kind: "subscribeNamespace",
    requestId: 0,
    namespace: named("a").namespace,
    parameters: {},
  };
  const bytes = encodeMessage(request, caps);
  const slow = link.openBidi(1, got);
  slow?.write(bytes.slice(0, 4));
  link.openBidi(1, got)?.write(bytes);
  await relay.pass(SESSION_LIMITS.headerTimeoutMs + 1000);
  assert.deepEqual([resets, stops, relay.counters.boundsHit.header_timeout], [[0], [0], 1]);
  slow?.write(bytes.slice(4));
  await relay.pass(30);
  assert.deepEqual([closed, relay.defects], [[], []]);
});
