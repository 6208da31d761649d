import { readFileSync } from "node:fs";
import { z } from "zod";
import { type Config, loadConfig, parseDuration, UnitError } from "../config/index.ts";
import { type Command, CommandError, type Invocation, UsageError } from "./command.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { Io } from "./io.ts";

/** Default of `--timeout`: orchestrators give a health check a few seconds. */
const TIMEOUT_DEFAULT = "3s";

const REASON = z.object({ code: z.string(), message: z.string(), since: z.string() });

/** `GET /api/v1/health`. */
const DETAILS = z.looseObject({
  ready: z.boolean(),
  live: z.boolean(),
  reasons: z.array(REASON),
  warnings: z.array(REASON),
});
type Details = z.output<typeof DETAILS>;

/** `GET /health/ready` of the admin listener. */
const CODES = z.object({ reasons: z.array(z.string()) });

export const healthCommand: Command = {
  name: "health",
  summary: "Ask a relay whether it is ready: the exit code is 0 or 1.",
  description: [
    "Asks the admin listener or the health port of a relay, and prints whether it is ready, the reasons why not, and warnings. It is meant as the health check of a container, which then needs no curl.",
    "Without URL it asks the relay of this machine: the address comes from --config, MOQMESH_HTTP_ADMIN_PORT and the other variables and options of the configuration, as for `serve`. A relay that cannot be reached is not ready.",
  ],
  positionals: [
    {
      name: "URL",
      required: false,
      description: "The admin listener or the health port, such as http://127.0.0.1:4444/.",
    },
  ],
  options: [
    { name: "config", value: "FILE", description: "Configuration file of the relay, where there is no URL." },
    { name: "live", description: "Ask whether the relay is live: false only when nothing but a restart helps." },
    { name: "timeout", value: "TIME", description: `Longest wait for the answer (default ${TIMEOUT_DEFAULT}).` },
    {
      name: "token",
      value: "FILE",
      description:
        "Read the secret or token of the admin API from FILE, for the texts of the reasons of another machine.",
    },
    {
      name: "json",
      description: "Print the answer of the API unchanged; a relay that does not give it has ready and live only.",
    },
  ],
  takesConfig: true,
  examples: ["health", "health http://127.0.0.1:4444/", "health --config /etc/moqmesh/relay.toml --live"],
  run,
};

async function run(invocation: Invocation, io: Io): Promise<ExitCode> {
  const { switches, values } = invocation;
  const base = addressOf(invocation, io);
  const question = switches.has("live") ? "live" : "ready";
  const timeoutMs = timeoutOf(values.get("timeout") ?? TIMEOUT_DEFAULT);
  const signal = AbortSignal.timeout(timeoutMs);
  const probe = base.pathname === "/" ? new URL(`/health/${question}`, base) : base;
  const answer = await ask(probe, signal);
  if (answer.status !== 200 && answer.status !== 503) {
    throw new CommandError(
      `${probe.href} is not the health of a relay (status ${answer.status}): [http] admin_port and health_port set its address`,
      EXIT.failed,
    );
  }
  const good = answer.status === 200;
  const details = await detailsOf(base, tokenOf(values.get("token")), signal);
  if (switches.has("json")) io.out.write(`${JSON.stringify(details ?? { [question]: good }, null, 2)}\n`);
  else io.out.write(describe(question, good, details, codesOf(answer.body)));
  return good ? EXIT.ok : EXIT.failed;
}

/** The first line has the verdict. Then one line for each reason and each warning. */
function describe(
  question: "ready" | "live",
  good: boolean,
  details: Details | undefined,
  codes: readonly string[],
): string {
  const reasons = details?.reasons.map(({ code, message, since }) => `${code}: ${message} (since ${since})`) ?? codes;
  const warnings = details?.warnings.map(({ code, message, since }) => `warning ${code}: ${message} (since ${since})`);
  const lines = [good ? question : `not ${question}`, ...reasons, ...(warnings ?? [])];
  return `${lines.join("\n")}\n`;
}

/** The URL of the command line, or that of the configured relay on this machine. */
function addressOf({ positionals, values, config: flags }: Invocation, { env }: Io): URL {
  const [address] = positionals;
  const file = values.get("config");
  if (address === undefined) {
    const { config } = loadConfig({ env, flags, ...(file !== undefined && { file }) });
    return configured(config.http);
  }
  if (file !== undefined) throw new UsageError("use either a URL or --config");
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    throw new UsageError(`"${address}" is not a URL such as http://127.0.0.1:4444/`);
  }
  return url;
}

/** The admin listener says most; the health port is for relays without one. */
function configured({ admin, adminHost, adminPort, healthHost, healthPort }: Config["http"]): URL {
  if (admin && adminPort !== 0) return new URL(`http://${onThisMachine(adminHost)}:${adminPort}/`);
  if (healthPort !== undefined && healthPort !== 0)
    return new URL(`http://${onThisMachine(healthHost)}:${healthPort}/`);
  throw new UsageError("the configuration has neither an admin listener nor a health port with a number: give a URL");
}

/** The address at which this machine reaches a listener on `host`. */
function onThisMachine(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

async function ask(at: URL, signal: AbortSignal, token?: string): Promise<Answer> {
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  try {
    const response = await fetch(at, { signal, headers, redirect: "error" });
    return { status: response.status, body: await response.text() };
  } catch (error) {
    const { describeTcpFailure } = await import("../client/index.ts");
    const late = error instanceof Error && error.name === "TimeoutError";
    const cause = late ? "no answer in time; its event loop may be blocked" : describeTcpFailure(error);
    throw new CommandError(`not ready: ${at.origin} cannot be reached: ${cause}`, EXIT.failed);
  }
}

/** What the API says, where this caller may read it; undefined elsewhere. The verdict does not depend on it. */
async function detailsOf(base: URL, token: string | undefined, signal: AbortSignal): Promise<Details | undefined> {
  try {
    const { status, body } = await ask(new URL("/api/v1/health", base), signal, token);
    return status === 200 ? DETAILS.parse(JSON.parse(body)) : undefined;
  } catch {
    return undefined;
  }
}

function codesOf(body: string): string[] {
  try {
    return CODES.parse(JSON.parse(body)).reasons;
  } catch {
    return [];
  }
}

function tokenOf(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new UsageError(
      `--token: "${file}" cannot be read (${error instanceof Error ? error.message : String(error)})`,
    );
  }
}

function timeoutOf(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (error instanceof UnitError) throw new UsageError(`--timeout: ${error.message}`);
    throw error;
  }
}
