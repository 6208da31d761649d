import { readFile } from "node:fs/promises";
import type { ProblemCode } from "../config/index.ts";
import type { DoctorCode } from "./codes.ts";

/** `skipped`: it cannot be found out here, as in a container without that part of /proc. */
export type Status = "ok" | "warn" | "fail" | "skipped";

/** What one examination has found. */
export interface Finding {
  readonly code: DoctorCode | ProblemCode;
  readonly status: Status;
  /** What was examined, such as `net.core.rmem_max`. */
  readonly subject: string;
  /** What was found, with the numbers. */
  readonly text: string;
  /** What to do, where something is to be done. */
  readonly remedy?: string;
}

/** The text of a file of the host; undefined where it cannot be read. Tests give trees of their own. */
export type ReadHost = (path: string) => Promise<string | undefined>;

export const readHost: ReadHost = async (path) => {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch {
    return undefined;
  }
};
