import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Check, Finding } from "./contract.ts";

/** Milliseconds between two tries, and after one that differs from the state. */
const TRY_MS = 60_000;
const AGAIN_MS = 2_000;

/** Bytes of a try: more than a file system keeps inside of a folder's entry. */
const BYTES = 4_096;

/** Writes and removes a file. */
export type TryToWrite = (file: string) => Promise<void>;

/** Warns when the state folder cannot be written: a renewed certificate and other state would be lost at a restart. */
export function stateFolderCheck(folder: string, tryToWrite: TryToWrite = writeAndRemove): Check {
  const file = join(folder, `.health-${process.pid}`);
  return {
    code: "state_folder_unwritable",
    severity: "warning",
    damping: { failures: 2, successes: 1 },
    everyMs: TRY_MS,
    againMs: AGAIN_MS,
    hasFiles: true,
    async run(): Promise<Finding> {
      try {
        await tryToWrite(file);
        return undefined;
      } catch (error) {
        return `the state folder ${folder} cannot be written: ${error instanceof Error ? error.message : String(error)}`;
      }
    },
  };
}

async function writeAndRemove(file: string): Promise<void> {
  try {
    await writeFile(file, new Uint8Array(BYTES), { mode: 0o600 });
  } finally {
    await rm(file, { force: true });
  }
}
