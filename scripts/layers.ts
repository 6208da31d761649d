/**
 * Checks which folder imports which, by the rules of .dependency-cruiser.mjs.
 *
 * dependency-cruiser also reports "no violations" when it could parse no file at all (for example with a TypeScript that it does not
 * support), so this script compares the files that it saw with the files that exist.
 */
import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cruise, type ICruiseResult } from "dependency-cruiser";
import configuration from "../.dependency-cruiser.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));
process.chdir(root);

const FOLDERS = [
  "relay",
  "cli",
  "embed",
  "machine",
  "auth",
  "cluster",
  "moq",
  "transport",
  "web/src",
  "bench",
  "lab",
  "scripts",
  "test",
];
const files = globSync(FOLDERS.map((folder) => `${folder}/**/*.ts`));
const roots = FOLDERS.filter((folder) => files.some((file) => file.startsWith(`${folder}/`)));

const { output } = await cruise(roots, {
  ...configuration.options,
  ruleSet: { forbidden: configuration.forbidden ?? [] },
  validate: true,
});
if (typeof output === "string") throw new Error("dependency-cruiser returned text instead of a result");
report(output);

function report({ modules, summary }: ICruiseResult): void {
  const seen = new Set(modules.map(({ source }) => source));
  const missed = files.filter((file) => !seen.has(file));
  const edges = modules.reduce((sum, { dependencies }) => sum + dependencies.length, 0);
  for (const { from, to, rule } of summary.violations) console.error(`${from} must not import ${to} (${rule.name})`);
  for (const file of missed) console.error(`${file} was not read`);
  // Fewer imports than files: the parser found the files but did not parse them.
  if (edges < files.length) console.error(`only ${edges} imports were seen in ${files.length} files`);
  const good = summary.violations.length === 0 && missed.length === 0 && edges >= files.length;
  if (good) console.log(`${files.length} files and ${edges} imports keep to the layers`);
  else process.exitCode = 1;
}
