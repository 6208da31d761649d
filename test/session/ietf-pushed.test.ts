import assert from "node:assert/strict";
import { it } from "node:test";
import { capabilities, encodeMessage, type Message, namespaceOf } from "../../moq/wire/ietf/index.ts";
import { MoqtPeer, named } from "./ietf-peer.ts";
import { STREAMED_VERSIONS, TestRelay } from "./support.ts";

const IGNORE = { data() {}, fin() {}, reset() {}, stop() {} };
const NONE = new Uint8Array(0);

for (const version of STREAMED_VERSIONS) {
  it(`a pushed track of ${version} ends cleanly when its publisher stops our half before its PUBLISH_DONE arrives`, async () => {
    const caps = capabilities(version);
    assert.ok(caps);
    const relay = await TestRelay.start();
    const { link } = await relay.raw(version);
    const encode = (message: Message) => encodeMessage(message, caps);
    link.openUni(1, IGNORE)?.write(encode({ kind: "setup", tokens: [], maxAuthTokenCacheSize: 0 }));
    const request = link.openBidi(1, IGNORE);
    assert.ok(request);
    const name = { namespace: namespaceOf("live/a") ?? [], name: Buffer.from("video") };
    request.write(encode({ kind: "publish", requestId: 0, ...name, alias: 3, parameters: {}, properties: NONE }));
    await relay.pass(100);
    const watching = (await relay.connect(version)).watch("live/a");
    await relay.pass(200);
    request.stop(0);
    await relay.pass(100);
    request.write(encode({ kind: "publishDone", code: 2, streams: 0, reason: "" }));
    request.finish();
    await relay.pass(2_000);
    assert.equal(watching.log.at(-1), "closed cleanly");
    assert.deepEqual(relay.defects, []);
  });

  it(`a publisher of ${version} that sends at once pauses while no viewer wants its track, and goes on for the next viewer`, async () => {
    const relay = await TestRelay.start();
    const publisher = await MoqtPeer.connect(relay, version);
    const offer = {
      kind: "publish",
      ...named("live"),
      alias: 3,
      parameters: { forward: true },
      properties: NONE,
    } as const;
    const pushed = await publisher.request(offer);
    /** What the relay has said of forwarding, in the answer and in updates. */
    const said = () =>
      pushed.messages.flatMap((one) =>
        "parameters" in one && one.parameters.forward !== undefined ? [one.parameters.forward] : [],
      );
    assert.equal(pushed.messages[0]?.kind, "requestOk");
    assert.deepEqual(said(), [false]);
    const viewer = await MoqtPeer.connect(relay, version);
    const subscription = await viewer.request({ kind: "subscribe", ...named("live"), parameters: {} });
    await relay.pass(100);
    assert.deepEqual(said(), [false, true]);
    publisher.subgroup({ trackAlias: 3, group: 4 }, "seen").finish();
    await relay.pass(50);
    assert.deepEqual(
      viewer.streams.map(({ objects }) => objects),
      [["4/0 seen"]],
    );
    subscription.stream.reset(1);
    subscription.stream.stop(1);
    // Live media: a track that is quiet stays subscribed, because its publisher might not send it again.
    for (let group = 5; group < 40; group++) {
      publisher.subgroup({ trackAlias: 3, group }, "unseen").finish();
      await relay.pass(400);
    }
    assert.deepEqual(said(), [false, true, false]);
    await viewer.request({ kind: "subscribe", ...named("live"), parameters: {} });
    await relay.pass(100);
    assert.deepEqual(said(), [false, true, false, true]);
    assert.deepEqual([publisher.end, relay.defects], ["", []]);
  });

  it(`a publisher of ${version} that sends at once is not paused while a viewer waits for its track`, async () => {
    const relay = await TestRelay.start();
    const viewer = await MoqtPeer.connect(relay, version);
    const parameters = { rendezvousTimeout: 5000 };
    await viewer.request({ kind: "subscribe", ...named("live"), parameters });
    const publisher = await MoqtPeer.connect(relay, version);
    const offer = { kind: "publish", ...named("live"), alias: 3, parameters: {}, properties: NONE } as const;
    const pushed = await publisher.request(offer);
    await relay.pass(100);
    assert.equal(
      pushed.messages.some((one) => "parameters" in one && one.parameters.forward === false),
      false,
    );
  });
}
