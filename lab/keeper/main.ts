/**
 * Ends the relays of a mesh when the process that started them has ended in any way; otherwise they would run for ever. It receives the list
 * of processes over its channel; when that closes, it ends them and removes the folder of the run.
 */
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import * as z from "zod";

const order = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("folder"), path: z.string() }),
  z.object({ kind: z.literal("started"), pid: z.number() }),
  z.object({ kind: z.literal("ended"), pid: z.number() }),
]);
export type KeeperOrder = z.infer<typeof order>;

/** The start time of each process, so that a new process with the same id is not ended. */
const kept = new Map<number, string>();
let folder: string | undefined;

/** Field 22 of `/proc/PID/stat`, as text; undefined when there is no such process. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

process.on("message", (message) => {
  const given = order.parse(message);
  if (given.kind === "folder") folder = given.path;
  else if (given.kind === "ended") kept.delete(given.pid);
  else {
    const start = startOf(given.pid);
    if (start !== undefined) kept.set(given.pid, start);
  }
});

async function endAll(): Promise<void> {
  for (const [pid, start] of kept) if (startOf(pid) === start) process.kill(pid, "SIGKILL");
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
}

process.once("disconnect", () => void endAll().finally(() => process.exit(0)));

// A terminal sends these signals to all its processes; the keeper must outlive them.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
