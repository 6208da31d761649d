/** The files of vectors in test/wire/vectors: one for each draft, one vector a line. */
import { fileURLToPath } from "node:url";

/** A line of the oracle and of a file. */
interface Line {
  readonly draft: number;
}

/** The file of each draft by its path, from what the oracle prints. */
export function vectorFiles(lines: readonly string[]): Map<string, string> {
  const drafts = Map.groupBy(lines, (line) => (JSON.parse(line) as Line).draft);
  return new Map([...drafts].map(([draft, own]) => [pathOf(draft), `[\n${own.join(",\n")}\n]\n`]));
}

function pathOf(draft: number): string {
  return fileURLToPath(new URL(`../../test/wire/vectors/moqt-${draft}.json`, import.meta.url));
}
