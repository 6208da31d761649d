/** `moqmesh admin` asked of a relay under test. */
import { runProgram } from "../../../cli/main.ts";
import { ADMIN_SECRET } from "../../support/admin.ts";
import type { TestRelay } from "../../support/relay.ts";
import { recordedIo } from "./io.ts";

type IoOptions = NonNullable<Parameters<typeof recordedIo>[0]>;

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `moqmesh admin ARGS` with the right to act, unless `options` say otherwise. */
export async function runAdmin(relay: TestRelay, args: readonly string[], options: IoOptions = {}): Promise<Ran> {
  const env = { MOQMESH_ADMIN_URL: relay.admin("/").href, MOQMESH_ADMIN_TOKEN: ADMIN_SECRET, ...options.env };
  const io = recordedIo({ ...options, env });
  const code = await runProgram(["admin", ...args], io);
  return { code, out: io.stdout(), err: io.stderr() };
}

/** The cells of the row that begins with `first`, by the headings above it; columns are two spaces apart. */
export function rowOf(out: string, first: string): Readonly<Record<string, string>> {
  const lines = out.split("\n");
  const at = lines.findIndex((line) => line.trimStart().startsWith(first));
  const heading = lines.slice(0, at).findLast((line) => /^[A-Z][A-Z ]+( {2}|$)/.test(line)) ?? "";
  const split = (line = "") => line.trim().split(/ {2,}/);
  const cells = split(lines[at]);
  return Object.fromEntries(split(heading).map((title, index) => [title, cells[index] ?? ""]));
}
