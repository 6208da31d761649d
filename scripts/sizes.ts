/** Checks the sizes of files and rooms against the ceilings of scripts/sizes/judge.ts. */
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { judge, linesOf, measure, percent } from "./sizes/judge.ts";

process.chdir(fileURLToPath(new URL("../", import.meta.url)));

const SOURCES = "{relay,cli,embed,machine,auth,cluster,moq,transport,web/src,bench,lab,scripts,test}/**/*.ts";
const ENGINE = "engine/src/**/*.rs";

const files = [...globSync(SOURCES), ...globSync(ENGINE)].map((path) => ({
  path,
  lines: linesOf(readFileSync(path, "utf8")),
}));
const problems = judge(files);
const { files: count, median, p90, largestRoom, largestPart } = measure(files);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
else {
  const room = `largest room ${largestRoom}/ with ${percent(largestPart)}`;
  console.log(`${count} source files: median ${median} lines, p90 ${p90}, ${room}`);
}
