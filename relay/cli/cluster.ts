import { z } from "zod";
import { formatDuration } from "../config/index.ts";
import { type Command, CommandError, type Invocation, UsageError } from "./command.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { Io } from "./io.ts";

/** The code in the answer of a relay that is in no mesh. */
const NO_MESH = "no_mesh";

/** Milliseconds within which a relay must answer. */
const TIMEOUT_MS = 10_000;

const NODE = z.object({
  node: z.string(),
  role: z.string(),
  region: z.string(),
  url: z.string(),
  draining: z.boolean(),
  present: z.boolean(),
  sessions: z.number().optional(),
  subscriptions: z.number().optional(),
});

const ANSWER = z.looseObject({
  node: z.string(),
  role: z.string(),
  region: z.string(),
  roots: z.object({ configured: z.number(), connected: z.number() }),
  registry: z.looseObject({ backend: z.string(), up: z.boolean() }).optional(),
  upstreams: z.array(z.object({ node: z.string() })),
  nodes: z.array(NODE).optional(),
  broadcasts: z.array(z.object({ path: z.string(), holders: z.array(z.string()) })).optional(),
});
type Answer = z.output<typeof ANSWER>;

export const clusterCommand: Command = {
  name: "cluster",
  summary: "Show the mesh as a relay sees it.",
  description: [
    "Asks the admin listener of a relay, such as http://127.0.0.1:4444/. A root lists the relays of the mesh and the broadcasts that are published to each; any other relay lists the relays it pulls from.",
  ],
  positionals: [
    { name: "URL", required: true, description: "The admin listener of a relay." },
    { name: "PREFIX", required: false, description: "List only broadcasts under this path, by whole segments." },
  ],
  options: [{ name: "json", description: "Print the relay's JSON answer unchanged." }],
  takesConfig: false,
  examples: ["cluster http://127.0.0.1:4444/", "cluster http://127.0.0.1:4444/ live --json"],
  run,
};

async function run({ positionals, switches }: Invocation, io: Io): Promise<ExitCode> {
  const [address = "", prefix = ""] = positionals;
  const base = URL.canParse(address) ? new URL(address) : undefined;
  if (base === undefined || !["http:", "https:"].includes(base.protocol)) {
    throw new UsageError(`"${address}" is not the URL of an admin listener, such as http://127.0.0.1:4444/`);
  }
  const at = new URL("/api/v1/cluster", base);
  if (prefix !== "") at.searchParams.set("prefix", prefix);
  const answer = await ask(at);
  if (switches.has("json")) io.out.write(`${JSON.stringify(answer, null, 2)}\n`);
  else io.out.write(describe(answer));
  return EXIT.ok;
}

async function ask(at: URL): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(at, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: "error" });
  } catch (error) {
    const { describeTcpFailure } = await import("../client/index.ts");
    const late = error instanceof Error && error.name === "TimeoutError";
    const cause = late ? `no answer within ${formatDuration(TIMEOUT_MS)}` : describeTcpFailure(error);
    const hint = at.protocol === "https:" ? "\nan admin listener does not use TLS: try http://" : "";
    throw new CommandError(`${at.origin} cannot be reached: ${cause}${hint}`, EXIT.connect);
  }
  const body = await response.text();
  if (response.status === 404 && body.includes(NO_MESH)) {
    throw new CommandError(`the relay at ${at.origin} is in no mesh`, EXIT.failed);
  }
  const parsed = ANSWER.safeParse(response.ok ? readJson(body) : undefined);
  if (parsed.success) return parsed.data;
  throw new CommandError(
    `${at.origin} is not the admin listener of a relay (status ${response.status})\n[http] admin_host and admin_port set its address, by default http://127.0.0.1:4444/; the public port is a different one`,
    EXIT.failed,
  );
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function describe(answer: Answer): string {
  const { node, role, region, roots, registry, upstreams, nodes, broadcasts } = answer;
  const head = [`${node}: ${role} in ${region}, at ${roots.connected} of ${roots.configured} roots`];
  if (registry !== undefined) head.push(`registry in ${registry.backend}${registry.up ? "" : ", which is down"}`);
  if (upstreams.length > 0) head.push(`pulls from ${upstreams.map((one) => one.node).join(", ")}`);
  const parts = [head];
  if (nodes !== undefined) {
    const rows = nodes.map((one) => [
      one.node,
      one.role,
      one.region,
      one.present ? (one.draining ? "draining" : "up") : "lost",
      String(one.sessions ?? "-"),
      String(one.subscriptions ?? "-"),
      one.url,
    ]);
    parts.push(table([["NODE", "ROLE", "REGION", "STATE", "SESSIONS", "SUBSCRIPTIONS", "URL"], ...rows]));
  }
  if (broadcasts !== undefined) {
    const rows = broadcasts.map(({ path, holders }) => [path, holders.join(", ")]);
    parts.push(rows.length === 0 ? ["no broadcasts"] : table([["BROADCAST", "HELD BY"], ...rows]));
  }
  return `${parts.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

/** Columns as wide as their widest cell, two spaces apart. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    rows.reduce((widest, row) => Math.max(widest, row[column]?.length ?? 0), 0),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
