/** Checks the sizes of files and rooms against the ceilings of scripts/sizes/judge.ts. */
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { judge, linesOf, measure, percent } from "./sizes/judge.ts";

process.chdir(fileURLToPath(new URL("../", import.meta.url)));

const SOURCES = "{relay,auth,cluster,moq,transport,web/src,bench,lab,scripts,test}/**/*.ts";
const ENGINE = "engine/src/**/*.rs";

/** Files that are over their ceiling today; a file that is split leaves this list. */
const TO_SPLIT = [
  "cluster/control/client.ts",
  "engine/src/congestion.rs",
  "engine/src/core.rs",
  "lab/network/link.ts",
  "moq/model/track.ts",
];

const files = [...globSync(SOURCES), ...globSync(ENGINE)].map((path) => ({
  path,
  lines: linesOf(readFileSync(path, "utf8")),
}));
const problems = judge(files.filter(({ path }) => !TO_SPLIT.includes(path)));
const { files: count, median, p90, largestRoom, largestPart } = measure(files);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
else {
  const room = `largest room ${largestRoom}/ with ${percent(largestPart)}`;
  console.log(`${count} source files: median ${median} lines, p90 ${p90}, ${room}`);
}
