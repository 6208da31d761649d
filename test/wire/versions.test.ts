import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Capabilities,
  capabilities,
  EXPERIMENTAL_PROTOCOLS,
  LITE_VERSIONS,
  type LiteVersion,
  MESH_PROTOCOLS,
  STABLE_PROTOCOLS,
} from "../../moq/wire/lite/versions.ts";
import { capsOf } from "./support/bytes.ts";

test("stable versions are offered best first, and no version is in two lists", () => {
  assert.deepEqual(STABLE_PROTOCOLS, ["moq-lite-06", "moq-lite-05", "moq-lite-04", "moq-lite-03"]);
  assert.deepEqual(EXPERIMENTAL_PROTOCOLS, ["moq-lite-07-wip", "moq-lite-06-wip"]);
  assert.deepEqual(MESH_PROTOCOLS, ["moqmesh-2", "moqmesh-1"]);
  assert.deepEqual(
    [...STABLE_PROTOCOLS, ...EXPERIMENTAL_PROTOCOLS, ...MESH_PROTOCOLS].toSorted(),
    [...LITE_VERSIONS].toSorted(),
  );
});

test("each version has its own capabilities", () => {
  for (const version of LITE_VERSIONS) assert.equal(capsOf(version).protocol, version);
});

test("other protocols have no capabilities", () => {
  for (const other of ["", "h3", "moql", "moq-lite-02", "moq-lite-05-wip", "moq-lite-07", "constructor"]) {
    assert.equal(capabilities(other), undefined);
  }
});

test("a capability stays in later versions, unless the changelog removes it", () => {
  const removed: (keyof Capabilities)[] = ["excludeHop", "announceRepeat"];
  const kept = (older: LiteVersion, newer: LiteVersion, also: readonly (keyof Capabilities)[] = []) => {
    for (const [name, value] of Object.entries(capsOf(older))) {
      const key = name as keyof Capabilities;
      if (value !== true || removed.includes(key) || also.includes(key)) continue;
      assert.equal(capsOf(newer)[key], true, `${name} in ${newer}`);
    }
  };
  kept("moq-lite-03", "moq-lite-04");
  kept("moq-lite-04", "moq-lite-05");
  kept("moq-lite-05", "moq-lite-06", ["groupOrder"]);
  kept("moq-lite-06", "moq-lite-07-wip");
  kept("moq-lite-05", "moq-lite-06-wip");
  kept("moq-lite-06-wip", "moqmesh-1");
  kept("moqmesh-1", "moqmesh-2");
});
