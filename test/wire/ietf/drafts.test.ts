/** One message, and the bytes of it in each draft, written down by hand from the drafts' figures. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  encodeMessage,
  type IetfProtocol,
  type LocationFilter,
  type Message,
  type Parameters,
  type RangeFilter,
} from "../../../moq/wire/ietf/index.ts";
import { bytes, hex } from "../support/bytes.ts";
import type { Conversation } from "./support/arbitraries.ts";
import { capsOf, readAll } from "./support/streams.ts";

type Bytes = Readonly<Partial<Record<IetfProtocol, string>>>;
type Where = Pick<Conversation, "place" | "from" | "request">;

const requests: Where = { place: "requests", from: "client" };
const answers: Where = { place: "answers", from: "server", request: "subscribe" };

/** Checks what is written, and that it reads as the same message. */
function check(what: string, messages: readonly Message[], where: Where, drafts: Bytes): void {
  for (const [protocol, expected] of Object.entries(drafts)) {
    test(`${what} in ${protocol}`, () => {
      const caps = capsOf(protocol);
      const written = messages.map((message) => hex(encodeMessage(message, caps))).join("");
      assert.equal(written, expected.replaceAll(" ", ""));
      assert.deepEqual(readAll(where, bytes(expected), caps), messages);
    });
  }
}

const utf8 = (text: string) => Uint8Array.from(Buffer.from(text));
const track = { namespace: [utf8("live"), utf8("a")], name: utf8("v") };
const NONE = new Uint8Array(0);
const ok: Message = { kind: "subscribeOk", alias: 7, parameters: {}, properties: NONE };

function subscribe(parameters: Parameters): Message[] {
  return [{ kind: "subscribe", requestId: 2, ...track, parameters }];
}

describe("filters of a subscription", () => {
  /** The bytes of a filter alone; the message before it is of the same length in each draft. */
  function filter(what: string, value: LocationFilter, drafts: Bytes): void {
    const whole = Object.entries(drafts).map(([protocol, parameter]) => {
      const size = (11 + bytes(parameter).length + 1).toString(16).padStart(4, "0");
      return [protocol, `03 ${size} 02 02046c6976650161 0176 01 ${parameter}`];
    });
    check(what, subscribe({ filter: value }), requests, Object.fromEntries(whole));
  }
  filter(
    "the next group",
    { kind: "relative", groups: 0 },
    { "moqt-18": "210101", "moqt-20": "210100", "moqt-22": "210100" },
  );
  filter("the group before", { kind: "relative", groups: 2 }, { "moqt-20": "210102", "moqt-22": "210102" });
  filter("the next object", { kind: "next_object" }, { "moqt-18": "210102", "moqt-20": "21020000", "moqt-22": "2105" });
  filter(
    "a start",
    { kind: "absolute", start: { group: 10, object: 3 } },
    { "moqt-18": "2103030a03", "moqt-20": "21020a03", "moqt-22": "21020a03" },
  );
  filter(
    "a start at a large group",
    { kind: "absolute", start: { group: 300, object: 0 } },
    { "moqt-18": "210403812c00", "moqt-20": "2103812c00", "moqt-22": "2102812c00" },
  );
  filter(
    "groups",
    { kind: "absolute", start: { group: 10, object: 3 }, end: { group: 20 } },
    { "moqt-18": "2104040a030a", "moqt-20": "21030a030a", "moqt-22": "21030a030a" },
  );
  filter(
    "objects",
    { kind: "absolute", start: { group: 10, object: 3 }, end: { group: 10, object: 9 } },
    { "moqt-20": "21040a030009", "moqt-22": "21040a030009" },
  );
  filter("the very first object", { kind: "absolute", start: { group: 0, object: 0 } }, { "moqt-22": "21020000" });
  filter("no filter", { kind: "none" }, { "moqt-20": "2100", "moqt-22": "2100" });
});

