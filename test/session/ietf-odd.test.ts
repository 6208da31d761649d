/** Odd peers of moq-transport: what they cost, and what they are told. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodeFetchHeader } from "../../moq/wire/ietf/index.ts";
import { MoqtPeer, named, type RequestStream } from "./ietf-peer.ts";
import { STREAMED_VERSIONS, TestRelay } from "./support.ts";

const NONE = new Uint8Array(0);

const kinds = ({ messages }: RequestStream) => messages.map(({ kind }) => kind);

const errors = ({ messages }: RequestStream) =>
  messages.flatMap((message) => (message.kind === "requestError" ? [message.code] : []));

for (const version of STREAMED_VERSIONS) {
  describe(`odd peers of ${version}`, () => {
    async function scene(options = {}) {
      const relay = await TestRelay.start(options);
      const publisher = await MoqtPeer.connect(relay, version);
      const viewer = await MoqtPeer.connect(relay, version);
      const push = async (track: string, alias: number) =>
        await publisher.request({
          kind: "publish",
          ...named("live", track),
          alias,
          parameters: {},
          properties: NONE,
        });
      return { relay, publisher, viewer, push };
    }

    it("answers updates that come before the answer of their request, up to a bound", async () => {
      const { relay, viewer, push } = await scene();
      const parameters = { rendezvousTimeout: 5000 };
      const few = await viewer.request({ kind: "subscribe", ...named("live"), parameters });
      const many = await viewer.request({ kind: "subscribe", ...named("never"), parameters });
      const update = ({ send }: RequestStream) =>
        send({ kind: "requestUpdate", requestId: viewer.nextId(), parameters: { forward: true } });
      update(few);
      update(few);
      for (let count = 0; count < 17; count++) update(many);
      await push("video", 3);
      await relay.pass(100);
      assert.deepEqual(kinds(few), ["subscribeOk", "requestOk", "requestOk"]);
      assert.deepEqual([errors(many), viewer.end, relay.defects], [[0x9], "", []]);
    });

    it("a namespace stands for those below it as far as its publisher may publish them", async () => {
      const { relay, publisher, viewer } = await scene({
        access: { mayPublish: (path: string) => path !== "live/private" },
      });
      await publisher.request({ kind: "publishNamespace", ...named("live"), parameters: {} });
      await viewer.request({ kind: "subscribe", ...named("live/open"), parameters: {} });
      const closed = await viewer.request({ kind: "subscribe", ...named("live/private"), parameters: {} });
      await relay.pass(50);
      assert.deepEqual(publisher.requests.map(kinds), [["subscribe"]]);
      assert.deepEqual(errors(closed), [0x10]);
    });

    it("a namespace that another request has announced needs the right as well", async () => {
      let allowed = true;
      const { publisher } = await scene({ access: { mayPublish: () => allowed } });
      const announce = () => publisher.request({ kind: "publishNamespace", ...named("live"), parameters: {} });
      assert.deepEqual(kinds(await announce()), ["requestOk"]);
      allowed = false;
      assert.deepEqual(errors(await announce()), [0x1]);
    });

    it("a fetch whose end is before its start has no objects", async () => {
      const { relay, publisher, viewer, push } = await scene();
      await push("video", 3);
      await viewer.request({ kind: "subscribe", ...named("live"), parameters: {} });
      publisher.subgroup({ trackAlias: 3, group: 5 }, "a", "b", "c", "d").finish();
      await relay.pass(50);
      const [start, end] = [
        { group: 5, object: 3 },
        { group: 5, object: 1 },
      ];
      const fetch = await viewer.request({
        kind: "fetch",
        of: named("live"),
        parameters: { filter: { kind: "absolute", start, end } },
      });
      assert.deepEqual(errors(fetch), [0x11]);
    });

    it("answers updates of a fetch after FETCH_OK, up to a bound", async () => {
      const { relay, publisher, viewer } = await scene();
      await publisher.request({ kind: "publishNamespace", ...named("live"), parameters: {} });
      const filter = { kind: "absolute", start: { group: 0, object: 0 }, end: { group: 3, object: 0 } } as const;
      const fetch = (track: string) =>
        viewer.request({ kind: "fetch", of: named("live", track), parameters: { filter } });
      const [few, many] = [await fetch("video"), await fetch("audio")];
      const update = ({ send }: RequestStream) =>
        send({ kind: "requestUpdate", requestId: viewer.nextId(), parameters: {} });
      update(few);
      for (let count = 0; count < 17; count++) update(many);
      await relay.pass(50);
      assert.deepEqual([kinds(few), errors(many)], [[], [0x9]]);
      for (const { messages, send } of publisher.requests) {
        if (messages[0]?.kind !== "subscribe") continue;
        send({
          kind: "subscribeOk",
          alias: messages[0].requestId,
          parameters: { largest: { group: 3, object: 0 } },
          properties: NONE,
        });
      }
      await relay.pass(200);
      const [upstream] = publisher.requests.filter(({ messages }) => messages[0]?.kind === "fetch");
      assert.ok(upstream?.messages[0]?.kind === "fetch");
      publisher.uni(encodeFetchHeader(upstream.messages[0].requestId, publisher.caps)).finish();
      await relay.pass(200);
      assert.deepEqual([kinds(few), viewer.end, relay.defects], [["fetchOk", "requestOk"], "", []]);
    });

    it("npm's @moq/net gets the newest group from its start where it asks for the next object, and others do not", async () => {
      const { relay, publisher, viewer, push } = await scene();
      const player = await MoqtPeer.connect(relay, version, { implementation: "moq-lite-js" });
      await push("video", 3);
      const parameters = { filter: { kind: "next_object" } } as const;
      await viewer.request({ kind: "subscribe", ...named("live"), parameters: {} });
      publisher.subgroup({ trackAlias: 3, group: 5 }, "catalog").finish();
      await relay.pass(50);
      const late = await MoqtPeer.connect(relay, version);
      for (const peer of [player, late]) await peer.request({ kind: "subscribe", ...named("live"), parameters });
      await relay.pass(50);
      assert.deepEqual(
        [player, late].map(({ streams }) => streams.length),
        [1, 0],
      );
    });

    it("a track name with a slash is another track than one of a longer namespace", async () => {
      const { relay, publisher, viewer, push } = await scene();
      await publisher.request({ kind: "publishNamespace", ...named("live"), parameters: {} });
      const watched = [named("live", "a/b"), named("live/a", "b")];
      for (const [index, name] of watched.entries()) {
        const asked = await viewer.request({ kind: "subscribe", ...name, parameters: {} });
        const [request] = publisher.requests.filter(({ messages }) => messages[0]?.kind === "subscribe").slice(index);
        assert.ok(request?.messages[0]?.kind === "subscribe");
        assert.deepEqual(
          [request.messages[0].namespace.length, String(Buffer.from(request.messages[0].name))],
          [name.namespace.length, String(name.name)],
        );
        request.send({ kind: "subscribeOk", alias: 10 + index, parameters: {}, properties: NONE });
        await relay.pass(50);
        assert.deepEqual(kinds(asked), ["subscribeOk"]);
      }
      const pushed = await push("a/c", 3);
      assert.deepEqual([kinds(pushed)[0], publisher.end, viewer.end, relay.defects], ["requestOk", "", "", []]);
    });

    it("the alias of a track that is over may stand for another one, that of a running track may not", async () => {
      const { relay, publisher, push } = await scene();
      const first = await push("video", 3);
      first.send({ kind: "publishDone", code: 2, streams: 0, reason: "" });
      first.stream.finish();
      await relay.pass(50);
      const second = await push("audio", 3);
      assert.deepEqual([kinds(second)[0], publisher.end], ["requestOk", ""]);
      await push("other", 3);
      assert.equal(publisher.end, "5 moq-transport Track Alias: already stands for another track");
    });

    it("small pieces of a stream that waits for its alias count as more than their bytes", async () => {
      const { relay, publisher } = await scene();
      const waiting = publisher.subgroup({ trackAlias: 3, group: 0 });
      for (let count = 0; count < 5000; count++) waiting.write(new Uint8Array(1));
      await relay.pass(50);
      assert.equal(waiting.ended, true);
      assert.equal(publisher.end, "");
    });

    it("a pushed track for which a viewer had no room is offered when it comes back", async () => {
      const { relay, viewer, push } = await scene({ session: { subscriptionsPerSession: 1 } });
      const other = await push("other", 4);
      const subscription = await viewer.request({ kind: "subscribe", ...named("live", "other"), parameters: {} });
      await viewer.request({ kind: "subscribeTracks", ...named("live"), parameters: {} });
      const pushed = await push("video", 3);
      await relay.pass(50);
      assert.deepEqual(viewer.requests, []);
      pushed.stream.reset(0);
      other.stream.reset(0);
      await relay.pass(3000);
      assert.deepEqual(kinds(subscription).at(-1), "publishDone");
      await push("video", 5);
      await relay.pass(50);
      assert.deepEqual(viewer.requests.map(kinds), [["publish"]]);
    });
  });
}
