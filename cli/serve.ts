import { type Config, ConfigError, type RunTime } from "../relay/config/index.ts";
import { openLog } from "../relay/log/index.ts";
import type { Relay, Supervision } from "../relay/main.ts";
import { banner } from "./banner.ts";
import type { Command, Invocation } from "./command.ts";
import { loadAgain, loadConfigured } from "./configured.ts";
import { containDefects } from "./contain.ts";
import { EXIT, type ExitCode, SIGNAL_EXIT_BASE } from "./exit-codes.ts";
import type { Io } from "./io.ts";
import { roomForSmallHeap } from "./old-heap.ts";
import { paced } from "./reload.ts";
import { onSignals, type SignalActions } from "./signals.ts";
import { boundYoungHeap } from "./young-heap.ts";

export const serveCommand: Command = {
  name: "serve",
  summary: "Run a relay.",
  description: [
    "Runs a relay with the configuration of FILE (TOML), or with the defaults when there is none. If no certificate is configured, it makes a self-signed one and prints its fingerprint.",
    "SIGTERM or SIGINT (Ctrl-C) stops the relay gracefully: it refuses new sessions, sends GOAWAY to the others and gives them time to leave. A second signal stops it at once. SIGHUP, unless the relay was started on a terminal, reads the configuration again. Keys that docs/config.md marks with `reload` then apply, limits and rules to new sessions; the log lists changed keys that need a restart. When the configuration has an error, or names a file that cannot be used, nothing changes. SIGUSR2 sets the log to `debug`; a second one sets it back.",
  ],
  positionals: [{ name: "FILE", required: false, description: "Configuration file." }],
  options: [],
  takesConfig: true,
  examples: ["serve", "serve configs/dev.toml", "serve /etc/moqmesh/relay.toml --port 443 --log.format json"],
  run,
};

async function run(invocation: Invocation, io: Io): Promise<ExitCode> {
  const loaded = loadConfigured(invocation, io);
  const { config } = loaded;
  const { log, ...logParts } = openLog(config.log);
  const { output } = logParts;
  const life: Life = new Life(config, io.out.isTTY);
  // Listen before the start, so that a signal during the start is handled.
  const stopListening = onSignals(life);
  try {
    const { start, preflight, releaseStartMemory, supervise } = await import("../relay/main.ts");
    const { problems, warnings } = await unlessAborted(life.startEnd, preflight(loaded));
    if (problems.length > 0) throw new ConfigError(problems);
    for (const warning of warnings) {
      if (!warning.logged) log.warn({ code: warning.code, key: warning.key }, warning.message);
    }
    const source = { loaded, load: (set: RunTime) => loadAgain(invocation, io, set) };
    const relay = await start(config, { stacks: true, log, logParts, source, end: life.startEnd });
    const stopGrowing = roomForSmallHeap();
    // The relay serves few clients yet: a pause costs least now.
    releaseStartMemory();
    const stopBounding = boundYoungHeap();
    const stopContaining = containDefects((error) => relay.contain(error));
    const service = supervise(relay, log);
    life.begin(relay, service);
    const pretty = config.log.format === "pretty" || (config.log.format === "auto" && io.out.isTTY);
    if (pretty) output.write(banner(relay, config, io));
    await relay.ended;
    service?.close();
    stopBounding();
    stopGrowing();
    stopContaining();
    return EXIT.ok;
  } catch (error) {
    if (!life.endedEarly) throw error;
    log.info("relay stopped by a signal during its start");
    return EXIT.ok;
  } finally {
    stopListening();
    await output.close();
    // Otherwise the process would wait for a log reader that does not read, or for a file system that hangs.
    setTimeout(() => process.exit(), LAST_WORDS_MS).unref();
  }
}

/** Rejects when the signal comes first. */
async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(new Error("stopped by a signal during the start"));
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([aborted.promise, work]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Milliseconds within which a relay that must stop at once may still close its sessions. */
const LAST_WORDS_MS = 1_000;

/** Handles signals for a relay, also before it runs. */
class Life implements SignalActions {
  readonly terminal: boolean;
  /** A signal that comes before the relay runs reloads nothing: the relay is about to read the files. */
  readonly reload = paced(
    async () => await this.#relay?.settings.reload(),
    (reloading) => this.#service?.reloads(reloading),
  );
  readonly #config: Config;
  readonly #start = new AbortController();
  #relay: Relay | undefined;
  #service: Supervision | undefined;

  constructor(config: Config, terminal: boolean) {
    this.#config = config;
    this.terminal = terminal;
  }

  /** Aborted by a signal that comes before the relay runs. */
  get startEnd(): AbortSignal {
    return this.#start.signal;
  }

  get endedEarly(): boolean {
    return this.#start.signal.aborted;
  }

  begin(relay: Relay, service: Supervision | undefined): void {
    this.#relay = relay;
    this.#service = service;
    if (this.endedEarly) void relay.drain("stopped by a signal during the start");
  }

  switchDebug(): void {
    this.#relay?.switchDebug();
  }

  end(signal: string): void {
    this.#service?.stopping(signal, this.#relay?.settings.config ?? this.#config);
    if (this.#relay === undefined) this.#start.abort();
    else void this.#relay.drain(signal);
  }

  endNow(signal: string, number: number): void {
    const leave = () => process.exit(SIGNAL_EXIT_BASE + number);
    if (this.#relay === undefined) {
      leave();
    } else {
      setTimeout(leave, LAST_WORDS_MS).unref();
      void this.#relay.close(signal).then(leave);
    }
  }
}
