/** What a peer may not send in control messages, and the code that ends its session. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ProtocolViolation } from "../../../moq/wire/codec/errors.ts";
import { capabilities, type RequestKind, type Side, TerminationError } from "../../../moq/wire/ietf/index.ts";
import { bytes, concat } from "../support/bytes.ts";
import type { Conversation } from "./support/arbitraries.ts";
import { readAll, readerOf } from "./support/streams.ts";

type Case = readonly [what: string, where: Where, bytes: string, message: RegExp, code?: string];
type Where = Pick<Conversation, "place" | "from" | "request">;

const requests: Where = { place: "requests", from: "client" };
const control = (from: Side): Where => ({ place: "control", from });
const answers = (request: RequestKind, from: Side = "server"): Where => ({ place: "answers", from, request });

const FIRST_MESSAGES: readonly Case[] = [
  ["an unknown message type", requests, "3f 0000", /unknown message type/],
  ["SETUP on a request stream", requests, "af00 0000", /^SETUP: not allowed here/],
  ["an answer that opens a stream", requests, "07 0001 00", /^REQUEST_OK: not allowed here/],
  ["an update that opens a stream", requests, "02 0002 0000", /^REQUEST_UPDATE: not allowed here/],
  ["a second request on a stream", requests, "0d 0004 00 00 00 00 0d 0004 02 00 00 00", /^TRACK_STATUS: not allowed/],
  ["an update of TRACK_STATUS", requests, "0d 0004 00 00 00 00 02 0002 0200", /^REQUEST_UPDATE: not allowed/],
  ["another answer than that of the request", answers("subscribe"), "07 0001 00", /^REQUEST_OK: not allowed here/],
  ["PUBLISH_DONE before SUBSCRIBE_OK", answers("subscribe"), "0b 0003 000000", /^PUBLISH_DONE: not allowed here/],
  ["NAMESPACE before the answer", answers("subscribeNamespace"), "08 0001 00", /^NAMESPACE: not allowed here/],
  ["GOAWAY before the answer", answers("subscribeNamespace"), "10 0002 0000", /^GOAWAY: not allowed here/],
  ["a second SUBSCRIBE_OK", answers("subscribe"), "04 0002 0100 04 0002 0100", /^SUBSCRIBE_OK: not allowed here/],
  ["a second GOAWAY", answers("fetch"), "10 0002 0000 10 0002 0000", /^GOAWAY: not allowed here/],
  ["a request on a control stream", control("client"), "0000 0d 0004 00 00 00 00", /^TRACK_STATUS: not allowed here/],
  ["a second SETUP", control("client"), "0000 af00 0000", /^SETUP: not allowed here/],
];

const LENGTHS: readonly Case[] = [
  ["a body that ends early", requests, "03 0003 00 01 01", /^SUBSCRIBE: ends too early/],
  ["bytes after the last field", requests, "0d 0005 00 00 00 00 00", /^TRACK_STATUS: 1 unexpected bytes/],
  ["33 namespace fields", requests, `06 0045 00 21 ${"0161".repeat(33)} 00`, /33 namespace fields, at most 32/],
  ["an empty namespace field", requests, "06 0004 00 01 00 00", /^PUBLISH_NAMESPACE: empty namespace field/],
  ["a namespace of 4097 bytes", requests, `06 1006 00 01 9001 ${"61".repeat(4097)} 00`, /4097 bytes, at most 4096/],
  [
    "a full track name of 4097 bytes",
    requests,
    `0d 1007 00 01 9000 ${"61".repeat(4096)} 0161 00`,
    /^TRACK_STATUS: 1 bytes, at most 0/,
  ],
  ["a reason of 1025 bytes", answers("fetch"), `05 0405 00 00 8401 ${"61".repeat(1025)}`, /reason of 1025 bytes/],
  ["a URI of 8193 bytes", control("server"), `0000 10 2005 a001 ${"61".repeat(8193)} 00 00`, /string of 8193 bytes/],
  ["an option of 65536 bytes", control("client"), "0004 01 c10000", /^SETUP: 65536 bytes, at most 65535/],
];

const PARAMETERS: readonly Case[] = [
  ["an unknown parameter", requests, "0d 0006 00 00 00 01 3b 00", /^TRACK_STATUS: unknown parameter/],
  ["a parameter twice", requests, "03 0008 00 00 00 02 02 05 00 05", /^SUBSCRIBE: OBJECT_DELIVERY_TIMEOUT twice/],
  [
    "a parameter of other messages",
    requests,
    "0d 0006 00 00 00 01 02 05",
    /OBJECT_DELIVERY_TIMEOUT is not allowed here/,
  ],
  ["a type over 2^64-1", requests, `03 0011 00 00 00 02 03 02 03 00 ${"ff".repeat(9)}`, /type over 2\^64-1/],
  ["a forward flag of 2", requests, "03 0006 00 00 00 01 10 02", /^SUBSCRIBE: flag is neither 0 nor 1/],
  ["a group order of 0", requests, "03 0006 00 00 00 01 22 00", /^SUBSCRIBE: unknown group order/],
  ["a group order of 3", requests, "03 0006 00 00 00 01 22 03", /^SUBSCRIBE: unknown group order/],
  ["an unknown filter type", requests, "03 0007 00 00 00 01 21 01 05", /^LOCATION_FILTER: unknown filter type/],
  ["a filter that is too long", requests, "03 0008 00 00 00 01 21 02 01 00", /^LOCATION_FILTER: 1 unexpected bytes/],
  [
    "an end group over 2^64-1",
    requests,
    `03 0012 00 00 00 01 21 0c 04 ${"ff".repeat(9)} 00 01`,
    /end group over 2\^64-1/,
  ],
  [
    "a token of an unknown form",
    requests,
    "03 0007 00 00 00 01 03 01 04",
    /^AUTHORIZATION TOKEN: unknown alias type/,
    "key_value_formatting_error",
  ],
  [
    "a token that ends early",
    requests,
    "03 0007 00 00 00 01 03 01 00",
    /^AUTHORIZATION TOKEN: ends too early/,
    "key_value_formatting_error",
  ],
  [
    "17 tokens",
    requests,
    `03 0048 00 00 00 11 03 02 0300 ${"00 02 0300".repeat(16)}`,
    /^AUTHORIZATION_TOKEN: more than 16 tokens/,
  ],
  ["129 parameters", requests, "03 0005 00 00 00 8081", /^SUBSCRIBE: 129 parameters, at most 128/],
  ["513 properties", answers("subscribe"), `04 0404 01 00 ${"0000".repeat(513)}`, /more than 512 properties/],
  ["properties in PUBLISH_OK", answers("publish"), "07 0003 00 04 05", /^REQUEST_OK: unexpected track properties/],
  ["an unknown publisher order", answers("subscribe"), "04 0004 01 00 22 03", /DEFAULT_PUBLISHER_GROUP_ORDER/],
  ["dynamic groups of 2", answers("subscribe"), "04 0004 01 00 30 02", /DYNAMIC_GROUPS over 1/],
  ["properties that are cut off", answers("subscribe"), "04 0004 01 00 0d 05", /^Track Properties: ends too early/],
  [
    "immutable properties that are cut off",
    answers("subscribe"),
    "04 0005 01 00 0b 01 04",
    /^Immutable Properties: ends too early/,
    "key_value_formatting_error",
  ],
];

const FIELDS: readonly Case[] = [
  ["an unknown fetch type", requests, "16 0003 00 04 00", /^FETCH: unknown fetch type/],
  ["an end-of-track flag of 2", answers("fetch"), "18 0004 02 00 00 00", /^FETCH_OK: flag is neither 0 nor 1/],
  ["a URI from a client", control("client"), "0000 10 0004 0161 00 01", /^GOAWAY: URI from a client/],
  ["a request id of the server's own", control("server"), "0000 10 0003 00 00 01", /wrong side/, "invalid_request_id"],
  ["a request id of the client's own", control("client"), "0000 10 0003 00 00 02", /wrong side/, "invalid_request_id"],
  ["a request id on a request stream", answers("fetch"), "10 0003 00 00 00", /^GOAWAY: 1 unexpected bytes/],
  [
    "a redirect with a URI from a client",
    answers("publish", "client"),
    "05 0007 34 00 00 0161 00 00",
    /^Redirect: URI from a client/,
  ],
  [
    "a redirect of a namespace to a track",
    answers("publishNamespace"),
    "05 0007 34 00 00 00 00 0161",
    /^Redirect: track name for a request of a namespace/,
  ],
  ["a redirect that is not there", answers("fetch"), "05 0003 34 00 00", /^REQUEST_ERROR: ends too early/],
];

const SETUPS: readonly Case[] = [
  ["PATH from a server", control("server"), "0003 01 01 2f", /^PATH: sent by a server/, "invalid_path"],
  ["a PATH without a slash", control("client"), "0003 01 01 61", /^PATH: not as in RFC 3986/, "malformed_path"],
  ["a PATH with a space", control("client"), "0004 01 02 2f20", /^PATH: not as in RFC 3986/, "malformed_path"],
  ["a PATH that is not UTF-8", control("client"), "0004 01 02 2fff", /^PATH: not as in RFC 3986/, "malformed_path"],
  ["PATH twice", control("client"), "0006 01 01 2f 00 01 2f", /^SETUP: PATH twice/],
  ["AUTHORITY from a server", control("server"), "0003 05 01 61", /^AUTHORITY: sent by a server/, "invalid_authority"],
  ["an AUTHORITY with a slash", control("client"), "0004 05 02 612f", /^AUTHORITY: not as/, "malformed_authority"],
  ["an empty AUTHORITY", control("client"), "0002 05 00", /^AUTHORITY: not as/, "malformed_authority"],
  ["USE_ALIAS from a client", control("client"), "0004 03 02 0201", /^SETUP: token alias before any is registered/],
  ["65 options", control("client"), `0082 3c 00 ${"00 00".repeat(64)}`, /^SETUP: more than 64 options/],
  ["options that are cut off", control("client"), "0002 01 05", /^SETUP: ends too early/],
];

const caps = capabilities("moqt-18");
assert.ok(caps);

for (const [name, cases] of Object.entries({ FIRST_MESSAGES, LENGTHS, PARAMETERS, FIELDS, SETUPS })) {
  describe(`violations in moqt-18: ${name.toLowerCase().replace("_", " ")}`, () => {
    for (const [what, where, sent, message, code] of cases) {
      test(what, () => {
        assert.throws(
          () => readAll(where, bytes(sent), caps),
          (error) => {
            assert.ok(error instanceof ProtocolViolation);
            assert.match(error.message, message);
            assert.equal(error instanceof TerminationError ? error.termination : undefined, code);
            return true;
          },
        );
      });
    }
  });
}

describe("streams that end", () => {
  test("a stream may not end inside a message", () => {
    const ends = ["03", "0300", "0300 08 00"];
    for (const sent of ends) assert.throws(() => readAll(requests, bytes(sent), caps), /stream ends inside a message/);
  });

  test("a control stream may not end", () => {
    const reader = readerOf(control("client"), caps);
    reader.push(bytes("0000"), () => {});
    assert.throws(() => reader.finish(), /control stream ends/);
  });

  test("an empty request stream is none", () => {
    assert.equal(readerOf(requests, caps).finish(), false);
  });

  test("a message that is not allowed is refused before its body arrives", () => {
    assert.throws(() => readerOf(requests, caps).push(bytes("04"), () => {}), /^ProtocolViolation: SUBSCRIBE_OK/);
  });
});

test("what a peer may add is skipped: unknown options, more than once, and unknown properties", () => {
  const setup = readAll(control("client"), concat(bytes("000b 04 05 8099 01 00 00 01 01 01 00")), caps);
  assert.deepEqual(setup, [{ kind: "setup", maxAuthTokenCacheSize: 5, tokens: [] }]);
});
