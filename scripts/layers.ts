/**
 * Checks which folder imports which, by the rules of .dependency-cruiser.mjs.
 *
 * dependency-cruiser reports "no violations" also when it understood no file at all (as happens with a TypeScript
 * that it does not support), so this compares what it saw with what there is.
 */
import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cruise, type ICruiseResult } from "dependency-cruiser";
import configuration from "../.dependency-cruiser.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));
process.chdir(root);

const FOLDERS = ["relay", "auth", "cluster", "moq", "transport", "web/src", "bench", "lab", "scripts", "test"];
const files = globSync(FOLDERS.map((folder) => `${folder}/**/*.ts`));
const roots = FOLDERS.filter((folder) => files.some((file) => file.startsWith(`${folder}/`)));

const { output } = await cruise(roots, {
  ...configuration.options,
  ruleSet: { forbidden: configuration.forbidden ?? [] },
  validate: true,
});
if (typeof output === "string") throw new Error("dependency-cruiser gave text instead of a result");
report(output);

function report({ modules, summary }: ICruiseResult): void {
  const seen = new Set(modules.map(({ source }) => source));
  const missed = files.filter((file) => !seen.has(file));
  const edges = modules.reduce((sum, { dependencies }) => sum + dependencies.length, 0);
  for (const { from, to, rule } of summary.violations) console.error(`${from} must not import ${to} (${rule.name})`);
  for (const file of missed) console.error(`${file} was not read`);
  // Less than one import for each file: the parser saw the files and not what is in them.
  if (edges < files.length) console.error(`only ${edges} imports were seen in ${files.length} files`);
  const good = summary.violations.length === 0 && missed.length === 0 && edges >= files.length;
  if (good) console.log(`${files.length} files and ${edges} imports keep to the layers`);
  else process.exitCode = 1;
}
