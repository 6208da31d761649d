import { rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { writeHeapSnapshot } from "node:v8";
import { makeFolder } from "../../transport/shared/index.ts";
import { ApiProblem } from "../http/index.ts";

/** Milliseconds between two snapshots, because the relay stands still during each. */
const INTERVAL_MS = 60_000;

/** Writes snapshots of the heap into one folder. They may hold everything that the relay knows, so only its user may read them. */
export class HeapSnapshots {
  readonly #folder: string | undefined;
  readonly #wallNow: () => number;
  #last = Number.NEGATIVE_INFINITY;

  constructor(folder: string | undefined, wallNow: () => number) {
    this.#folder = folder;
    this.#wallNow = wallNow;
  }

  /** Rejects with `ApiProblem` when no folder is configured, when the last one is less than a minute old, or when it cannot be written. */
  async take(): Promise<{ file: string; bytes: number }> {
    const folder = this.#folder;
    if (folder === undefined) throw new ApiProblem(409, "not_configured", "set [http] snapshot_dir to a folder first");
    const now = this.#wallNow();
    if (now - this.#last < INTERVAL_MS) {
      throw new ApiProblem(
        409,
        "too_soon",
        "the last snapshot is less than a minute old, and each stops the relay for a moment",
      );
    }
    this.#last = now;
    const file = join(folder, `moqmesh-${new Date(now).toISOString().replaceAll(":", "-")}.heapsnapshot`);
    const before = process.umask(0o077);
    try {
      await makeFolder(folder);
      writeHeapSnapshot(`${file}.part`);
      await rename(`${file}.part`, file);
      return { file, bytes: (await stat(file)).size };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new ApiProblem(507, "snapshot_failed", `the snapshot cannot be written: ${why}`);
    } finally {
      process.umask(before);
    }
  }
}
