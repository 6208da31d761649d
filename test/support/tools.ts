import { accessSync, constants } from "node:fs";
import { join } from "node:path";

/** A tool's path, or why the tests that need it are skipped: `it("…", { skip: tool.missing }, …)`. */
export interface Tool {
  readonly path: string;
  readonly missing: string | false;
}

/**
 * A program that checks what is in `deploy/` and `terraform/`, looked for in `PATH`. `.ci/deploy` puts it there.
 * @throws Error instead of a reason to skip, when `MOQMESH_REQUIRE_TOOLS=1` says that it has to be there.
 */
export function tool(name: string): Tool {
  for (const folder of (process.env["PATH"] ?? "").split(":")) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return { path, missing: false };
    } catch {
      // Not in this folder.
    }
  }
  if (process.env["MOQMESH_REQUIRE_TOOLS"] === "1") throw new Error(`${name} is missing: .ci/tools ${name} brings it`);
  return { path: name, missing: `${name} is missing` };
}
