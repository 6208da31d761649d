import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { REASONS } from "../../moq/reason.ts";
import { codeOf } from "../../moq/session/lite/codes.ts";
import { checkPage, type Facts } from "../../scripts/docs/claims.ts";
import { pages, readPage, repositoryFacts } from "../../scripts/docs/facts.ts";

const FILES = ["docs/a.md", "docs/b.md", "relay", "relay/main.ts", "moq/wire", "package.json"];

const FACTS: Facts = {
  exists: (path) => FILES.includes(path),
  anchors: (path) => (path.endsWith(".md") ? new Set(["a-heading"]) : undefined),
  roots: new Set(["docs", "relay"]),
  fileNames: new Set(["a.md", "b.md", "main.ts", "package.json"]),
  scripts: new Set(["bench", "check"]),
  commands: new Map([["ls", new Set(["json", "limits.sessions"])]]),
  sections: new Map([["limits", new Set(["sessions"])]]),
  words: new Set(["not_found", "bounds_hit_total", "LiteSession", "guard", "MOQMESH_TOKEN"]),
  mentions: (text) => text === "/health/live",
};

const problemsOf = (text: string) => checkPage("docs/a.md", text, FACTS).map(({ text: problem }) => problem);

describe("claims of a page", () => {
  const good = [
    "[other](b.md), [its heading](b.md#a-heading), [own heading](#a-heading), [up](../package.json), [web](https://x/y)",
    "`relay/main.ts`, `moq/wire/`, `relay/*/index.ts`, `main.ts`, `live/room1`, `relay.toml`",
    "`[limits] sessions`, `[limits]`, `limits.sessions`, `[limits] sessions = 5`, `example.com`",
    "`moqmesh ls URL --json`, `moqmesh COMMAND --help`, `npm run bench -- fanout`, `--json`, `--SECTION.KEY`",
    "`not_found`, `moqmesh_bounds_hit_total{bound}`, `LiteSession.guard`, `MOQMESH_TOKEN`, `/health/live`, `/etc/x/y`",
    "```sh\nnpm run check   # all\nnpx moqmesh ls http://x/ --limits.sessions 5 > out\nuntil moqmesh ls; do sleep 1; done\nnode relay/main.ts\nother --flag\n```",
    "```toml\n[limits]\nsessions = 5\n```\nand `text` after it",
    "```\nrelay/main.ts   starts it\nelse/where      is not ours\n```",
  ];
  for (const text of good)
    test(`are accepted when everything exists: ${text.slice(0, 40)}`, () => assert.deepEqual(problemsOf(text), []));

  const bad: [string, string][] = [
    ["[other](c.md)", "the link to c.md leads to no file"],
    ["[other](b.md#none)", "the link to b.md#none leads to no heading"],
    ["`relay/gone.ts`", "there is no relay/gone.ts"],
    ["`relay/gone/*.ts`", "there is no relay/gone/*.ts"],
    ["`gone.ts`", "there is no file named gone.ts"],
    ["`[limit] sessions`", "the configuration has no section [limit]"],
    ["`[limits] session`", "[limits] has no key session"],
    ["`limits.session`", "[limits] has no key session"],
    ["`moqmesh list URL`", "moqmesh has no command list"],
    ["`moqmesh ls URL --jsno`", "moqmesh ls has no flag --jsno"],
    ["`npm run benhc`", "package.json has no script benhc"],
    ["`--jsno`", "no command has a flag --jsno"],
    ["`/health/alive`", "no listener answers at /health/alive"],
    ["`not_founded`", "nothing in the sources is called not_founded"],
    ["`moqmesh_bounds_total`", "nothing in the sources is called moqmesh_bounds_total"],
    ["`LiteSession.guarded`", "nothing in the sources is called guarded"],
    ["`MOQMESH_TOKENS`", "nothing in the sources is called MOQMESH_TOKENS"],
    ["```sh\nmoqmesh list x\n```", "moqmesh has no command list"],
    ["```sh\nnode relay/gone.ts\n```", "there is no relay/gone.ts"],
    ["```toml\n[limits]\nsession = 5\n```", "[limits] has no key session"],
    ["```\nrelay/gone.ts   was here\n```", "there is no relay/gone.ts"],
  ];
  for (const [text, problem] of bad)
    test(`are refused: ${problem}`, () => assert.deepEqual(problemsOf(text), [problem]));

  test("are reported with their line", () => {
    assert.deepEqual(checkPage("docs/a.md", "one\n\n`gone.ts`", FACTS), [
      { line: 3, text: "there is no file named gone.ts" },
    ]);
  });
});

test("every page of the repository names only what exists", () => {
  const facts = repositoryFacts();
  const all = pages();
  for (const page of ["README.md", "CONTRIBUTING.md", "docs/design.md", "docs/cli.md"])
    assert.ok(all.includes(page), page);
  for (const page of all) assert.deepEqual(checkPage(page, readPage(page), facts), [], page);
  assert.ok(facts.words.size > 5_000, "the sources were read");
});

test("docs/protocols.md has the code of every reason, in order", () => {
  const rows = readPage("docs/protocols.md").matchAll(/^\| \d+ \|.*$/gm);
  const cells = [...rows].map(([row]) => row.split("|").map((cell) => cell.trim()));
  const columns = [1, 3, 5].flatMap((at) => cells.map((row): [number, string] => [Number(row[at]), row[at + 1] ?? ""]));
  const listed = columns.filter(([, name]) => name !== "");
  assert.deepEqual(
    listed.map(([code]) => code),
    listed.map(([code]) => code).toSorted((a, b) => a - b),
  );
  const known = new Map(listed.map(([code, name]) => [name, code]));
  for (const reason of REASONS) assert.equal(known.get(reason), codeOf(reason), reason);
});
