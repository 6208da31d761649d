import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { keyLines, lineOf } from "../../relay/config/toml-lines.ts";

const EXAMPLE = `# [not.a.table]
top = 1

[server] # "quoted" [brackets]
port = 4443
"host" = '[::1]' # = x
names = [
  "a = 1", # comment ]
  "[b]",
]
text = """
port = 5
\\""" still text
"""
raw = '''
[tls]
'''''
inline = { cert = "x", key = "}" }
last = 1
[tls]
a.b . "c d" = 3
[[peer]]
url = "x"
`;

test("every key has its line, also after strings, lists, comments and inline tables", () => {
  const lines = keyLines(EXAMPLE);
  const expected: [string, number][] = [
    ["top", 2],
    ["server", 4],
    ["server.port", 5],
    ["server.host", 6],
    ["server.names", 7],
    ["server.text", 11],
    ["server.raw", 15],
    ["server.inline", 18],
    ["server.last", 19],
    ["tls", 20],
    ["tls.a", 21],
    ["tls.a.b.c d", 21],
    ["peer", 22],
    ["peer.url", 23],
  ];
  for (const [path, line] of expected) assert.equal(lines.get(path), line, path);
  assert.equal(lines.has("not"), false);
});

test("a key in an inline table has the line of the table", () => {
  assert.equal(lineOf(keyLines(EXAMPLE), ["server", "inline", "cert"]), 18);
  assert.equal(lineOf(keyLines(EXAMPLE), ["nowhere", "at", "all"]), undefined);
});

test("lines are counted with both kinds of line end, and after a byte order mark", () => {
  assert.equal(keyLines("\uFEFF[a]\r\nb = 1\r\n\r\nc = 2\r\n").get("a.c"), 4);
});

test("the walk ends on any text, also when it is not TOML", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."[]{}=\"'.#\\\n ab1") }), (text) => {
      for (const line of keyLines(text).values()) assert.ok(line >= 1 && line <= text.split("\n").length);
    }),
  );
});

test("the walk finds the keys that the parser finds", () => {
  const name = fc.string({ minLength: 1, maxLength: 8 }).filter((text) => !text.includes(".") && text !== "__proto__");
  const value = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.string(), { maxLength: 3 }));
  const document = fc.dictionary(name, fc.dictionary(name, value, { noNullPrototype: true }), {
    noNullPrototype: true,
  });
  fc.assert(
    fc.property(document, (tables) => {
      const text = stringify(tables);
      const found = new Set(keyLines(text).keys());
      const expected = Object.entries(parse(text)).flatMap(([table, values]) => [
        table,
        ...Object.keys(values).map((key) => `${table}.${key}`),
      ]);
      assert.deepEqual([...found].sort(), expected.sort());
    }),
  );
});