describe("parameters of draft 20 and later", () => {
  const fill: Parameters = { fill: { fillTimeout: 5, filter: { kind: "relative", groups: 2 } } };
  check("a fill", subscribe(fill), requests, {
    "moqt-20": "03 0014 02 02046c6976650161 0176 01 23 06 02 0a05 170102",
    "moqt-22": "03 0014 02 02046c6976650161 0176 01 23 06 02 0a05 170102",
  });
  check("a fill without anything different", subscribe({ fill: {} }), requests, {
    "moqt-22": "03 000f 02 02046c6976650161 0176 01 23 01 00",
  });
  const ranges = [
    { start: 3, end: 5 },
    { start: 10, end: 15 },
  ];
  check("a filter of objects", subscribe({ rangeFilters: [{ field: "object", set: 1, ranges }] }), requests, {
    "moqt-20": "03 0013 02 02046c6976650161 0176 01 26 05 01 03020505",
  });
  const property: RangeFilter = { field: "object_property", set: 0, property: 16, ranges: [{ start: 8 }] };
  check("a filter of a property", subscribe({ rangeFilters: [property] }), requests, {
    "moqt-22": "03 0011 02 02046c6976650161 0176 01 28 03 00 10 08",
  });
  check("a filter that is lifted", subscribe({ rangeFilters: [{ field: "subgroup", ranges: [] }] }), requests, {
    "moqt-22": "03 000e 02 02046c6976650161 0176 01 25 00",
  });
  check("no properties in the answer", subscribe({ includeProperties: false }), requests, {
    "moqt-20": "03 000e 02 02046c6976650161 0176 01 35 00",
  });
});

describe("messages that differ between drafts", () => {
  const start = { group: 5, object: 1 };
  const fetch: Message = {
    kind: "fetch",
    requestId: 4,
    of: track,
    parameters: { filter: { kind: "absolute", start, end: { group: 6, object: 2 } } },
  };
  check("a fetch", [fetch], requests, {
    "moqt-18": "16 0011 04 01 02046c6976650161 0176 0501 0603 00",
    "moqt-20": "16 0012 04 02046c6976650161 0176 01 21 04 05010102",
    "moqt-22": "16 0012 04 02046c6976650161 0176 01 21 04 05010102",
  });
  const joining: Message = {
    kind: "fetch",
    requestId: 4,
    of: { subscription: 2, start: 3, relative: true },
    parameters: {},
  };
  check("a joining fetch", [joining], requests, { "moqt-18": "16 0005 04 02 02 03 00" });
  const fetched: Message = {
    kind: "fetchOk",
    endOfTrack: true,
    end: { group: 6, object: 2 },
    parameters: {},
    properties: NONE,
  };
  check(
    "the end of a fetch",
    [fetched],
    { ...answers, request: "fetch" },
    {
      "moqt-18": "18 0004 01 0603 00",
      "moqt-20": "18 0004 01 0602 00",
    },
  );
  check(
    "the whole last group of a fetch",
    [{ ...fetched, end: { group: 6 } }],
    { ...answers, request: "fetch" },
    {
      "moqt-18": "18 0004 01 0600 00",
      "moqt-22": "18 000c 01 06 ffffffffffffffffff 00",
    },
  );
  check("an end with unknown streams", [ok, { kind: "publishDone", code: 2, reason: "" }], answers, {
    "moqt-18": "04 0002 0700 0b 000b 02 ff3fffffffffffffff 00",
    "moqt-20": "04 0002 0700 0b 000b 02 ffffffffffffffffff 00",
  });
  check("a state of a subscription", [ok, { kind: "publishState", parameters: { forward: false } }], answers, {
    "moqt-20": "04 0002 0700 22 0003 01 10 00",
  });
  const away: Message = { kind: "goaway", uri: "", timeout: 9 };
  check("GOAWAY of a request", [ok, away], answers, {
    "moqt-18": "0400020700 10 0002 0009",
    "moqt-22": "0400020700 10 0002 0009",
  });
});

