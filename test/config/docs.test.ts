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
    return text === "" ? [] : [{ key: path, value: asFlag(text), name: `--${path}` }];
  });
  const memory = () => 2 ** 32;
  assert.deepEqual(loadConfig({ flags: defaults, memory }).config, loadConfig({ memory }).config);
});

/** A default of the file as a flag has it: texts without quotes, lists with commas. */
function asFlag(text: string): string {
  const list = /^\[(.*)\]$/.exec(text)?.[1];
  return list === undefined ? text.replace(/^"(.*)"$/, "$1") : list.replaceAll('"', "");
}

test("no two keys have the same short flag", () => {
  const flags = keys.flatMap(({ section, key }) => fieldOf(section, key)?.flag ?? []);
  assert.equal(new Set(flags).size, flags.length);
});
