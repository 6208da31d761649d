/** Terraform in the pages of docs/deploy is valid by the schemas of the providers. */
import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { copyTerraform, type TerraformCopy } from "../support/tofu.ts";
import { tool } from "../support/tools.ts";

const PAGES = resolve(import.meta.dirname, "../../docs/deploy");

describe("Terraform in pages", { skip: tool("tofu").missing || tool("schema-provider").missing }, () => {
  let copy: TerraformCopy;
  before(async () => {
    copy = await copyTerraform();
  });
  after(async () => await copy.remove());

  /** Puts Terraform beside the copy's terraform/, where its paths lead; returns the folder. */
  async function place(name: string, text: string): Promise<string> {
    const folder = `../${name}`;
    await mkdir(join(copy.folder, folder), { recursive: true });
    await writeFile(join(copy.folder, folder, "main.tf"), text.replaceAll('"./terraform/', '"../terraform/'));
    return folder;
  }

  for (const page of globSync("*.md", { cwd: PAGES })) {
    it(`${page} has none that tofu refuses`, async () => {
      const text = await readFile(join(PAGES, page), "utf8");
      const blocks = [...text.matchAll(/^```hcl\n([\s\S]*?)^```/gm)].map(([, block = ""]) => block);
      if (!blocks.some((block) => block.includes("source"))) return;
      const folder = await place(basename(page, ".md"), blocks.join("\n"));
      await copy.run(folder, "init", "-no-color");
      await copy.run(folder, "validate", "-no-color");
    });
  }

  it("would not pass with a variable that a module lacks", async () => {
    const folder = await place(
      "wrong",
      'module "mesh" {\n  source = "./terraform/modules/topology"\n  zone   = "x"\n}\n',
    );
    await copy.run(folder, "init", "-no-color");
    const printed = await copy.refusal(folder, "validate", "-no-color");
    assert.match(printed, /Unsupported argument/);
  });
});
