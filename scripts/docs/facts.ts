import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { optionsOf } from "../../cli/args.ts";
import type { Command } from "../../cli/command.ts";
import { COMMANDS } from "../../cli/commands.ts";
import { envName, sections } from "../../relay/config/index.ts";
import type { Facts } from "./claims.ts";

const MANIFEST = z.object({ scripts: z.record(z.string(), z.string()) });

export const root = fileURLToPath(new URL("../../", import.meta.url));

/** Files whose words count as names of the code. Pages and tests do not count: they may name removed things. */
const SOURCES =
  /^(relay|cli|embed|machine|cluster|auth|moq|transport|bench|lab|scripts|bin|web\/src|engine\/src|configs|deploy|terraform|\.ci|\.github)\/|^package\.json$/;

/** Names and flags of other programs that pages use. */
const FOREIGN = [
  "poll_transmit",
  "io_uring",
  "cluster-connect",
  "bw_out_allowance_exceeded",
  "pps_allowance_exceeded",
  "conntrack_allowance_exceeded",
];

/** The pages whose claims are checked. */
export function pages(): string[] {
  return tracked().filter((path) => /^(docs\/.+|README|CONTRIBUTING)\.md$/.test(path));
}

export function readPage(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** The facts of this repository. */
export function repositoryFacts(): Facts {
  const files = tracked();
  const manifest = MANIFEST.parse(JSON.parse(readPage("package.json")));
  const sources = files
    .filter((path) => SOURCES.test(path))
    .map(readPage)
    .join("\n");
  const words = new Set([...(sources.match(/\w+/g) ?? []), ...FOREIGN]);
  for (const [section, { schema }] of sections)
    for (const key of Object.keys(schema.shape)) words.add(envName(section, key));
  return {
    exists: (path) => existsSync(join(root, path)),
    anchors: (path) => (path.endsWith(".md") ? anchorsOf(readPage(path)) : undefined),
    roots: new Set(files.flatMap((path) => (path.includes("/") ? path.split("/", 1) : []))),
    fileNames: new Set(files.map((path) => basename(path))),
    scripts: new Set(Object.keys(manifest.scripts)),
    commands: new Map(COMMANDS.map((command) => [command.name, flagsOf(command)])),
    sections: new Map([...sections].map(([name, { schema }]) => [name, new Set(Object.keys(schema.shape))])),
    words,
    mentions: (text) => sources.includes(text),
  };
}

/** The flags of a command and of its parts. */
function flagsOf(command: Command): Set<string> {
  return new Set([command, ...(command.parts ?? [])].flatMap((one) => optionsOf(one).map(({ name }) => name)));
}

function tracked(): string[] {
  const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  });
  return files.split("\n").filter((path) => path !== "" && existsSync(join(root, path)));
}

/** The anchor that GitHub gives a heading. */
function anchorsOf(page: string): Set<string> {
  const headings = [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\w\s-]/g, "")
        .trim()
        .replaceAll(/\s/g, "-"),
    ),
  );
}
