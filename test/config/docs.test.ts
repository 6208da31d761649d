import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig, sections } from "../../relay/config/config.ts";
import { fieldOf } from "../../relay/config/layers.ts";

const keys = [...sections.values()].flatMap((section) =>
  Object.keys(section.schema.shape).map((key) => ({ section, key, path: `${section.name}.${key}` })),
);

test("every key is described in sentences", () => {
  for (const { section, key, path } of keys)
    assert.match(fieldOf(section, key)?.description ?? "", /^[A-Z`].*\.$/, path);
});

test("every documented default is the value of an empty configuration", () => {
  const defaults = keys.flatMap(({ section, key, path }) => {
    const text = fieldOf(section, key)?.default ?? "";
    return text === ""
      ? []
      : [{ key: path, value: text.replace(/^"(.*)"$/, "$1").replace(/^\[\]$/, ""), name: `--${path}` }];
  });
  const memory = () => 2 ** 32;
  assert.deepEqual(loadConfig({ flags: defaults, memory }).config, loadConfig({ memory }).config);
});

test("no two keys have the same short flag", () => {
  const flags = keys.flatMap(({ section, key }) => fieldOf(section, key)?.flag ?? []);
  assert.equal(new Set(flags).size, flags.length);
});
