import assert from "node:assert/strict";
import { it } from "node:test";
import { capabilities, encodeMessage, type Message, namespaceOf } from "../../moq/wire/ietf/index.ts";
import { STREAMED_VERSIONS, TestRelay, TRACK } from "./support.ts";

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
    const name = { namespace: namespaceOf("live/a") ?? [], name: Buffer.from(TRACK) };
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
}
