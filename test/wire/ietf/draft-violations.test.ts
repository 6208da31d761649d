/** What a peer may not send in drafts other than 18, and the code that ends its session. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ProtocolViolation } from "../../../moq/wire/codec/errors.ts";
import { type IetfProtocol, type RequestKind, TerminationError } from "../../../moq/wire/ietf/index.ts";
import { bytes } from "../support/bytes.ts";
import type { Conversation } from "./support/arbitraries.ts";
import { capsOf, readAll } from "./support/streams.ts";

type Where = Pick<Conversation, "place" | "from" | "request">;
type Case = readonly [what: string, draft: IetfProtocol, where: Where, bytes: string, message: RegExp, code?: string];

const requests: Where = { place: "requests", from: "client" };
const client: Where = { place: "control", from: "client" };
const server: Where = { place: "control", from: "server" };
const answers = (request: RequestKind): Where => ({ place: "answers", from: "server", request });
/** CLIENT_SETUP of both drafts, and SERVER_SETUP. */
const SETUP_14 = "20 000a 01 c0000000ff00000e 00";
const SETUP_16 = "20 0001 00";
const ANSWER_16 = "21 0001 00";

const SINCE_20: readonly Case[] = [
  ["a joining fetch", "moqt-20", requests, "16 0005 00 02 02 03 00", /^FETCH: ends too early/],
  [
    "five fields of a filter",
    "moqt-20",
    requests,
    "03 000b 00 00 00 01 21 05 0101010101",
    /LOCATION_FILTER: 1 unexpected bytes/,
  ],
  ["a filter type of 6", "moqt-22", requests, "03 0006 00 00 00 01 21 06", /^SUBSCRIBE: unknown filter type/],
  [
    "an end group over 2^64-1",
    "moqt-22",
    requests,
    `03 0011 00 00 00 01 21 03 ${"ff".repeat(9)} 00 01`,
    /^SUBSCRIBE: end group over 2\^64-1/,
  ],
  ["a filter in PUBLISH_OK", "moqt-20", answers("publish"), "07 0003 01 21 00", /LOCATION_FILTER is not allowed here/],
  ["a fill in FETCH", "moqt-22", requests, "16 0007 00 00 00 01 23 01 00", /FILL_PARAMETERS is not allowed here/],
  [
    "a fill in a fill",
    "moqt-22",
    requests,
    "03 000a 00 00 00 01 23 04 01 23 01 00",
    /FILL_PARAMETERS is not allowed here/,
  ],
  ["EXPIRES in a fill", "moqt-22", requests, "03 0009 00 00 00 01 23 03 01 08 00", /EXPIRES is not allowed here/],
  [
    "a fill that is cut off",
    "moqt-22",
    requests,
    "03 0009 00 00 00 01 23 03 02 0a00",
    /^FILL_PARAMETERS: ends too early/,
  ],
  [
    "a filter of tracks in SUBSCRIBE",
    "moqt-22",
    requests,
    "03 0007 00 00 00 01 29 01 00",
    /TRACK_PROPERTY_FILTER is not/,
  ],
  ["INCLUDE_PROPERTIES of 2", "moqt-20", requests, "03 0006 00 00 00 01 35 02", /^SUBSCRIBE: flag is neither 0 nor 1/],
  ["PUBLISH_STATE_NOTIFY from a subscriber", "moqt-20", requests, "03 0004 00 00 00 00 22 0001 00", /not allowed here/],
  [
    "PUBLISH_STATE_NOTIFY of a fetch",
    "moqt-20",
    answers("fetch"),
    "18 0004 01 00 00 00 22 0001 00",
    /not allowed here/,
  ],
  ["a request id in GOAWAY", "moqt-20", server, "0000 10 0003 00 00 00", /^GOAWAY: 1 unexpected bytes/],
  ["MAX_FILTER_RANGES twice", "moqt-20", client, "0004 06 01 00 01", /^SETUP: MAX_FILTER_RANGES twice/],
];

