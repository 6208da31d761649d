/** Namespaces and track names have one text each, and the text gives them back. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { namespaceOf, namespaceText, trackNameOf, trackNameText } from "../../../moq/wire/ietf/index.ts";

const utf8 = (text: string) => Uint8Array.from(Buffer.from(text));

const PAIRS: readonly (readonly [string, readonly Uint8Array[]])[] = [
  ["", []],
  ["live/room1", [utf8("live"), utf8("room1")]],
  ["%", [new Uint8Array(0)]],
  ["a/%/b", [utf8("a"), new Uint8Array(0), utf8("b")]],
  ["50%25", [utf8("50%")]],
  ["a%2Fb", [utf8("a/b")]],
  ["%FFa%C3", [Uint8Array.of(0xff, 0x61, 0xc3)]],
  ["é/日本/🎥", [utf8("é"), utf8("日本"), utf8("🎥")]],
  ["\ufeffx", [utf8("\ufeffx")]],
  ["%ED%A0%80", [Uint8Array.of(0xed, 0xa0, 0x80)]],
  ["%C0%AF", [Uint8Array.of(0xc0, 0xaf)]],
];

/** Texts that belong to no namespace. */
const NONE = ["/a", "a/", "a//b", "50%", "%41", "%2f", "%C3%A9", "%zz", "%%", "\ud800"];

/** Bytes that are often valid UTF-8, or nearly. */
const field = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.string({ unit: "grapheme", maxLength: 8 }).map(utf8),
  fc
    .array(fc.constantFrom(0x25, 0x2f, 0x41, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0xed, 0xa0))
    .map((all) => Uint8Array.from(all)),
);

describe("texts of namespaces", () => {
  for (const [text, namespace] of PAIRS) {
    test(`"${text}"`, () => {
      assert.equal(namespaceText(namespace), text);
      assert.deepEqual(namespaceOf(text), namespace);
    });
  }

  test("a text that no namespace has gives none", () => {
    for (const text of NONE) assert.equal(namespaceOf(text), undefined, text);
  });

  test("the name of a track keeps its slashes", () => {
    for (const name of ["video/hd", "a//b", "/", "audio"]) {
      assert.equal(trackNameText(utf8(name)), name);
      assert.deepEqual(trackNameOf(name), utf8(name));
    }
    assert.equal(trackNameText(utf8("50%/a")), "50%25/a");
    assert.equal(trackNameText(Uint8Array.of(0xff, 0x2f)), "%FF/");
    assert.equal(trackNameOf("a%2Fb"), undefined);
  });

  test("any namespace comes back from its text", () => {
    fc.assert(
      fc.property(fc.array(field, { maxLength: 5 }), (namespace) => {
        assert.deepEqual(namespaceOf(namespaceText(namespace)), namespace);
      }),
      { numRuns: 1000 },
    );
  });

  test("any track name comes back from its text", () => {
    fc.assert(
      fc.property(field, (name) => assert.deepEqual(trackNameOf(trackNameText(name)), name)),
      { numRuns: 1000 },
    );
  });

  test("a text has a namespace only if it is the text of that namespace", () => {
    const text = fc.oneof(
      fc.string(),
      fc.array(fc.constantFrom("%", "2", "F", "f", "/", "a", "é", "C", "3")).map((all) => all.join("")),
    );
    fc.assert(
      fc.property(text, (value) => {
        const namespace = namespaceOf(value);
        if (namespace !== undefined) assert.equal(namespaceText(namespace), value);
      }),
      { numRuns: 1000 },
    );
  });
});
