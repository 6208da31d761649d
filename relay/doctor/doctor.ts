import { createEngine } from "../../transport/engines.ts";
import { systemClock } from "../../transport/shared/index.ts";
import type { Config, LoadedConfig } from "../config/index.ts";
import { inspect, type RunningRelay, runningRelay } from "../preflight/index.ts";
import { clockSteps, ntpOffset, offsetFinding } from "./clock.ts";
import { type Finding, type ReadHost, readHost } from "./contract.ts";
import { examineHost } from "./host.ts";
import { examineKernel } from "./kernel.ts";
import { examineRoots, examineSelf } from "./reach.ts";

/** First version of Node that runs the program. */
const NODE_MAJOR = 24;

export interface ExaminationOptions {
  /** Reads files of the host; default: this one's. */
  readonly read?: ReadHost;
  /** NTP server to compare the clock with, `HOST` or `HOST:PORT`. */
  readonly ntp?: string | undefined;
  /** Opens the ports of a configuration for the time of a probe. Without it a relay that does not run is not probed. */
  readonly listen?: (config: Config) => Promise<{ close(): Promise<void> }>;
  /** Leaves out what needs other machines. */
  readonly offline?: boolean;
  readonly nodeVersion?: string;
  /** Milliseconds since 1970. */
  readonly wallNow?: () => number;
}

/** Examines the machine and the network for a relay of this configuration. */
export async function examine(loaded: LoadedConfig, options: ExaminationOptions = {}): Promise<Finding[]> {
  const { config } = loaded;
  const { read = readHost, wallNow = Date.now, nodeVersion = process.versions.node, offline = false } = options;
  const stepped = stopwatch(wallNow);
  const running = await runningRelay(config);
  const found = [
    nodeFinding(nodeVersion),
    await engineFinding(config),
    ...(await configuration(loaded, running)),
    ...(await examineHost(read, config)),
    ...(await examineKernel(read, config)),
  ];
  if (options.ntp !== undefined) found.push(await ntpFinding(options.ntp, wallNow));
  const remote = offline ? [] : await examineRoots(config, wallNow);
  const clocks = remote.filter(({ code }) => code !== "clock_offset" || options.ntp === undefined);
  const self = await selfFindings(config, running, options.listen);
  return [...found, await clockSteps(config.tls.stateDir, wallNow, stepped()), ...clocks, ...self];
}

function nodeFinding(version: string): Finding {
  const common = { code: "node_version", subject: "Node" } as const;
  if (Number.parseInt(version, 10) >= NODE_MAJOR) return { ...common, status: "ok", text: version };
  const remedy = `install Node ${NODE_MAJOR}`;
  return { ...common, status: "fail", text: `${version}, wanted ${NODE_MAJOR} or newer`, remedy };
}

async function engineFinding({ server }: Config): Promise<Finding> {
  const common = { code: "native_engine", subject: "native engine" } as const;
  try {
    await createEngine("native", { clock: systemClock, warn: () => {} });
    return { ...common, status: "ok", text: "loads" };
  } catch (error) {
    const text = `does not load: ${error instanceof Error ? error.message : String(error)}`;
    const remedy = "docs/engines.md explains how to install it; other engines cost up to three times the CPU";
    return { ...common, status: server.engine === "native" ? "fail" : "warn", text, remedy };
  }
}

/** What `check` says, and the state of the ports. */
async function configuration(loaded: LoadedConfig, running: RunningRelay | undefined): Promise<Finding[]> {
  const { problems, warnings } = await inspect(loaded, { running: running !== undefined });
  const of = (status: "fail" | "warn", list: typeof problems) =>
    list.map(({ code, key, message, hint }): Finding => {
      return { code, status, subject: key, text: message, ...(hint !== undefined && { remedy: hint }) };
    });
  const config: Finding = { code: "configuration", status: "ok", subject: "configuration", text: "no problems" };
  const found = [...of("fail", problems), ...of("warn", warnings)];
  const common = { code: "ports", subject: "ports" } as const;
  const ports: Finding[] = running
    ? [{ ...common, ...stateOf(running) }]
    : problems.some(({ code }) => code.startsWith("port_"))
      ? []
      : [{ ...common, status: "ok", text: "each can be bound; no relay runs with them" }];
  return [...(found.length === 0 ? [config] : found), ...ports];
}

function stateOf({ ready, reasons }: RunningRelay): Pick<Finding, "status" | "text" | "remedy"> {
  if (ready) return { status: "ok", text: "a relay runs with them, and is ready" };
  const why = reasons.length === 0 ? "" : `: ${reasons.join(", ")}`;
  return {
    status: "warn",
    text: `a relay runs with them, and is not ready${why}`,
    remedy: "`moqmesh health` says why",
  };
}

async function ntpFinding(host: string, wallNow: () => number): Promise<Finding> {
  try {
    return offsetFinding(await ntpOffset(host, wallNow), host, true);
  } catch (error) {
    const text = `${host} gives no time: ${error instanceof Error ? error.message : String(error)}`;
    return { code: "clock_offset", status: "warn", subject: "clock", text, remedy: "name another server with --ntp" };
  }
}

async function selfFindings(
  config: Config,
  running: RunningRelay | undefined,
  listen: ExaminationOptions["listen"],
): Promise<Finding[]> {
  if (running !== undefined) return await examineSelf(config);
  const skipped = (text: string): Finding[] => [{ code: "self_udp", status: "skipped", subject: "this relay", text }];
  if (listen === undefined) return skipped("it does not run, so it was not probed");
  let opened: { close(): Promise<void> };
  try {
    opened = await listen(alone(config));
  } catch (error) {
    return skipped(
      `it does not run, and its ports cannot be opened: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  try {
    return await examineSelf(config);
  } finally {
    await opened.close();
  }
}

/** The public port of a configuration and nothing else: no mesh, no services, no other listener. */
function alone(config: Config): Config {
  const { cluster, webhooks, http, auth, health, log } = config;
  const nowhere = { root: [], peers: [], dns: [], connect: [], serveRoot: false };
  return {
    ...config,
    cluster: { ...cluster, ...nowhere, node: undefined, listen: undefined, clientCa: undefined, registry: undefined },
    webhooks: { ...webhooks, urls: [] },
    http: { ...http, admin: false, healthPort: undefined, page: false },
    auth: { ...auth, keyUrl: undefined, api: undefined, publicPublish: [], publicSubscribe: [] },
    health: { ...health, probeIntervalMs: 0 },
    log: { ...log, level: "fatal", modules: [] },
  };
}

/** Gives the milliseconds by which the wall clock has been set since. */
function stopwatch(wallNow: () => number): () => number {
  const [wall, monotonic] = [wallNow(), performance.now()];
  return () => wallNow() - wall - (performance.now() - monotonic);
}
