/**
 * Writes docs/config.md from the schema, docs/cli.md from the commands, docs/metrics.md from the declarations of metrics, docs/interop.md from
 * docs/interop.json and README.md of each folder in terraform/ from its sources: `node scripts/docs.ts [config|cli|metrics|interop|terraform] [--check]`.
 * With `--check` it changes nothing. It fails when a page is not what it would write, or when a page names a file, command, flag,
 * key, code or metric that is not there.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { checkPage } from "./docs/claims.ts";
import { cliPage } from "./docs/cli.ts";
import { configPage } from "./docs/config.ts";
import { pages as allPages, readPage, repositoryFacts } from "./docs/facts.ts";
import { interopPage } from "./docs/interop.ts";
import { metricsPage } from "./docs/metrics.ts";
import { terraformFolders, terraformPage } from "./docs/terraform.ts";

const pages: ReadonlyMap<string, () => string> = new Map([
  ["config", configPage],
  ["cli", cliPage],
  ["metrics", metricsPage],
  ["interop", () => interopPage()],
]);

const [only] = process.argv.slice(2).filter((arg) => !arg.startsWith("--"));
const check = process.argv.includes("--check");

for (const [name, write] of pages) {
  if (only !== undefined && only !== name) continue;
  keep(`docs/${name}.md`, write(), name);
}

if (only === undefined || only === "terraform") {
  for (const folder of terraformFolders()) keep(`${folder}/README.md`, terraformPage(folder), "terraform");
}

if (check && only === undefined) {
  const facts = repositoryFacts();
  for (const page of allPages()) {
    for (const { line, text } of checkPage(page, readPage(page), facts)) {
      console.error(`${page}:${line}: ${text}`);
      process.exitCode = 1;
    }
  }
}

/** Writes a file, or reports that it is not up to date. */
function keep(path: string, text: string, page: string): void {
  const file = fileURLToPath(new URL(`../${path}`, import.meta.url));
  if (!check) {
    writeFileSync(file, text);
  } else if (readOr(file, "") !== text) {
    console.error(`${path} is not up to date: run "npm run docs:${page}"`);
    process.exitCode = 1;
  }
}

function readOr(file: string, otherwise: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return otherwise;
  }
}
