/** README.md of each Terraform module, from its sources. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./facts.ts";
import { table } from "./markdown.ts";

/** Modules and examples by their path: everything under `terraform/` that has a `main.tf`. */
export function terraformFolders(): string[] {
  return globSync("terraform/**/main.tf", { cwd: root })
    .map((path) => path.slice(0, -"/main.tf".length))
    .sort();
}

/** The page of a module: the comment at the head of `main.tf`, its variables and its outputs. */
export function terraformPage(folder: string): string {
  const sources = globSync("*.tf", { cwd: join(root, folder) })
    .sort()
    .map((name) => readFileSync(join(root, folder, name), "utf8"));
  const text = sources.join("\n");
  const main = readFileSync(join(root, folder, "main.tf"), "utf8");
  const about = (/^(?:#.*\n)+/.exec(main)?.[0] ?? "").replaceAll(/^# ?/gm, "").trim();
  const variables = blocks(text, "variable").map(({ name, body }) => [
    `\`${name}\``,
    value(body, "type") ?? "",
    value(body, "default") ?? "required",
    described(body),
  ]);
  const outputs = blocks(text, "output").map(({ name, body }) => [`\`${name}\``, described(body)]);
  return [
    `# ${folder.replace(/^terraform\//, "")}`,
    "<!-- Generated from the module's sources by `npm run docs:terraform`; changes here are lost. -->",
    about,
    ...(variables.length === 0 ? [] : ["## Variables", table(["Variable", "Type", "Default", "Meaning"], variables)]),
    ...(outputs.length === 0 ? [] : ["## Outputs", table(["Output", "Meaning"], outputs)]),
  ]
    .map((part) => `${part.trim()}\n`)
    .join("\n");
}

interface Block {
  readonly name: string;
  readonly body: string;
}

function blocks(text: string, kind: string): Block[] {
  return [...text.matchAll(/^(\w+) "(\w+)" \{\n([\s\S]*?)^\}/gm)].flatMap(([, found, name = "", body = ""]) =>
    found === kind ? [{ name, body }] : [],
  );
}

/** The first line of an argument, in code. */
function value(body: string, argument: string): string | undefined {
  const [, first] = new RegExp(`^  ${argument}\\s+= (.*)$`, "m").exec(body) ?? [];
  return first === undefined ? undefined : `\`${first.replace(/[({[]+$/, "")}\``.replaceAll(/\s+`$/g, "`");
}

function described(body: string): string {
  const [, here] = /description\s+= <<-EOT\n([\s\S]*?)\n\s*EOT/.exec(body) ?? [];
  if (here !== undefined) return here.trim().replaceAll(/\s*\n\s*/g, " ");
  const [, text = '""'] = /description\s+= (".*")$/m.exec(body) ?? [];
  return String(JSON.parse(text));
}