const DRAFT_16: readonly Case[] = [
  ["a message before SETUP", "moqt-16", client, "0a 0001 00", /^UNSUBSCRIBE: not allowed here/],
  ["SERVER_SETUP from a client", "moqt-16", client, "21 0001 00", /^SERVER_SETUP: not allowed here/],
  ["a second SETUP", "moqt-16", client, `${SETUP_16} 20 0001 00`, /^CLIENT_SETUP: not allowed here/],
  [
    "a stream of a server that begins with SETUP",
    "moqt-16",
    { ...requests, from: "server" },
    SETUP_16,
    /not allowed here/,
  ],
  ["a stream that begins with SUBSCRIBE", "moqt-16", requests, "03 0000", /^SUBSCRIBE: not allowed here/],
  [
    "SUBSCRIBE_NAMESPACE on the control stream",
    "moqt-16",
    client,
    `${SETUP_16} 11 0000`,
    /SUBSCRIBE_NAMESPACE: not allowed/,
  ],
  ["NAMESPACE on the control stream", "moqt-16", client, `${SETUP_16} 08 0001 00`, /^NAMESPACE: not allowed here/],
  ["a second GOAWAY", "moqt-16", server, `${ANSWER_16} 10 0001 00 10 0001 00`, /^GOAWAY: not allowed here/],
  ["an unknown option of SUBSCRIBE_NAMESPACE", "moqt-16", requests, "11 0004 00 00 03 00", /unknown options/],
  [
    "an unknown parameter",
    "moqt-16",
    client,
    `${SETUP_16} 03 0008 00 01 0161 00 01 04 00`,
    /^SUBSCRIBE: unknown parameter/,
  ],
  [
    "a delivery time-out of 0",
    "moqt-16",
    client,
    `${SETUP_16} 03 0008 00 01 0161 00 01 02 00`,
    /DELIVERY_TIMEOUT of 0/,
  ],
  [
    "a priority over 255",
    "moqt-16",
    client,
    `${SETUP_16} 03 0009 00 01 0161 00 01 20 4100`,
    /SUBSCRIBER_PRIORITY over 255/,
  ],
  [
    "a location of another length",
    "moqt-16",
    server,
    `${ANSWER_16} 07 0007 00 01 09 03 01 02 03`,
    /^LARGEST_OBJECT: 1 unexpected bytes/,
    "key_value_formatting_error",
  ],
  ["a namespace without fields", "moqt-16", client, `${SETUP_16} 06 0003 00 00 00`, /namespace without fields/],
  ["MAX_REQUEST_ID twice", "moqt-16", client, "20 0005 02 02 01 00 02", /^CLIENT_SETUP: MAX_REQUEST_ID twice/],
];

const DRAFT_14: readonly Case[] = [
  [
    "no version that is spoken",
    "moqt-14",
    client,
    "20 000a 01 c0000000ff00000d 00",
    /no version that is spoken here/,
    "version_negotiation_failed",
  ],
  ["no versions", "moqt-14", client, "20 0002 00 00", /no version that is spoken here/, "version_negotiation_failed"],
  ["a stream for a request", "moqt-14", requests, "11 0000", /^SUBSCRIBE_NAMESPACE: not allowed here/],
  ["NAMESPACE", "moqt-14", client, `${SETUP_14} 50 0000`, /unknown message type/],
  ["an order of 3", "moqt-14", client, `${SETUP_14} 03 000a 00 01 0161 00 80 03 01 02 00`, /unknown group order/],
  ["a forward flag of 2", "moqt-14", client, `${SETUP_14} 03 000a 00 01 0161 00 80 00 02 02 00`, /flag is neither/],
  ["a filter type of 0", "moqt-14", client, `${SETUP_14} 03 000a 00 01 0161 00 80 00 01 00 00`, /unknown filter type/],
  [
    "an unknown order of SUBSCRIBE_OK",
    "moqt-14",
    client,
    `${SETUP_14} 04 0006 00 00 00 00 00 00`,
    /unknown group order/,
  ],
  ["content that exists twice", "moqt-14", client, `${SETUP_14} 04 0006 00 00 00 01 02 00`, /flag is neither/],
  ["33 namespace fields", "moqt-14", client, `${SETUP_14} 09 0022 21 ${"00".repeat(33)}`, /33 namespace fields/],
  [
    "a known parameter twice",
    "moqt-14",
    client,
    `${SETUP_14} 06 0009 00 01 0161 02 02 05 02 05`,
    /DELIVERY_TIMEOUT twice/,
  ],
];

for (const [name, cases] of Object.entries({ SINCE_20, DRAFT_16, DRAFT_14 })) {
  describe(`violations ${name.toLowerCase().replace("_", " ")}`, () => {
    for (const [what, draft, where, sent, message, code] of cases) {
      test(`${what} in ${draft}`, () => {
        assert.throws(
          () => readAll(where, bytes(sent), capsOf(draft)),
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

describe("what draft 14 ignores", () => {
  test("unknown parameters, also more than once", () => {
    const sent = `${SETUP_14} 06 000c 00 01 0161 03 21 01 ff 21 00 22 05`;
    const [, message] = readAll(client, bytes(sent), capsOf("moqt-14"));
    const namespace = [Uint8Array.of(0x61)];
    assert.deepEqual(message, { kind: "publishNamespace", requestId: 0, namespace, parameters: {} });
  });
});
