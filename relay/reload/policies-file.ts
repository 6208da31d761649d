import { realpath } from "node:fs/promises";
import { faultOf, readRegularFile, replaceFile } from "../../auth/index.ts";
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
    const { text, mode } = await readRegularFile(target, MAX_BYTES);
    await replaceFile(target, changedPolicies(text, changes), mode);
  } catch (error) {
    throw new PoliciesNotSaved("policies_not_saved", `${file}: ${faultOf(error)}`);
  }
}
