import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** Only the relay's own user may read it. */
const MODE = 0o700;

/**
 * Creates a folder and its missing parents; an existing folder keeps its mode. Rejects with the system's error. Node's
 * own
 * `recursive` never settles where a folder cannot be created although its parent exists, as in /proc.
 */
export async function makeFolder(folder: string): Promise<void> {
  if (await stat(folder).catch(() => undefined)) return;
  const above = dirname(folder);
  if (above !== folder) await makeFolder(above);
  await mkdir(folder, { mode: MODE }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}
