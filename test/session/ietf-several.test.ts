/** Several subscriptions of one track in one session of moq-transport, which drafts have since 19. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ServedSubscriptions } from "../../moq/session/ietf/served-subscriptions.ts";
import type { Parameters } from "../../moq/wire/ietf/index.ts";
import { MoqtPeer, named, type RequestStream } from "./ietf-peer.ts";
import { STREAMED_VERSIONS, TestRelay } from "./support.ts";

const NONE = new Uint8Array(0);
const ALIAS = 7;

const kinds = ({ messages }: RequestStream) => messages.map(({ kind }) => kind);

const errors = ({ messages }: RequestStream) =>
  messages.flatMap((message) => (message.kind === "requestError" ? [message.code] : []));

function aliasOf({ messages }: RequestStream): number {
  const [ok] = messages;
  assert.ok(ok?.kind === "subscribeOk");
  return ok.alias;
}

/** A track that a publisher has begun to push, and a viewer. */
async function scene(version: string) {
  const relay = await TestRelay.start();
  const publisher = await MoqtPeer.connect(relay, version);
  const viewer = await MoqtPeer.connect(relay, version);
  const push = { kind: "publish", ...named("live"), alias: ALIAS, parameters: {}, properties: NONE } as const;
  await publisher.request(push);
  const subscribe = async (parameters: Parameters = {}) =>
    await viewer.request({ kind: "subscribe", ...named("live"), parameters });
  const send = async (group: number, ...payloads: string[]) => {
    publisher.subgroup({ trackAlias: ALIAS, group, endsGroup: true }, ...payloads).finish();
    await relay.pass(50);
  };
  /** By alias, what came of the groups from `from` on. */
  const got = (alias: number, from = 0) =>
    viewer.streams
      .filter(({ header }) => header?.trackAlias === alias && header.group >= from)
      .flatMap(({ objects }) => objects);
  return { relay, publisher, viewer, subscribe, send, got };
}

for (const version of STREAMED_VERSIONS.filter((one) => one !== "moqt-18")) {
  describe(`several subscriptions of a track in ${version}`, () => {
    it("each gets an alias of its own, and the objects that it asks for once", async () => {
      const { relay, viewer, subscribe, send, got } = await scene(version);
      const current = await subscribe();
      await send(0, "a");
      const later = await subscribe({
        filter: { kind: "absolute", start: { group: 2, object: 0 }, end: { group: 2 } },
      });
      assert.deepEqual([kinds(current), kinds(later)], [["subscribeOk"], ["subscribeOk"]]);
      assert.notEqual(aliasOf(current), aliasOf(later));
      await send(1, "b");
      await send(2, "c", "d");
      await send(3, "e");
      assert.deepEqual(got(aliasOf(current)), ["0/0 a", "1/0 b", "2/0 c", "2/1 d", "3/0 e"]);
      assert.deepEqual(got(aliasOf(later)), ["2/0 c", "2/1 d"]);
      assert.deepEqual([viewer.end, relay.defects], ["", []]);
    });

    it("one is paused, updated and cancelled without the other", async () => {
      const { relay, viewer, subscribe, send, got } = await scene(version);
      const [first, second] = [await subscribe(), await subscribe()];
      const pause = { kind: "requestUpdate", requestId: viewer.nextId(), parameters: { forward: false } } as const;
      first.send(pause);
      await relay.pass(50);
      await send(0, "a");
      assert.deepEqual([got(aliasOf(first)), got(aliasOf(second))], [[], ["0/0 a"]]);
      second.stream.reset(1);
      second.stream.stop(1);
      first.send({ ...pause, requestId: viewer.nextId(), parameters: { forward: true } });
      await relay.pass(50);
      await send(1, "b");
      await send(2, "c");
      assert.deepEqual(got(aliasOf(second)), ["0/0 a"]);
      assert.deepEqual(got(aliasOf(first), 1), ["1/0 b", "2/0 c"]);
      const third = await subscribe();
      assert.deepEqual(kinds(third), ["subscribeOk"]);
    });

    it("a track that the viewer subscribes to is offered all the same to one that follows the tracks of its namespace", async () => {
      const { relay, viewer, subscribe, send, got } = await scene(version);
      const asked = await subscribe();
      await viewer.request({ kind: "subscribeTracks", ...named("live"), parameters: {} });
      await relay.pass(50);
      const [publish] = viewer.requests[0]?.messages ?? [];
      assert.ok(publish?.kind === "publish");
      await send(0, "a");
      assert.deepEqual([got(aliasOf(asked)), got(publish.alias)], [["0/0 a"], ["0/0 a"]]);
    });

    it("each counts against the bound of the session", async () => {
      const relay = await TestRelay.start({ session: { subscriptionsPerSession: 2 } });
      const viewer = await MoqtPeer.connect(relay, version);
      const parameters = { rendezvousTimeout: 5000 };
      const asked = { kind: "subscribe", ...named("live"), parameters } as const;
      const streams = [await viewer.request(asked), await viewer.request(asked), await viewer.request(asked)];
      assert.deepEqual(streams.map(errors), [[], [], [0x9]]);
    });
  });
}

it("a second subscription of a track in moqt-18 is DUPLICATE_SUBSCRIPTION", async () => {
  const { subscribe } = await scene("moqt-18");
  await subscribe();
  assert.deepEqual(errors(await subscribe()), [0x19]);
});

it("a track whose SUBSCRIBE crossed a PUBLISH of ours counts as subscribed until both are over", () => {
  const served = new ServedSubscriptions();
  const track = { path: "live", track: "video" };
  const joinable = { ...track, forwards: () => true, joining: () => undefined, whenAnswered: () => () => {} };
  const [subscribed, published] = [served.add(0, joinable), served.add(1, joinable)];
  published();
  assert.deepEqual([served.has(track), served.get(1), served.get(0)], [true, undefined, joinable]);
  subscribed();
  assert.equal(served.has(track), false);
});
