/** Every shell block of the pages on running moqmesh is run, in order. The rules for writers of pages are in support/page.ts. */
import assert from "node:assert/strict";
import { existsSync, globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { patient } from "../../scripts/suite/patience.ts";
import { tool } from "../support/tools.ts";
import { readPage } from "./support/page.ts";
import { Checkout, missing } from "./support/shell.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** A page that is not there yet has no blocks. */
const PAGES = globSync(["README.md", "docs/deploy/*.md", "docs/publish.md", "docs/operations.md"], {
  cwd: ROOT,
}).sort();

const TIMEOUT = { timeout: patient(150_000) };

/** Whether a tool is there. Throws when it `must` be, as `tool` does. */
function isThere(name: string, must: boolean): boolean {
  if (must) return tool(name).missing === false;
  return (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, name)));
}

describe("shell blocks", { skip: missing }, () => {
  let checkout: Checkout;
  before(async () => {
    checkout = await Checkout.make();
  });
  after(() => checkout.remove());

  for (const name of PAGES) {
    it(`of ${name} do what they say`, TIMEOUT, async (t) => {
      const page = readPage(await readFile(join(ROOT, name), "utf8"));
      assert.deepEqual(page.problems, [], name);
      const steps = page.steps.filter(
        (step) => step.kind === "write" || step.tools.every((name) => isThere(name, step.must)),
      );
      for (const { line } of page.steps.filter((step) => !steps.includes(step)))
        t.diagnostic(`line ${line} is left out: a tool is missing`);
      if (steps.some(({ kind }) => kind === "run")) await checkout.run(name, { steps });
    });
  }

  it(
    "of a page share a folder, its files and what runs in the background, which ends with the page",
    TIMEOUT,
    async () => {
      const page = readPage(
        [
          "```toml relay.toml",
          "[server]",
          "port = 4443",
          "```",
          "```sh",
          "moqmesh check relay.toml > checked",
          "sleep 1000 & sleeper=$!",
          "```",
          "```sh",
          "grep -q 4443 checked && kill -0 $sleeper",
          "```",
        ].join("\n"),
      );
      await checkout.run("page.md", page);
    },
  );

  it("that fail are named with their line and what they printed", TIMEOUT, async () => {
    const page = readPage("```sh\ntrue\n```\nText.\n```sh\necho no such luck\nfalse\ntrue\n```\n");
    await assert.rejects(checkout.run("page.md", page), /page\.md:5: .* exit code 1\.[\s\S]*no such luck/);
  });

  it("that do not end are stopped", TIMEOUT, async () => {
    await assert.rejects(checkout.run("page.md", readPage("```sh\nsleep 1000\n```\n"), 300), /page\.md:1: .* 0\.3 s/);
  });
});

describe("rules of pages", () => {
  const problemsOf = (...lines: readonly string[]) => readPage(lines.join("\n")).problems;

  it("ask for the reason of a block that is not run", () => {
    assert.equal(problemsOf("Do this:", "```sh not-run", "rm -rf /", "```").length, 1);
    assert.deepEqual(problemsOf("Not run here, as it needs a cloud:", "```sh not-run", "rm -rf /", "```"), []);
    // The reason of another block does not count.
    const reason = ["Not run here:", "```sh not-run", "```", "And:"];
    assert.equal(problemsOf(...reason, "```sh not-run", "```").length, 1);
  });

  it("refuse other names of shells, unknown words and blocks without an end", () => {
    assert.match(problemsOf("```bash", "true", "```")[0] ?? "", /call it sh/);
    assert.match(problemsOf("```sh later", "true", "```")[0] ?? "", /"sh later" is unknown/);
    assert.match(problemsOf("```sh", "true")[0] ?? "", /no end/);
  });

  it("take files, tools, and what a comment prepares", () => {
    const lines = [
      "<!-- run",
      "echo prepared",
      "-->",
      "```json a.json",
      "{}",
      "```",
      "```sh needs tofu",
      "tofu version",
      "```",
    ];
    const { steps } = readPage([...lines, "```sh where moq ffmpeg", "moq --version", "```"].join("\n"));
    assert.deepEqual(steps, [
      { kind: "run", line: 1, text: "echo prepared\n", tools: [], must: false },
      { kind: "write", line: 4, text: "{}\n", file: "a.json" },
      { kind: "run", line: 7, text: "tofu version\n", tools: ["tofu"], must: true },
      { kind: "run", line: 10, text: "moq --version\n", tools: ["moq", "ffmpeg"], must: false },
    ]);
  });
});