describe("messages that a draft does not have", () => {
  const cases: readonly (readonly [IetfProtocol, Message])[] = [
    ["moqt-18", { kind: "publishState", parameters: {} }],
    ["moqt-20", { kind: "fetch", requestId: 0, of: { subscription: 0, start: 0, relative: true }, parameters: {} }],
    ["moqt-18", { kind: "fetch", requestId: 0, of: track, parameters: {} }],
    ["moqt-18", subscribe({ filter: { kind: "relative", groups: 1 } })[0] as Message],
    [
      "moqt-18",
      subscribe({
        filter: { kind: "absolute", start: { group: 0, object: 0 }, end: { group: 1, object: 1 } },
      })[0] as Message,
    ],
    ["moqt-18", { kind: "requestError", code: 0x34, reason: "" }],
    ["moqt-18", { kind: "publishDone", code: 0, reason: "", streams: -1 }],
  ];
  for (const [protocol, message] of cases) {
    test(`${message.kind} in ${protocol} is a RangeError`, () => {
      assert.throws(() => encodeMessage(message, capsOf(protocol)), RangeError);
    });
  }
});

describe("parameters that a message must not have are left out", () => {
  const everything: Parameters = { expires: 5, forward: false, priority: 3, groupOrder: "descending", fillTimeout: 1 };
  const written = (message: Message, protocol: string) => hex(encodeMessage(message, capsOf(protocol)));
  const accepted: Message = { kind: "requestOk", parameters: everything, properties: NONE };

  test("SUBSCRIBE has no expiry, and SUBSCRIBE_OK no wishes", () => {
    assert.equal(
      written({ kind: "subscribe", requestId: 0, namespace: [], name: NONE, parameters: everything }, "moqt-18"),
      "03000a00000003100010030202",
    );
    assert.equal(written({ ...ok, parameters: everything }, "moqt-22"), "04000407010805");
  });

  test("PUBLISH_OK says what is wanted up to draft 18 only", () => {
    assert.equal(written(accepted, "moqt-20"), "070003010805");
    assert.equal(written(accepted, "moqt-18"), "070009040805080010030202");
  });

  test("drafts before 17 ignore them, so they are written", () => {
    const message: Message = { ...accepted, requestId: 1 };
    assert.equal(written(message, "moqt-16"), "07000a01040805080010030202");
  });
});

describe("filters that are not valid", () => {
  const caps = capsOf("moqt-22");
  /** Parameters after the name of a SUBSCRIBE. */
  function parametersOf(count: number, parameters: string): Parameters {
    const size = (12 + bytes(parameters).length).toString(16).padStart(4, "0");
    const count8 = count.toString(16).padStart(2, "0");
    const [message] = readAll(requests, bytes(`03 ${size} 02 02046c6976650161 0176 ${count8} ${parameters}`), caps);
    assert.ok(message?.kind === "subscribe");
    return message.parameters;
  }
  const cases: readonly (readonly [string, number, string])[] = [
    ["a priority over 255", 1, "27 04 00 05 80fb"],
    ["an odd property type", 1, "28 03 00 11 08"],
    ["a value over 2^64-1", 1, "26 0b 00 01 ffffffffffffffffff"],
    ["a value that is cut off", 1, "26 02 00 ff"],
    ["the same filter twice", 2, "26 02 01 05 00 02 01 06"],
    ["65 ranges", 1, `26 8082 00 ${"01".repeat(129)}`],
    ["a filter inside of a fill", 1, "23 06 01 27 03 00 8100"],
  ];
  for (const [what, count, parameters] of cases) {
    test(`${what} is for the session to refuse`, () =>
      assert.equal(parametersOf(count, parameters).invalidFilter, true));
  }

  test("valid filters beside one that is not are kept", () => {
    const { rangeFilters, forward } = parametersOf(3, "10 01 15 02 01 05 02 04 00 05 80fb");
    assert.deepEqual(rangeFilters, [{ field: "subgroup", set: 1, ranges: [{ start: 5 }] }]);
    assert.equal(forward, true);
  });
});

test("an order of 0 in a SUBSCRIBE of draft 16 is as if it were absent", () => {
  const control: Where = { place: "control", from: "client" };
  const text = "20 0001 00 03 000e 02 02046c6976650161 0176 01 2200";
  const [, message] = readAll(control, bytes(text), capsOf("moqt-16"));
  assert.ok(message?.kind === "subscribe");
  assert.equal(message.parameters.groupOrder, undefined);
});
