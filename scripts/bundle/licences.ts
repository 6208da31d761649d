import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";

const PACKAGE = z.object({ name: z.string(), version: z.string(), license: z.string() });

/** The folder of a package, from the path of one of its files. */
const FOLDER = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/;

/** The name, version and licence of every package whose files are among `inputs`, with the text of the licence, as their licences demand. */
export async function licencesOf(inputs: readonly string[], root: string): Promise<string> {
  const folders = new Set(inputs.flatMap((path) => FOLDER.exec(path)?.[0] ?? []));
  const texts = await Promise.all([...folders].map((folder) => licenceOf(join(root, folder))));
  return `The program contains these packages.\n\n${texts.toSorted().join("\n")}`;
}

async function licenceOf(folder: string): Promise<string> {
  const { name, version, license } = PACKAGE.parse(JSON.parse(await readFile(join(folder, "package.json"), "utf8")));
  const file = (await readdir(folder)).find((one) => /^licen[cs]e/i.test(one));
  const text = file === undefined ? "" : (await readFile(join(folder, file), "utf8")).trim();
  return `${"=".repeat(78)}\n${name} ${version}: ${license}\n\n${text}\n`;
}
