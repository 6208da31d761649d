import { isIPv6 } from "node:net";
import { type LoadedConfig, loadConfig } from "../relay/config/index.ts";
import { openEngine } from "../relay/host/index.ts";
import { PrometheusExport, RELAY_METRICS, relayReadings } from "../relay/http/index.ts";
import { createLogger, type Logger } from "../relay/log/index.ts";
import { preflight, type Relay as RunningRelay, start } from "../relay/main.ts";
import { systemClock } from "../transport/shared/index.ts";
import type { Address, Health, LogLine, Relay, StartOptions } from "./contract.ts";
import { asMoqmeshError, badConfig } from "./errors.ts";
import { metricNumbers } from "./numbers.ts";
import { checkStart } from "./options.ts";

/** Addresses that mean every address of the machine. */
const EVERY_ADDRESS: ReadonlySet<string> = new Set(["::", "0.0.0.0"]);

/** Starts a relay. Rejects with a `MoqmeshError`, or with the reason of the signal. */
export async function startRelay(options: StartOptions): Promise<Relay> {
  checkStart(options);
  const { signal } = options;
  signal?.throwIfAborted();
  try {
    const relay = await open(options);
    const abort = () => void relay.close("aborted");
    signal?.addEventListener("abort", abort, { once: true });
    void relay.ended.then(() => signal?.removeEventListener("abort", abort));
    if (signal?.aborted) await relay.close("aborted");
    signal?.throwIfAborted();
    return relay;
  } catch (error) {
    signal?.throwIfAborted();
    throw asMoqmeshError(error, "start_failed");
  }
}

async function open({ signal, ...options }: StartOptions): Promise<Relay> {
  const loaded = load(options);
  const { config } = loaded;
  const log = logger(config.log.level, options.log);
  const { problems, warnings } = await preflight(loaded);
  if (problems.length > 0) throw badConfig(problems);
  for (const { code, key, message, logged } of warnings) if (!logged) log.warn({ code, key }, message);
  signal?.throwIfAborted();
  const warn = (message: string, err?: unknown) => log.warn(err === undefined ? {} : { err }, message);
  const engine = await openEngine(config, { clock: systemClock, warn });
  try {
    const relay = await start(config, { log, engine, ...(signal !== undefined && { end: signal }) });
    void relay.ended.then(() => engine.close?.());
    return new EmbeddedRelay(relay);
  } catch (error) {
    engine.close?.();
    throw error;
  }
}

/** A program has no use for the admin listener's fixed port unless it asks for it, and two relays of one process could not both have it. */
function load({ config = {}, file, env = {} }: StartOptions): LoadedConfig {
  const sources = { ...(file !== undefined && { file }), env, options: config };
  const loaded = loadConfig(sources);
  if (loaded.origins.get("http.admin")?.kind !== "default") return loaded;
  return loadConfig({ ...sources, options: { ...config, http: { ...config.http, admin: false } } });
}

/** A log whose lines go to `take`. */
function logger(level: LoadedConfig["config"]["log"]["level"], take: StartOptions["log"]): Logger {
  const stream = { write: (line: string) => take?.(JSON.parse(line) as LogLine) };
  return createLogger({ level: take === undefined ? "silent" : level, format: "json", stream });
}

class EmbeddedRelay implements Relay {
  readonly #relay: RunningRelay;
  readonly #metrics: PrometheusExport;

  constructor(relay: RunningRelay) {
    this.#relay = relay;
    // The admin listener attaches them as well, where there is one.
    relay.counters.attach(RELAY_METRICS, () => relayReadings(relay));
    this.#metrics = new PrometheusExport(relay.counters);
  }

  get version(): string {
    return this.#relay.version;
  }

  get engine(): string {
    return this.#relay.engine;
  }

  get address(): Address {
    return this.#relay.address;
  }

  get adminAddress(): Address | undefined {
    return this.#relay.adminAddress;
  }

  get healthAddress(): Address | undefined {
    return this.#relay.healthAddress;
  }

  get clusterAddress(): Address | undefined {
    return this.#relay.clusterAddress;
  }

  get url(): string {
    const { address, port } = this.address;
    const host = EVERY_ADDRESS.has(address) ? "127.0.0.1" : address;
    return `https://${isIPv6(host) ? `[${host}]` : host}:${port}/`;
  }

  get fingerprint(): string | undefined {
    return this.#relay.fingerprint;
  }

  get ended(): Promise<void> {
    return this.#relay.ended;
  }

  health(): Health {
    const { ready, live, reasons, warnings } = this.#relay.health();
    return { ready, live, reasons, warnings };
  }

  async counters(): Promise<Readonly<Record<string, number>>> {
    return await metricNumbers(this.#relay.counters);
  }

  async metrics(): Promise<string> {
    return (await this.#metrics.render()).text;
  }

  async drain(reason = "drained by the program"): Promise<void> {
    await this.#relay.drain(reason);
  }

  async close(reason = "closed by the program"): Promise<void> {
    await this.#relay.close(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
