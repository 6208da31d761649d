/** Requests of moq-transport for namespaces and tracks under a prefix that change, and that have tokens of their own. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openAccess } from "../../moq/session/index.ts";
import { type Message, namespaceText } from "../../moq/wire/ietf/index.ts";
import { MoqtPeer, named, type RequestStream } from "./ietf-peer.ts";
import { STREAMED_VERSIONS, TestRelay } from "./support.ts";

const NONE = new Uint8Array(0);
const TOKENS = [{ use: "value", type: 1, value: Uint8Array.of(1) }] as const;

function said({ messages }: RequestStream): string[] {
  const text = (message: Message) => {
    if (message.kind === "namespace" || message.kind === "namespaceDone") {
      return `${message.kind} ${namespaceText(message.suffix)}`;
    }
    return message.kind === "requestError" ? `${message.kind} ${message.code}` : message.kind;
  };
  return messages.map(text);
}

function published(peer: MoqtPeer): string[] {
  return peer.requests.flatMap(({ messages: [first] }) =>
    first?.kind === "publish" ? [`${namespaceText(first.namespace)} ${first.parameters.forward}`] : [],
  );
}

for (const version of STREAMED_VERSIONS) {
  describe(`prefixes of ${version}`, () => {
    async function scene(access = {}) {
      const relay = await TestRelay.start({ access });
      const publisher = await MoqtPeer.connect(relay, version);
      const viewer = await MoqtPeer.connect(relay, version);
      const update = async (stream: RequestStream, parameters: object) => {
        stream.send({ kind: "requestUpdate", requestId: viewer.nextId(), parameters });
        await relay.pass(50);
      };
      const push = (path: string, alias: number) =>
        publisher.request({ kind: "publish", ...named(path), alias, parameters: {}, properties: NONE });
      return { relay, publisher, viewer, update, push };
    }

    it("SUBSCRIBE_NAMESPACE goes on with another prefix: what the peer knows ends before the answer", async () => {
      const { relay, publisher, viewer, update } = await scene();
      for (const path of ["a/x", "b/y"]) {
        await publisher.request({ kind: "publishNamespace", ...named(path), parameters: {} });
      }
      const watch = await viewer.request({ kind: "subscribeNamespace", ...named("a"), parameters: {} });
      await update(watch, { namespacePrefix: named("b").namespace });
      await publisher.request({ kind: "publishNamespace", ...named("b/z"), parameters: {} });
      await publisher.request({ kind: "publishNamespace", ...named("a/z"), parameters: {} });
      const whole = ["namespaceDone x", "requestOk", "namespace y", "namespace z"];
      assert.deepEqual(said(watch), ["requestOk", "namespace x", ...whole]);
      const other = await viewer.request({ kind: "subscribeNamespace", ...named("a"), parameters: {} });
      assert.deepEqual(said(other).slice(0, 1), ["requestOk"], "the first prefix is free again");
      assert.deepEqual([watch.events, relay.defects], [[], []]);
    });

    it("an update to a prefix that overlaps is refused, and ends the request", async () => {
      const { relay, viewer, update } = await scene();
      for (const kind of ["subscribeNamespace", "subscribeTracks"] as const) {
        const first = await viewer.request({ kind, ...named("a"), parameters: {} });
        const second = await viewer.request({ kind, ...named("b"), parameters: {} });
        await update(second, { namespacePrefix: named("a/x").namespace });
        assert.deepEqual([said(second), second.events], [["requestOk", "requestError 48"], ["fin"]]);
        await update(first, { namespacePrefix: named("a/x").namespace });
        const third = await viewer.request({ kind, ...named("b"), parameters: {} });
        assert.deepEqual([said(first), said(third)], [["requestOk", "requestOk"], ["requestOk"]]);
      }
      assert.deepEqual([viewer.end, relay.defects], ["", []]);
    });

    it("SUBSCRIBE_TRACKS goes on with another prefix, and the tracks that it brought stay", async () => {
      const { relay, viewer, update, push } = await scene();
      await push("a/x", 1);
      await push("b/y", 2);
      const watch = await viewer.request({ kind: "subscribeTracks", ...named("a"), parameters: {} });
      await relay.pass(100);
      const paused = viewer.caps.publishParameters ? { forward: false } : {};
      await update(watch, { namespacePrefix: named("b").namespace, ...paused });
      await relay.pass(100);
      await push("a/z", 3);
      await relay.pass(100);
      assert.deepEqual(published(viewer), ["a/x true", `b/y ${!viewer.caps.publishParameters}`]);
      assert.deepEqual(viewer.requests[0]?.events, []);
      assert.deepEqual([said(watch), relay.defects], [["requestOk", "requestOk"], []]);
    });

    it("SUBSCRIBE_TRACKS brings what its own token permits, until that ends", async () => {
      let over: "token_expired" | undefined;
      const present = async () => ({ ...openAccess(""), expiresIn: () => 9_000, check: () => over });
      const maySubscribe = (path: string) => path.startsWith("live/open");
      const watchable = () => ["live/open"];
      const { relay, viewer, push } = await scene({ present, maySubscribe, watchable });
      await push("live/open", 1);
      await push("live/closed", 2);
      const ask = { kind: "subscribeTracks" as const, ...named("live") };
      const other = await MoqtPeer.connect(relay, version);
      await other.request({ ...ask, parameters: {} });
      await viewer.request({ ...ask, parameters: { tokens: TOKENS } });
      await relay.pass(100);
      assert.deepEqual(published(other), ["live/open true"]);
      assert.deepEqual(published(viewer), ["live/open true", "live/closed true"]);
      const expiries = viewer.requests.map(
        ({ messages: [first] }) => first?.kind === "publish" && first.parameters.expires,
      );
      assert.deepEqual(expiries, [undefined, 9_000]);
      over = "token_expired";
      await relay.pass(1_500);
      const ends = viewer.requests.map(({ messages }) => messages.at(-1)?.kind);
      assert.deepEqual(ends, ["publish", "publishDone"]);
      assert.deepEqual(relay.defects, []);
    });
  });
}
