import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import type { Reason } from "../moq/reason.ts";
import type { Client, FetchedGroup } from "../relay/client/index.ts";
import { formatDuration, parseWhole } from "../relay/config/index.ts";
import { type Command, CommandError, type Invocation, UsageError } from "./command.ts";
import { withClient } from "./dial.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { exitFor } from "./explain.ts";
import type { Io } from "./io.ts";
import { DIAL_OPTIONS, targetOf, URL_ARGUMENT } from "./target.ts";

export const fetchCommand: Command = {
  name: "fetch",
  summary: "Fetch one group of a track.",
  description: [
    "Writes the payloads of the group's frames in order to standard output or to a file. Without GROUP it fetches the latest group.",
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
  const asked: Asked = { host: target.url.host, broadcast, track, ...group, timeoutMs: target.timeoutMs };
  const { protocol, ...fetched } = await withClient(target, broadcast, async (client) => ({
    protocol: client.protocol,
    ...(await fetchGroup(client, asked, io)),
  }));
  const payload = Buffer.concat(fetched.frames.map((frame) => frame.payload));
  const file = invocation.values.get("out");
  if (file !== undefined && file !== "-") writeFileSync(file, payload);
  if (invocation.switches.has("json")) {
    io.out.write(`${JSON.stringify(summary(broadcast, track, protocol, fetched), null, 2)}\n`);
  } else if (file === undefined && io.out.isTTY && !isText(payload)) {
    throw new UsageError(
      "the group is binary data, which can garble a terminal: use --out FILE, or --out - to write it anyway",
    );
  } else if (file === undefined || file === "-") {
    io.out.write(payload);
    if (io.out.isTTY && payload.at(-1) !== NEWLINE) io.out.write("\n");
  } else {
    io.err.write(
      `Group ${fetched.group}: ${fetched.frames.length} frames, ${payload.length} bytes, by ${protocol}, to ${file}\n`,
    );
  }
  return EXIT.ok;
}

/** The request of the command line. */
interface Asked {
  readonly host: string;
  readonly broadcast: string;
  readonly track: string;
  readonly group?: number;
  readonly timeoutMs: number;
}

/** Fetches; prints a line first if it has to wait for the broadcast. Throws {@link CommandError}. */
async function fetchGroup(client: Client, asked: Asked, io: Io): Promise<FetchedGroup> {
  const { FetchError } = await import("../relay/client/index.ts");
  const { host, broadcast, ...wanted } = asked;
  const watching = client.announced(broadcast, () => {});
  await watching.ready;
  watching.close();
  // A relay waits for a broadcast, but not for a single group.
  if (asked.group === undefined && !client.isLive(broadcast)) {
    io.err.write(
      `${broadcast} is not live at ${host}; waiting up to ${formatDuration(asked.timeoutMs)} for it (--timeout)\n`,
    );
  }
  try {
    return await client.fetch({ broadcast, ...wanted });
  } catch (error) {
    if (!(error instanceof FetchError)) throw error;
    const { code, begun } = error;
    const { text, exit } = refused(code, begun, client.isLive(broadcast), asked);
    throw new CommandError(text, exit);
  }
}

/** Explains a failed fetch: whether broadcast, track or group is missing, or why the relay refused. */
function refused(code: Reason, begun: boolean, live: boolean, asked: Asked): { text: string; exit: ExitCode } {
  const { host, broadcast, track, group, timeoutMs } = asked;
  const missing = (text: string) => ({ text, exit: EXIT.notFound });
  const within = `within ${formatDuration(timeoutMs)}`;
  switch (code) {
    case "timeout":
      if (begun) return missing(`${broadcast} ${track}: a group began to arrive but did not end ${within}`);
      if (!live) return missing(`${broadcast} is not live at ${host}`);
      if (group !== undefined) return missing(`${broadcast} ${track}: group ${group} did not arrive ${within}`);
      return missing(`${broadcast} ${track}: nothing arrived ${within}; the publisher may not have this track`);
    case "not_found":
    case "evicted":
    case "expired":
    case "cancelled":
      if (!live) return missing(`${broadcast} is not live at ${host}`);
      if (group !== undefined) return missing(`${broadcast} ${track} has no group ${group} now`);
      return missing(`${broadcast} has no track ${track}`);
    default:
      return { text: `${broadcast} ${track} cannot be fetched: ${REASONS.get(code) ?? code}`, exit: exitFor(code) };
  }
}

const REASONS: ReadonlyMap<Reason, string> = new Map([
  ["unauthorized", "the token does not grant it (unauthorized)"],
  ["limit", "the relay has reached a bound (limit)"],
  ["no_capacity", "the relay has reached a bound (no_capacity)"],
  ["unsupported", "its publisher does not serve single groups (unsupported); omit GROUP for the latest one"],
  ["upstream", "the connection to its publisher, or to the next relay upstream, was lost (upstream)"],
]);

const NEWLINE = 0x0a;

function readGroup(text: string): number {
  const group = parseWhole(text);
  if (group === undefined) throw new UsageError(`GROUP must be a whole number, not "${text}"`);
  return group;
}

function summary(broadcast: string, track: string, protocol: string, { group, frames }: FetchedGroup) {
  return {
    protocol,
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

/** True for UTF-8 without control characters other than white space. */
function isText(bytes: Uint8Array): boolean {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression looks for control characters.
    return !/[\u0000-\u0008\u000e-\u001f\u007f]/.test(text);
  } catch {
    return false;
  }
}
