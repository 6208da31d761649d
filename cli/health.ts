import * as z from "zod";
import type { Trust } from "../moq/link.ts";
import { printable } from "../moq/printable.ts";
import type { HttpAnswer } from "../relay/client/index.ts";
import { type Config, loadConfig, onThisMachine } from "../relay/config/index.ts";
import { type Command, CommandError, type Invocation, UsageError } from "./command.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { Io } from "./io.ts";
import { ownAdminTrust, ownAdminUrl } from "./own-admin.ts";
import { CERTIFICATE_OPTIONS, readDuration, readTokenFile, readTrust, timeoutOption } from "./target.ts";

/** Default of `--timeout`: orchestrators give a health check a few seconds. */
const TIMEOUT_DEFAULT = "3s";

/** Longest answer, in bytes. */
const MAX_BYTES = 1024 * 1024;

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
    timeoutOption(TIMEOUT_DEFAULT),
    ...CERTIFICATE_OPTIONS,
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
  const listener = await listenerOf(invocation, io);
  const { url } = listener;
  const question = switches.has("live") ? "live" : "ready";
  const end = performance.now() + readDuration(invocation, "timeout", TIMEOUT_DEFAULT);
  const file = values.get("token");
  const token = file === undefined ? undefined : readTokenFile(file, "token");
  const probe = url.pathname === "/" ? new URL(`/health/${question}`, url) : url;
  const answer = await ask(probe, listener, end);
  if (answer.status !== 200 && answer.status !== 503) {
    throw new CommandError(
      `${probe.href} is not the health of a relay (status ${answer.status}): [http] admin_port and health_port set its address`,
      EXIT.failed,
    );
  }
  const good = answer.status === 200;
  const details = await detailsOf(listener, token, end);
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
  return lines.map((line) => `${printable(line)}\n`).join("");
}

interface Listener {
  readonly url: URL;
  readonly trust: Trust;
}

/** The listener of the command line, or that of the configured relay on this machine. */
async function listenerOf(invocation: Invocation, { env }: Io): Promise<Listener> {
  const { positionals, values, config: flags } = invocation;
  const [address] = positionals;
  const file = values.get("config");
  if (address === undefined) {
    const { config } = loadConfig({ env, flags, ...(file !== undefined && { file }) });
    const url = configured(config.http);
    return { url, trust: await ownAdminTrust(config) };
  }
  if (file !== undefined) throw new UsageError("use either a URL or --config");
  const url = URL.parse(address);
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw new UsageError(`"${address}" is not a URL such as http://127.0.0.1:4444/`);
  }
  return { url, trust: readTrust(invocation) };
}

/** The admin listener says most; the health port is for relays without one. */
function configured(http: Config["http"]): URL {
  const { healthHost, healthPort } = http;
  const admin = ownAdminUrl(http);
  if (admin !== undefined) return admin;
  if (healthPort !== undefined && healthPort !== 0)
    return new URL(`http://${onThisMachine(healthHost)}:${healthPort}/`);
  throw new UsageError("the configuration has neither an admin listener nor a health port with a number: give a URL");
}

/** `end` is a time of `performance.now()`. */
async function ask(at: URL, { trust }: Listener, end: number, token?: string): Promise<HttpAnswer> {
  const { askHttp, describeTcpFailure } = await import("../relay/client/index.ts");
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const timeoutMs = Math.max(1, Math.round(end - performance.now()));
  try {
    return await askHttp(at, { trust, headers, timeoutMs, maxBytes: MAX_BYTES });
  } catch (error) {
    const late = error instanceof Error && error.name === "TimeoutError";
    const cause = late ? "no answer in time; its event loop may be blocked" : describeTcpFailure(error);
    throw new CommandError(`not ready: ${at.origin} cannot be reached: ${cause}`, EXIT.failed);
  }
}

/** What the API says, where this caller may read it; undefined elsewhere. The verdict does not depend on it. */
async function detailsOf(listener: Listener, token: string | undefined, end: number): Promise<Details | undefined> {
  try {
    const { status, body } = await ask(new URL("/api/v1/health", listener.url), listener, end, token);
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
