import { accessSync, constants } from "node:fs";
import { join } from "node:path";

/** A tool's path, or why the tests that need it are skipped: `it("…", { skip: tool.missing }, …)`. */
export interface Tool {
  readonly path: string;
  readonly missing: string | false;
}

/**
 * A program that checks what is in `deploy/` and `terraform/`, looked for in `PATH`. `.ci/deploy` puts it there.
 * @param required The variable that is 1 where it has to be there.
 * @throws Error instead of a reason to skip, when that variable says so.
 */
export function tool(name: string, required = "MOQMESH_REQUIRE_TOOLS"): Tool {
  for (const folder of (process.env["PATH"] ?? "").split(":")) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return { path, missing: false };
    } catch {
      // Not in this folder.
    }
  }
  if (process.env[required] === "1") throw new Error(`${name} is missing: .ci/tools ${name} brings it`);
  return { path: name, missing: `${name} is missing` };
}
