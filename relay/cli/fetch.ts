import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import type { FetchedGroup } from "../client.ts";
import { parseWhole } from "../config/units.ts";
import type { Reason } from "../model/reason.ts";
import { type Command, CommandError, type Invocation, UsageError } from "./command.ts";
import { DIAL_OPTIONS, targetOf, URL_ARGUMENT, withClient } from "./dial.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { Io } from "./io.ts";

export const fetchCommand: Command = {
  name: "fetch",
  summary: "Fetch one group of a track.",
  description: [
    "Writes the payloads of the group's frames, one after the other, to standard output or to a file. Without GROUP it takes the latest one.",
  ],
  positionals: [
    URL_ARGUMENT,
    { name: "BROADCAST", required: true, description: "Path of the broadcast, such as live/room1.hang." },
    { name: "TRACK", required: true, description: "Name of the track, such as catalog.json." },
    { name: "GROUP", required: false, description: "Sequence number of the group." },
  ],
  options: [
    { name: "out", value: "FILE", description: "Write the payloads to FILE; - for standard output." },
    { name: "json", description: "Print a summary of the frames as JSON instead of their payloads." },
    ...DIAL_OPTIONS,
  ],
  takesConfig: false,
  examples: [
    "fetch http://localhost:4443/ live/room1.hang catalog.json",
    "fetch https://relay.example/ live/a.hang video/hd 120 --out group.bin",
  ],
  run,
};

async function run(invocation: Invocation, io: Io): Promise<ExitCode> {
  const [, broadcast = "", track = "", number] = invocation.positionals;
  const target = targetOf(invocation, io);
  const group = number === undefined ? {} : { group: readGroup(number) };
  const { timeoutMs } = target;
  const fetched = await withClient(target, broadcast, (client) =>
    client.fetch({ broadcast, track, ...group, timeoutMs }),
  ).catch(refused);
  const payload = Buffer.concat(fetched.frames.map((frame) => frame.payload));
  const file = invocation.values.get("out");
  if (file !== undefined && file !== "-") writeFileSync(file, payload);
  if (invocation.switches.has("json")) {
    io.out.write(`${JSON.stringify(summary(broadcast, track, fetched), null, 2)}\n`);
  } else if (file === undefined && io.out.isTTY && !isText(payload)) {
    throw new UsageError("the group is binary and would disturb the terminal: use --out FILE, or --out - to insist");
  } else if (file === undefined || file === "-") {
    io.out.write(payload);
    if (io.out.isTTY && payload.at(-1) !== NEWLINE) io.out.write("\n");
  } else {
    io.err.write(`Group ${fetched.group}: ${fetched.frames.length} frames, ${payload.length} bytes, to ${file}\n`);
  }
  return EXIT.ok;
}

/** Gives a refusal the exit code that says which kind it is. */
async function refused(error: unknown): Promise<never> {
  const { FetchError } = await import("../client.ts");
  if (!(error instanceof FetchError)) throw error;
  throw new CommandError(error.message, REFUSALS.get(error.code) ?? EXIT.failed);
}

const REFUSALS: ReadonlyMap<Reason, ExitCode> = new Map([
  ["not_found", EXIT.notFound],
  ["evicted", EXIT.notFound],
  ["expired", EXIT.notFound],
  ["unauthorized", EXIT.refused],
  ["limit", EXIT.refused],
  ["unsupported", EXIT.refused],
]);

const NEWLINE = 0x0a;

function readGroup(text: string): number {
  const group = parseWhole(text);
  if (group === undefined) throw new UsageError(`GROUP is a whole number, not "${text}"`);
  return group;
}

function summary(broadcast: string, track: string, { group, frames }: FetchedGroup) {
  return {
    broadcast,
    track,
    group,
    bytes: frames.reduce((sum, { payload }) => sum + payload.length, 0),
    frames: frames.map(({ timestamp, payload }) => ({
      ...(timestamp === undefined ? {} : { timestamp }),
      bytes: payload.length,
      sha256: createHash("sha256").update(payload).digest("hex"),
    })),
  };
}

/** UTF-8 without control characters other than white space. */
function isText(bytes: Uint8Array): boolean {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
    return !/[\u0000-\u0008\u000e-\u001f\u007f]/.test(text);
  } catch {
    return false;
  }
}
