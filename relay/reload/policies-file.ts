import { open, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { faultOf, readRegular } from "../../auth/index.ts";
import { changedPolicies, type PolicyChanges } from "../config/index.ts";

/** Longest file of policies, in bytes. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Policies were not saved; their file is as it was. */
export class PoliciesNotSaved extends Error {
  override readonly name = "PoliciesNotSaved";
  readonly code: "no_policies_file" | "policies_not_saved";

  constructor(code: PoliciesNotSaved["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Writes `changes` into `file`, whose other policies and comments stay. The file is replaced as a whole, after its new content is on the
 * disk. Rejects with {@link PoliciesNotSaved}.
 */
export async function savePolicies(file: string, changes: PolicyChanges): Promise<void> {
  try {
    // A link stays, and the file that it leads to is replaced.
    const target = await realpath(file);
    const { text } = await readRegular(target, MAX_BYTES);
    await replaceFile(target, changedPolicies(text, changes));
  } catch (error) {
    throw new PoliciesNotSaved("policies_not_saved", `${file}: ${faultOf(error)}`);
  }
}

async function replaceFile(file: string, text: string): Promise<void> {
  const { mode } = await stat(file);
  const next = `${file}.new`;
  try {
    const handle = await open(next, "w", mode & 0o777);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(next, file);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
  const folder = await open(dirname(file), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
