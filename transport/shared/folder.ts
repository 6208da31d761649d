import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** Only the relay's own user looks into it. */
const MODE = 0o700;

/**
 * Makes a folder and those above it; one that is there already keeps its mode. Rejects with the system's error. Node's own `recursive` does
 * not come back where a folder cannot be made although the one above is there, as in /proc.
 */
export async function makeFolder(folder: string): Promise<void> {
  if (await stat(folder).catch(() => undefined)) return;
  const above = dirname(folder);
  if (above !== folder) await makeFolder(above);
  await mkdir(folder, { mode: MODE }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}
