import { access, constants } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

/**
 * Finds another project's program: the one that the environment variable `variable` names, else the first in PATH, else the one that
 * cargo installed for this user. Undefined when there is none.
 */
export async function findProgram(name: string, variable: string): Promise<string | undefined> {
  const named = process.env[variable];
  if (named !== undefined && named !== "") return (await runs(named)) ? named : undefined;
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), join(homedir(), ".cargo", "bin")];
  for (const folder of folders) {
    const path = join(folder, name);
    if (folder !== "" && (await runs(path))) return path;
  }
  return undefined;
}

async function runs(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
