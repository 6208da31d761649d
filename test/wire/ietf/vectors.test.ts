/** Control messages that independent codecs made are read as they describe them, and written as they wrote them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Capabilities, encodeMessage, type Message, type Side } from "../../../moq/wire/ietf/index.ts";
import { bytes, concat, hex } from "../support/bytes.ts";
import { ORACLE_VECTORS } from "../support/oracle-vectors.ts";
import type { Conversation } from "./support/arbitraries.ts";
import { type Fields, messageOf } from "./support/decoded.ts";
import { type PublishedVector, publishedMessages, publishedVectors } from "./support/published-vectors.ts";
import { capsOf, readerOf } from "./support/streams.ts";

const NONE = new Uint8Array(0);
const OK: Message = { kind: "requestOk", parameters: {}, properties: NONE };

interface Place {
  readonly stream: Pick<Conversation, "place" | "from" | "request">;
  /** What must precede the message on its stream. */
  readonly before: readonly Message[];
}

/** Reads the message that comes after `before`. The bytes may be the start of a message only. */
function read({ stream, before }: Place, sent: Uint8Array, caps: Capabilities): Message[] {
  const messages: Message[] = [];
  const reader = readerOf(stream, caps);
  // The type of a control stream has been read where it has one.
  const control = stream.place === "control" && caps.requestStreams;
  const all = concat(...before.map((message) => encodeMessage(message, caps)), sent);
  reader.push(control ? all.subarray(2) : all, (message) => messages.push(message));
  if (messages.length <= before.length) reader.finish();
  return messages.slice(before.length);
}

describe("vectors of moqtap-codec", () => {
  /** Streams by the type of a message. Answers are to the request that their name has. */
  function placeOf(type: string, name: string): Place {
    const answers = (request: Conversation["request"], before: readonly Message[]): Place => ({
      stream: { place: "answers", from: "server", ...(request === undefined ? {} : { request }) },
      before,
    });
    const subscribed: Message = { kind: "subscribeOk", alias: 1, parameters: {}, properties: NONE };
    switch (type) {
      case "setup":
        return { stream: { place: "control", from: "client" }, before: [] };
      case "goaway":
        if (name.endsWith("of a request")) return answers("subscribe", [subscribed]);
        return {
          stream: { place: "control", from: "server" },
          before: [{ kind: "setup", maxAuthTokenCacheSize: 0, tokens: [] }],
        };
      case "request_ok":
        return answers(name.includes("track status") ? "trackStatus" : "publish", []);
      case "request_error":
      case "subscribe_ok":
        return answers("subscribe", []);
      case "fetch_ok":
        return answers("fetch", []);
      case "publish_done":
      case "publish_state_notify":
        return answers("subscribe", [subscribed]);
      case "request_update":
        return { stream: { place: "requests", from: "client" }, before: [SUBSCRIBE] };
      case "namespace":
      case "namespace_done":
        return answers("subscribeNamespace", [OK]);
      case "publish_blocked":
      case "publish_skipped":
        return answers("subscribeTracks", [OK]);
      default:
        return { stream: { place: "requests", from: "client" }, before: [] };
    }
  }

  const SUBSCRIBE: Message = { kind: "subscribe", requestId: 0, namespace: [], name: NONE, parameters: {} };

  for (const { draft, kind, name, hex: sent, decoded } of ORACLE_VECTORS) {
    if (kind !== "control") continue;
    const caps = capsOf(`moqt-${draft}`);
    const { type, fields } = decoded as { readonly type: string; readonly fields: Fields };
    test(`${name} of draft ${draft}`, () => {
      const place = placeOf(type, name);
      const message = messageOf(type, fields, caps, place.stream.from);
      assert.deepEqual(read(place, bytes(sent), caps), [message]);
      // We send no options that we do not know.
      if (!name.includes("unknown")) assert.equal(hex(encodeMessage(message, caps)), sent);
      for (let length = 1; length < sent.length / 2; length++) {
        assert.throws(() => read(place, bytes(sent).subarray(0, length), caps), { name: "ProtocolViolation" });
      }
    });
  }
});

/**
 * What the draft forbids, though the vectors have it: SUBSCRIBE_OK without an order, unknown parameters, and types of parameters that are not
 * written as deltas.
 */
const FORBIDDEN = [
  "14 subscribe_ok no-content",
  "16 subscribe unknown-extension-param",
  "16 fetch with-params",
  "16 publish_ok with-params",
];

/** What may be read and is written otherwise: longer varints than needed, unknown parameters and versions, and empty parameters. */
const REWRITTEN =
  /non-canonical|unknown-extension|two-versions|max-request-id-param|publish_namespace_ok|subscribe_namespace_ok/;

for (const draft of [14, 16] as const) {
  describe(`vectors of moqtap for draft ${draft}`, () => {
    const caps = capsOf(`moqt-${draft}`);
    for (const file of publishedMessages(draft)) {
      const type = file.replaceAll("-", "_");
      for (const vector of publishedVectors(draft, `messages/${file}`)) {
        test(`${type} ${vector.id}`, () => check(`${draft} ${type} ${vector.id}`, type, vector, caps));
      }
    }
  });
}

function check(name: string, type: string, { hex: sent, decoded, error }: PublishedVector, caps: Capabilities): void {
  const from: Side = type === "client_setup" ? "client" : "server";
  const place = sharedPlace(type, from, caps);
  if (error !== undefined || FORBIDDEN.includes(name)) {
    assert.throws(() => read(place, bytes(sent), caps), /^(ProtocolViolation|TerminationError): /);
    return;
  }
  assert.ok(decoded);
  const message = messageOf(type, decoded, caps, from);
  assert.deepEqual(read(place, bytes(sent), caps), [message]);
  if (!REWRITTEN.test(name)) assert.equal(hex(encodeMessage(message, caps)), sent);
}

/** All messages are on the control stream, but for those of namespaces since draft 16. */
function sharedPlace(type: string, from: Side, caps: Capabilities): Place {
  if (type.endsWith("_setup")) return { stream: { place: "control", from }, before: [] };
  if (caps.namespaceStreams && type === "subscribe_namespace")
    return { stream: { place: "requests", from }, before: [] };
  if (type === "namespace" || type === "namespace_done") {
    return {
      stream: { place: "answers", from, request: "subscribeNamespace" },
      before: [{ kind: "requestOk", requestId: 0, parameters: {}, properties: NONE }],
    };
  }
  return {
    stream: { place: "control", from },
    before: [{ kind: "setup", from, maxAuthTokenCacheSize: 0, tokens: [] }],
  };
}
