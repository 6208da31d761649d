import { cp, mkdir, readdir, symlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Files that are no sources of the project: built, downloaded, or a developer's own. */
const LEFT_OUT: ReadonlySet<string> = new Set(["node_modules", "dist", ".git", ".state", ".cache", "target"]);

/** Puts a copy of the checkout into `folder`, to be built there: so other tests do not find the checkout half built. */
export async function copyCheckout(folder: string): Promise<void> {
  await mkdir(folder);
  const filter = (path: string) => !LEFT_OUT.has(basename(path));
  for (const name of await readdir(root)) {
    if (!LEFT_OUT.has(name)) await cp(join(root, name), join(folder, name), { recursive: true, filter });
  }
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
}
