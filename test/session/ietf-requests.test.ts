/** What the relay answers to single messages of moq-transport. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodeMessage, encodeObjectHeader, type Message } from "../../moq/wire/ietf/index.ts";
import { MoqtPeer, named, type RequestStream } from "./ietf-peer.ts";
import { SESSION_LIMITS, STREAMED_VERSIONS, TestRelay } from "./support.ts";

const NONE = new Uint8Array(0);

const FETCHED = { filter: { kind: "absolute", start: { group: 0, object: 0 }, end: { group: 1 } } } as const;

/** The codes of the errors that came on a stream. */
function errors({ messages }: RequestStream): number[] {
  return messages.flatMap((message) => (message.kind === "requestError" ? [message.code] : []));
}

function kinds({ messages }: { readonly messages: readonly Message[] }): string[] {
  return messages.map(({ kind }) => kind);
}

for (const version of STREAMED_VERSIONS) {
  describe(`requests of ${version}`, () => {
    async function scene(options = {}) {
      const relay = await TestRelay.start(options);
      const publisher = await MoqtPeer.connect(relay, version);
      const viewer = await MoqtPeer.connect(relay, version);
      return { relay, publisher, viewer };
    }

    /** A publisher of the namespace `live`, and a subscription of `live/video` by the viewer that both have accepted. */
    async function subscribed(filter = {}) {
      const { relay, publisher, viewer } = await scene();
      await publisher.request({ kind: "publishNamespace", ...named("live"), parameters: {} });
      const subscription = await viewer.request({ kind: "subscribe", ...named("live"), parameters: filter });
      await relay.pass(50);
      const [upstream] = publisher.requests;
      assert.ok(upstream !== undefined);
      upstream.send({
        kind: "subscribeOk",
        alias: 7,
        parameters: { largest: { group: 4, object: 1 } },
        properties: NONE,
      });
      await relay.pass(50);
      return { relay, publisher, viewer, subscription, upstream };
    }

    it("a subscription gets the properties, the streams and the end of its publisher", async () => {
      const { relay, publisher, viewer, subscription, upstream } = await subscribed();
      assert.deepEqual(kinds(upstream), ["subscribe"]);
      const [ok] = subscription.messages;
      assert.ok(ok?.kind === "subscribeOk");
      assert.deepEqual(ok.parameters.largest, { group: 4, object: 1 });
      for (const subgroup of [0, 2])
        publisher.subgroup({ trackAlias: 7, group: 5, subgroup, priority: 9 }, "a", "b").finish();
      await relay.pass(50);
      upstream.send({ kind: "publishDone", code: 2, streams: 2, reason: "over" });
      upstream.stream.finish();
      await relay.pass(1000);
      const got = viewer.streams.map(({ header, objects, end }) => [header?.subgroup, header?.priority, objects, end]);
      assert.deepEqual(got, [
        [0, 9, ["5/0 a", "5/1 b"], "fin"],
        [2, 9, ["5/0 a", "5/1 b"], "fin"],
      ]);
      const [, done] = subscription.messages;
      assert.deepEqual(done, { kind: "publishDone", code: 2, streams: 2, reason: "" });
      assert.deepEqual(subscription.events, ["fin"]);
      assert.deepEqual(relay.defects, []);
    });

    it("a stream that overtakes SUBSCRIBE_OK waits for it; one whose alias stays unknown is stopped", async () => {
      const { relay, publisher, viewer } = await scene();
      await publisher.request({ kind: "publishNamespace", ...named("live"), parameters: {} });
      await viewer.request({ kind: "subscribe", ...named("live"), parameters: {} });
      publisher.subgroup({ trackAlias: 7, group: 0 }, "early").finish();
      const unknown = publisher.subgroup({ trackAlias: 8, group: 0 }, "never");
      await relay.pass(50);
      publisher.requests[0]?.send({ kind: "subscribeOk", alias: 7, parameters: {}, properties: NONE });
      await relay.pass(50);
      assert.deepEqual(
        viewer.streams.map(({ objects, end }) => [objects, end]),
        [[["0/0 early"], "fin"]],
      );
      assert.equal(unknown.ended, false);
      await relay.pass(3000);
      assert.equal(unknown.ended, true);
    });

    it("a subgroup whose first object is late is no incomplete header, and one without objects ends", async () => {
      const { relay, publisher, viewer } = await subscribed();
      // Without FIRST_OBJECT, the relay waits for the first object to begin the subgroup.
      const late = publisher.subgroup({ trackAlias: 7, group: 5, firstObject: false });
      publisher.subgroup({ trackAlias: 7, group: 6, firstObject: false }).finish();
      await relay.pass(SESSION_LIMITS.headerTimeoutMs + 1000);
      assert.equal(late.ended, false);
      assert.equal(relay.counters.boundsHit.header_timeout, 0);
      late.write(encodeObjectHeader(publisher.caps, 1, 0, NONE, undefined, undefined).slice());
      late.write(Buffer.from("x"));
      late.finish();
      await relay.pass(50);
      assert.ok(viewer.streams.some(({ objects, end }) => objects[0] === "5/0 x" && end === "fin"));
      assert.deepEqual(relay.defects, []);
    });

    it("refuses with the codes of the draft", async () => {
      const { relay, viewer } = await scene({ session: { announceStreamsPerSession: 1 } });
      const missing = await viewer.request({ kind: "subscribe", ...named("none"), parameters: {} });
      assert.deepEqual([errors(missing), missing.events], [[0x10], ["fin"]]);
      const own = await viewer.request({ kind: "subscribe", ...named(".session/x"), parameters: {} });
      assert.deepEqual(errors(own), [0x10]);
      const first = await viewer.request({ kind: "subscribeNamespace", ...named("live"), parameters: {} });
      assert.deepEqual(kinds(first), ["requestOk"]);
      const overlapping = await viewer.request({ kind: "subscribeNamespace", ...named("live/room"), parameters: {} });
      assert.deepEqual(errors(overlapping), [0x30]);
      const beyond = await viewer.request({ kind: "subscribeNamespace", ...named("other"), parameters: {} });
      const [error] = beyond.messages;
      assert.ok(error?.kind === "requestError");
      assert.deepEqual([error.code, (error.retryAfter ?? 0) > 0], [0x9, true], "EXCESSIVE_LOAD, and when to try again");
      await relay.pass(50);
      assert.deepEqual(viewer.closed, []);
    });

    it("waits for a publisher as long as the subscriber says, and then answers TIMEOUT", async () => {
      const { relay, publisher, viewer } = await scene();
      const parameters = { rendezvousTimeout: 2000 };
      const late = await viewer.request({ kind: "subscribe", ...named("late"), parameters });
      const never = await viewer.request({ kind: "subscribe", ...named("never"), parameters });
      await relay.pass(1000);
      await publisher.request({ kind: "publishNamespace", ...named("late"), parameters: {} });
      publisher.requests[0]?.send({ kind: "subscribeOk", alias: 1, parameters: {}, properties: NONE });
      await relay.pass(1500);
      assert.deepEqual([kinds(late), errors(never)], [["subscribeOk"], [0x2]]);
    });

    it("announces namespaces that are published, and their end", async () => {
      const { relay, publisher, viewer } = await scene();
      const watch = await viewer.request({ kind: "subscribeNamespace", ...named("live"), parameters: {} });
      const published = await publisher.request({ kind: "publishNamespace", ...named("live/a%2Fb"), parameters: {} });
      await relay.pass(50);
      published.stream.finish();
      published.stream.reset(1);
      await relay.pass(50);
      assert.deepEqual(kinds(watch), ["requestOk", "namespace", "namespaceDone"]);
      const [, begun] = watch.messages;
      assert.ok(begun?.kind === "namespace");
      assert.deepEqual(begun.suffix, named("a%2Fb").namespace);
    });

    it("a pushed track waits for its first viewer, and goes to those that follow the tracks of its namespace", async () => {
      const { relay, publisher, viewer } = await scene();
      const parameters = { forward: false };
      const pushed = await publisher.request({
        kind: "publish",
        ...named("live"),
        alias: 3,
        parameters,
        properties: NONE,
      });
      await relay.pass(50);
      const forward = () =>
        pushed.messages.flatMap((one) =>
          "parameters" in one && one.parameters.forward !== undefined ? [one.parameters.forward] : [],
        );
      assert.equal(forward().includes(true), false);
      const watch = await viewer.request({ kind: "subscribeTracks", ...named("live"), parameters: {} });
      await relay.pass(200);
      assert.deepEqual(kinds(watch), ["requestOk"]);
      const [offered] = viewer.requests;
      const [publish] = offered?.messages ?? [];
      assert.ok(publish?.kind === "publish");
      assert.deepEqual(publish.namespace, named("live").namespace);
      assert.equal(forward().at(-1), true);
      publisher.subgroup({ trackAlias: 3, group: 0 }, "x").finish();
      await relay.pass(50);
      assert.deepEqual(
        viewer.streams.map(({ header, objects }) => [header?.trackAlias, objects]),
        [[publish.alias, ["0/0 x"]]],
      );
      pushed.send({ kind: "publishDone", code: 2, streams: 1, reason: "" });
      pushed.stream.finish();
      await relay.pass(1000);
      assert.deepEqual(offered?.messages.at(-1), { kind: "publishDone", code: 2, streams: 1, reason: "" });
      assert.deepEqual(relay.defects, []);
    });

    it("a paused subscription gets nothing until it is told to go on", async () => {
      const { relay, publisher, viewer, subscription } = await subscribed({ forward: false });
      publisher.subgroup({ trackAlias: 7, group: 5 }, "unseen").finish();
      await relay.pass(50);
      assert.deepEqual(viewer.streams, []);
      subscription.send({ kind: "requestUpdate", requestId: viewer.nextId(), parameters: { forward: true } });
      await relay.pass(50);
      publisher.subgroup({ trackAlias: 7, group: 6 }, "seen").finish();
      await relay.pass(50);
      assert.deepEqual(kinds(subscription), ["subscribeOk", "requestOk"]);
      assert.deepEqual(viewer.streams.map(({ objects }) => objects).at(-1), ["6/0 seen"]);
    });

    it("TRACK_STATUS is answered with the properties of the track", async () => {
      const { relay, publisher, viewer } = await scene();
      await publisher.request({ kind: "publishNamespace", ...named("live"), parameters: {} });
      const status = await viewer.request({ kind: "trackStatus", ...named("live"), parameters: {} });
      await relay.pass(50);
      // DEFAULT_PUBLISHER_PRIORITY 9.
      const properties = Uint8Array.of(0x0e, 9);
      publisher.requests[0]?.send({ kind: "subscribeOk", alias: 7, parameters: {}, properties });
      await relay.pass(50);
      const [ok] = status.messages;
      assert.ok(ok?.kind === "requestOk");
      assert.deepEqual([...ok.properties], [...properties]);
      assert.deepEqual(status.events, ["fin"]);
    });

    it("after GOAWAY with a URI new requests are sent there (REDIRECT)", async () => {
      const { relay, viewer } = await scene();
      for (const session of relay.sessions) session.goaway("https://elsewhere/");
      await relay.pass(50);
      assert.deepEqual(kinds({ messages: viewer.control }), ["setup", "goaway"]);
      const refused = async (request: Parameters<MoqtPeer["request"]>[0]) => {
        const { messages, events } = await viewer.request(request);
        const [error] = messages;
        assert.ok(error?.kind === "requestError");
        assert.deepEqual(events, ["fin"]);
        return [error.code, error.redirect && { ...error.redirect, name: Buffer.from(error.redirect.name).toString() }];
      };
      const { namespace, name } = named("live");
      const there = { uri: "https://elsewhere/", namespace };
      const track = [0x34, { ...there, name: "video" }];
      assert.deepEqual(await refused({ kind: "subscribe", namespace, name, parameters: {} }), track);
      assert.deepEqual(await refused({ kind: "fetch", of: { namespace, name }, parameters: FETCHED }), track);
      const publish = { namespace, name, alias: 1, parameters: {}, properties: NONE };
      assert.deepEqual(await refused({ kind: "publish", ...publish }), track);
      const names = await refused({ kind: "subscribeNamespace", namespace, parameters: {} });
      assert.deepEqual(names, [0x34, { ...there, name: "" }]);
    });

    it("after GOAWAY without a URI new requests are refused with GOING_AWAY", async () => {
      const { relay, viewer } = await scene();
      for (const session of relay.sessions) session.goaway("");
      await relay.pass(50);
      const late = await viewer.request({ kind: "subscribe", ...named("live"), parameters: {} });
      assert.deepEqual([errors(late), viewer.end], [[0x6], ""]);
    });
  });

  describe(`violations of ${version}`, () => {
    /** How the session ends after `broken`. */
    async function after(broken: (peer: MoqtPeer) => unknown, { setup = true, wait = 50 } = {}): Promise<string> {
      const relay = await TestRelay.start();
      const peer = await MoqtPeer.connect(relay, version, { setup });
      await broken(peer);
      await relay.pass(wait);
      assert.deepEqual(relay.defects, []);
      return peer.end;
    }

    it("a request id of the wrong end, or one that was used, is INVALID_REQUEST_ID", async () => {
      const subscribe = (requestId: number) => ({
        kind: "subscribe" as const,
        requestId,
        ...named("a"),
        parameters: {},
      });
      assert.match(await after((peer) => peer.raw(encodeMessage(subscribe(1), peer.caps))), /^4 /);
      const twice = async (peer: MoqtPeer) => {
        await peer.raw(encodeMessage(subscribe(0), peer.caps));
        await peer.raw(encodeMessage(subscribe(0), peer.caps));
      };
      assert.match(await after(twice), /^4 /);
    });

    it("a second control stream, an unknown stream type and an unknown message end the session", async () => {
      assert.match(await after((peer) => peer.setup()), /^3 .*second control stream/);
      assert.match(await after((peer) => peer.uni(Uint8Array.of(0x7f))), /^3 .*unknown stream type/);
      assert.match(await after((peer) => peer.raw(Uint8Array.of(0x3f, 0, 0))), /^3 .*unknown message type/);
    });

    it("a session without SETUP, and one whose control stream ends, are over", async () => {
      assert.match(await after(() => {}, { setup: false, wait: 6000 }), /^17 .*no SETUP/);
      assert.match(await after((peer) => peer.endControl(), { wait: 2000 }), /^3 .*control stream ended/);
    });

    it("one alias for two tracks is DUPLICATE_TRACK_ALIAS", async () => {
      const twice = async (peer: MoqtPeer) => {
        for (const track of ["a", "b"]) {
          await peer.request({ kind: "publish", ...named("live", track), alias: 1, parameters: {}, properties: NONE });
        }
      };
      assert.match(await after(twice), /^5 /);
    });
  });
}
