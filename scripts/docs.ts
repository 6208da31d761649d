/**
 * Writes docs/config.md from the schema, docs/cli.md from the commands and docs/metrics.md from the declarations of metrics. With docs/cli.md
 * it writes relay/cli/admin/api.json, from which the commands of `moqmesh admin` are made:
 * `node scripts/docs.ts [config|cli|metrics] [--check]`.
 * With `--check` it changes nothing. It fails when a page is not what it would write, or when a page names a file, command, flag,
 * key, code or metric that is not there.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { adminApi } from "./docs/admin-api.ts";
import { checkPage } from "./docs/claims.ts";
import { cliPage } from "./docs/cli.ts";
import { configPage } from "./docs/config.ts";
import { pages as allPages, readPage, repositoryFacts } from "./docs/facts.ts";
import { metricsPage } from "./docs/metrics.ts";

const pages: ReadonlyMap<string, () => string> = new Map([
  ["config", configPage],
  ["cli", cliPage],
  ["metrics", metricsPage],
]);

const [only] = process.argv.slice(2).filter((arg) => !arg.startsWith("--"));
const check = process.argv.includes("--check");

for (const [name, write] of pages) {
  if (only !== undefined && only !== name) continue;
  if (name === "cli") keep("relay/cli/admin/api.json", adminApi(), name);
  keep(`docs/${name}.md`, write(), name);
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
