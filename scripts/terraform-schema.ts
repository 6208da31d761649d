/**
 * Writes terraform/schemas/CLOUD.json: the schema of every resource and data source that terraform/ uses, from the typed bindings of the provider that a package
 * registry has: `node scripts/terraform-schema.ts [CLOUD…]`. test/deploy/terraform.test.ts checks the modules against these files.
 */
import { execFileSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Block, readBindings, readProvider } from "./terraform/bindings.ts";

interface Provider {
  /** What `required_providers` calls it. */
  readonly source: string;
  /** Its version, and the package of that version's bindings. A package of PyPI holds that of npm. */
  readonly version: string;
  readonly npm?: string;
  readonly pypi?: string;
}

/** The providers of terraform/, by the prefix of their resources. */
const PROVIDERS: Readonly<Record<string, Provider>> = {
  aws: { source: "hashicorp/aws", version: "6.66.0", npm: "@cdktn/provider-aws@25.7.0" },
  google: { source: "hashicorp/google", version: "8.7.0", pypi: "cdktn-provider-google==21.1.0" },
  azurerm: { source: "hashicorp/azurerm", version: "5.10.0", pypi: "cdktn-provider-azurerm==18.9.0" },
};

const root = join(import.meta.dirname, "..");

for (const cloud of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(PROVIDERS)) {
  const provider = PROVIDERS[cloud];
  if (provider === undefined) throw new Error(`unknown provider ${cloud}: ${Object.keys(PROVIDERS).join(", ")}`);
  const folder = mkdtempSync(join(tmpdir(), "moqmesh-schema-"));
  try {
    write(cloud, provider, unpack(provider, folder));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Downloads the bindings; returns the folder with one folder for each resource. */
function unpack({ npm, pypi }: Provider, folder: string): string {
  const run = (command: string, ...args: string[]): void => {
    execFileSync(command, args, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
  };
  if (npm !== undefined) {
    run("npm", "pack", "--silent", npm);
  } else if (pypi !== undefined) {
    run("python3", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", pypi);
    for (const wheel of globSync("*.whl", { cwd: folder })) run("python3", "-m", "zipfile", "-e", wheel, ".");
  }
  for (const tarball of globSync("**/*.tgz", { cwd: folder })) run("tar", "-xzf", tarball, "--no-same-owner");
  return join(folder, "package/lib");
}

function write(cloud: string, { source, version, npm, pypi }: Provider, lib: string): void {
  const block = (name: string, read = readBindings): { block: Block } => {
    const file = join(lib, name, "index.js");
    if (!existsSync(file)) throw new Error(`the bindings have no ${name}`);
    const text = readFileSync(file, "utf8");
    if (!text.includes(`${source}/${version}/`)) throw new Error(`the bindings are not those of ${source} ${version}`);
    try {
      return { block: read(text) };
    } catch (error) {
      throw new Error(`${name}: ${String(error)}`, { cause: error });
    }
  };
  const used = (kind: "resource" | "data"): string[] => {
    const names = globSync("terraform/**/*.tf", { cwd: root }).flatMap((path) =>
      [...readFileSync(join(root, path), "utf8").matchAll(new RegExp(`^${kind} "(${cloud}_\\w+)"`, "gm"))].map(
        ([, name = ""]) => name,
      ),
    );
    return [...new Set(names)].sort();
  };
  const short = (name: string): string => name.slice(cloud.length + 1).replaceAll("_", "-");
  const schema = {
    source,
    version,
    from: npm ?? pypi,
    provider: block("provider", readProvider),
    resource_schemas: Object.fromEntries(used("resource").map((name) => [name, block(short(name))])),
    data_source_schemas: Object.fromEntries(used("data").map((name) => [name, block(`data-${cloud}-${short(name)}`)])),
  };
  mkdirSync(join(root, "terraform/schemas"), { recursive: true });
  const file = join(root, `terraform/schemas/${cloud}.json`);
  writeFileSync(file, `${JSON.stringify(schema)}\n`);
  execFileSync("npx", ["biome", "format", "--write", file], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  console.log(
    `terraform/schemas/${cloud}.json: ${used("resource").length} resources, ${used("data").length} data sources of ${source} ${version}`,
  );
}
