import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { REASONS } from "../../moq/reason.ts";
import { codeOf, sessionCodes, streamCodes } from "../../moq/session/lite/codes.ts";
import { capabilities } from "../../moq/wire/lite/index.ts";
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

/** The cells of the table of `docs/protocols.md` whose first heading is `heading`, row by row. */
function tableOf(heading: string): string[][] {
  const lines = readPage("docs/protocols.md").split("\n");
  const from = lines.findIndex((line) => line.startsWith(`| ${heading} |`)) + 2;
  assert.ok(from >= 2, heading);
  const rows = lines.slice(from);
  const end = rows.findIndex((line) => !line.startsWith("|"));
  return rows.slice(0, end).map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** The pairs of a code and its text in the columns `at` of rows, column by column. */
function pairs(rows: readonly string[][], at: readonly number[]): [string, string][] {
  const all = at.flatMap((column) => rows.map((row): [string, string] => [row[column] ?? "", row[column + 1] ?? ""]));
  return all.filter(([, text]) => text !== "");
}

describe("docs/protocols.md has the code of every reason", () => {
  test("before moq-lite 06, in order", () => {
    const listed = pairs(tableOf("code"), [0, 2, 4]).map(([code, names]) => ({
      code: Number(code),
      names: names.split(", "),
    }));
    const codes = listed.map(({ code }) => code);
    assert.deepEqual(
      codes,
      codes.toSorted((a, b) => a - b),
    );
    const known = new Map(listed.flatMap(({ code, names }) => names.map((name) => [name, code])));
    for (const reason of REASONS) assert.equal(known.get(reason), codeOf(reason), reason);
  });

  const of06 = capabilities("moq-lite-06");
  assert.ok(of06 !== undefined);
  /** The code of each reason in two columns of the table, of streams or of sessions. What follows a colon explains a reason. */
  function known(column: number): (reason: string) => number | undefined {
    const codes = new Map<string, number>();
    for (const [numbers, text] of pairs(tableOf("stream code"), [column])) {
      const each = numbers.split(", ").map((number) => Number(number.split(" ")[0]));
      for (const [at, reason] of (text.split(":")[0] ?? "").split(", ").entries()) {
        codes.set(reason, each[each.length === 1 ? 0 : at] ?? Number.NaN);
      }
    }
    return (reason) => codes.get(reason) ?? codes.get("any other");
  }

  test("of streams in moq-lite 06", () => {
    const codes = known(0);
    for (const reason of REASONS) assert.equal(codes(reason), streamCodes(of06).codeOf(reason), reason);
  });

  test("of sessions in moq-lite 06", () => {
    const codes = known(2);
    for (const reason of REASONS) assert.equal(codes(reason), sessionCodes(of06).codeOf(reason), reason);
  });
});
