/** The Rust modules of the engine import each other in one direction: no module leads back to itself. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { sep } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const SOURCES = fileURLToPath(new URL("../../engine/src/", import.meta.url));

/** Module path, such as `worker_loop::links`, to the modules that it names. */
type Graph = ReadonlyMap<string, ReadonlySet<string>>;

function moduleOf(file: string): string {
  const path = file.replace(/\.rs$/, "").split(sep);
  if (path.at(-1) === "mod") path.pop();
  return path.join("::");
}

/** Paths that the code names, spelt from the crate's root. Comments, and imports inside a file's own tests, do not count. */
function pathsIn(module: string, text: string): string[] {
  const code = text.replaceAll(/\/\/.*$/gm, "").replace(/#\[cfg\(test\)\]\s*mod \w+ \{.*/s, "");
  assert.doesNotMatch(
    code,
    /\b(crate|self|super)::\{/,
    `${module}: one path for each import, so that this test sees them all`,
  );
  const parent = module.split("::").slice(0, -1).join("::");
  const starts = { crate: "", self: module, super: parent };
  return [...code.matchAll(/\b(crate|self|super)((?:::\w+)+)/g)].map(([, start, rest]) =>
    `${starts[start as keyof typeof starts]}${rest}`.replace(/^::/, ""),
  );
}

/** The longest prefix of `path` that is a module. */
function moduleNamed(path: string, modules: ReadonlySet<string>): string | undefined {
  const parts = path.split("::");
  for (let length = parts.length; length > 0; length--) {
    const name = parts.slice(0, length).join("::");
    if (modules.has(name)) return name;
  }
  return undefined;
}

function graphOf(files: ReadonlyMap<string, string>): Graph {
  const modules = new Set(files.keys());
  const graph = new Map<string, Set<string>>();
  for (const [module, text] of files) {
    const named = pathsIn(module, text).map((path) => moduleNamed(path, modules));
    graph.set(module, new Set(named.filter((name) => name !== undefined && name !== module) as string[]));
  }
  return graph;
}

/** A way from a module back to itself, if there is one. */
function cycleIn(graph: Graph): string[] | undefined {
  const done = new Set<string>();
  const follow = (module: string, way: readonly string[]): string[] | undefined => {
    const begin = way.indexOf(module);
    if (begin >= 0) return [...way.slice(begin), module];
    if (done.has(module)) return undefined;
    for (const next of graph.get(module) ?? []) {
      const cycle = follow(next, [...way, module]);
      if (cycle !== undefined) return cycle;
    }
    done.add(module);
    return undefined;
  };
  for (const module of graph.keys()) {
    const cycle = follow(module, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

describe("the engine's Rust modules", () => {
  test("have no import cycle", () => {
    const names = globSync("**/*.rs", { cwd: SOURCES }).filter((name) => !/(^|\/)(lib|tests)\.rs$/.test(name));
    const graph = graphOf(new Map(names.map((name) => [moduleOf(name), readFileSync(SOURCES + name, "utf8")])));
    const edges = [...graph.values()].reduce((sum, { size }) => sum + size, 0);
    assert.ok(graph.size > 20 && edges > graph.size, `found ${graph.size} modules and ${edges} imports`);
    assert.deepEqual(cycleIn(graph), undefined);
  });

  test("are reported with the path from a module back to itself", () => {
    const graph = graphOf(
      new Map([
        ["a", "use crate::b::{self, Thing};\n// use crate::c;"],
        ["b", "fn f() { crate::c::d::g(); }"],
        ["c", "mod d;"],
        ["c::d", "use super::Other;\nuse crate::a;"],
      ]),
    );
    assert.deepEqual(cycleIn(graph), ["a", "b", "c::d", "a"]);
    assert.equal(cycleIn(new Map([...graph].filter(([name]) => name !== "a"))), undefined);
  });
});
