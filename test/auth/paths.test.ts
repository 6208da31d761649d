/** What a token grants at a path, as a person would read it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { authorize, covers, generateKey, KeyError, signToken, verifyToken } from "../../auth/index.ts";
import { NOW, RULES } from "./support.ts";

describe("a token's paths", () => {
  const table: [root: string, put: string[], get: string[], at: string, publish: string[], subscribe: string[]][] = [
    ["demo", ["my-stream"], [""], "demo", ["my-stream"], [""]],
    ["demo", ["my-stream"], [""], "", ["demo/my-stream"], ["demo"]],
    ["rooms/123", ["alice"], [""], "/rooms/123/", ["alice"], [""]],
    ["rooms/123", ["alice"], [""], "rooms", ["123/alice"], ["123"]],
    ["", [""], [], "any/where", [""], []],
    ["demo", ["room"], ["room/a", "else"], "demo/room", [""], ["a"]],
    ["demo", ["room"], [""], "demo/room/b", [""], [""]],
    ["/demo//", ["/room/"], [], "//demo", ["room"], []],
  ];
  for (const [root, put, get, at, publish, subscribe] of table) {
    it(`root ${root || "/"}, put ${put}, get ${get}, at ${at || "/"}: publish ${publish}, watch ${subscribe}`, () => {
      assert.deepEqual(authorize({ root, put, get }, at), { publish, subscribe });
    });
  }

  it("match the table in docs/auth.md", () => {
    const text = readFileSync(new URL("../../docs/auth.md", import.meta.url), "utf8");
    const rows = [...text.matchAll(/^\|(.*)\| `(\/.*?)` \|(.*)\|(.*)\|$/gm)];
    assert.ok(rows.length >= 10);
    for (const [line, claims = "", at = "", publish = "", subscribe = ""] of rows) {
      const [root = "", ...lists] = claims.split("|").map((cell) => cell.trim().replace(/^`(?:"")?|`$/g, ""));
      const [put = [], get = []] = claims
        .split("|")
        .slice(1)
        .map((cell, index) => (cell.trim() === "" ? [] : [lists[index] ?? ""]));
      const says = (prefixes: readonly string[]) =>
        prefixes.map((one) => (one === "" ? "everything" : `\`${one}\` and below`)).join() || "nothing";
      const refused = /403 `(\w+)`/.exec(publish)?.[1];
      if (refused === undefined) {
        const found = authorize({ root, put, get }, at);
        assert.deepEqual([says(found.publish), says(found.subscribe)], [publish.trim(), subscribe.trim()], line);
      } else assert.throws(() => authorize({ root, put, get }, at), { code: refused }, line);
    }
  });

  const refused: [root: string, put: string[], at: string, code: string][] = [
    ["demo", [""], "other", "path_unrelated"],
    ["demo", [""], "demos", "path_unrelated"],
    ["demo", [""], "dem", "path_unrelated"],
    ["demo", [""], "Demo", "path_unrelated"],
    // Cyrillic e, and e with a combining accent against one code point.
    ["demo", [""], "d\u0435mo", "path_unrelated"],
    ["caf\u00e9", [""], "cafe\u0301", "path_unrelated"],
    ["demo", [""], "demo%2froom/../..", "path_unrelated"],
    ["demo", ["room"], "demo/roomy", "path_not_granted"],
    ["demo", ["room"], "demo/roo", "path_not_granted"],
  ];
  for (const [root, put, at, code] of refused) {
    it(`root ${root}, put ${put}, at ${at}: ${code}`, () => {
      assert.throws(() => authorize({ root, put, get: [] }, at), { name: "AuthError", code });
    });
  }

  it("cover whole segments only, and never `..`", () => {
    const prefixes = ["demo/room", "x"];
    for (const path of ["demo/room", "demo/room/a/b", "x", "x/demo", "x/..a", "x/%2e%2e"])
      assert.equal(covers(prefixes, path), true, path);
    for (const path of [
      "demo",
      "demo/roomy",
      "demo/roo",
      "xx",
      "",
      "X",
      "x/../demo",
      "x/..",
      "x/./a",
      "x/a\\..\\b",
      "x\u0000",
    ]) {
      assert.equal(covers(prefixes, path), false, path);
    }
    assert.equal(covers([""], "any/thing"), true);
    assert.equal(covers([], "any"), false);
  });

  it("are limited by the scope of the key, for signing and for verifying", async () => {
    const key = await generateKey({ alg: "HS256", scope: { root: "project", put: ["live"], get: ["watch"] } });
    const { scope: _scope, ...jwk } = key.jwk;
    const unscoped = { ...key, jwk, scope: undefined, verifier: key.verifier };
    const table: [string, string[], string[], boolean][] = [
      ["project/live", ["a"], [], true],
      ["", ["project/live/a"], ["project/watch"], true],
      ["project", ["lively"], [], false],
      ["project", [], ["live"], false],
      ["", [""], [], false],
    ];
    for (const [root, put, get, fits] of table) {
      const signed = signToken(key, { root, put, get });
      const forged = signToken(unscoped, { root, put, get });
      if (fits) await verifyToken(await signed, key, RULES, NOW);
      else await assert.rejects(signed, KeyError);
      if (!fits) await assert.rejects(verifyToken(await forged, key, RULES, NOW), { code: "key_scope_exceeded" });
    }
  });
});
