import { loadAddon } from "../../../transport/native/addon.ts";

/** Why the native engine cannot be tested here; nothing where it can, and where it has to be: MOQMESH_REQUIRE_ENGINE=1. */
export function missingEngine(): string | undefined {
  try {
    loadAddon();
    return undefined;
  } catch (error) {
    if (process.env["MOQMESH_REQUIRE_ENGINE"] === "1") throw error;
    return error instanceof Error ? error.message : String(error);
  }
}
