import { accessSync, constants } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Child } from "../../bench/system/child.ts";
import { BenchError } from "../../bench/system/error.ts";
import { freePorts } from "../ports.ts";
import { waitFor } from "../wait.ts";
import { type Notification, Receiver } from "./receiver.ts";
import { alertmanagerFile, prometheusFile, ruleFiles, type Target } from "./settings.ts";

/** Milliseconds within which both programs must answer. */
const START_MS = 30_000;

/** The names of the programs, Debian's first. */
const PROMETHEUS = ["prometheus"];
const ALERTMANAGER = ["prometheus-alertmanager", "alertmanager"];

export interface MonitoringOptions {
  /** A folder for all files; it is made. */
  readonly folder: string;
  readonly targets: readonly Target[];
  /** By how much all times of rules and routes are divided. */
  readonly speed: number;
  readonly notified: (alerts: Notification) => void;
  /** Called with the id of each process that starts. */
  readonly started?: (pid: number) => void;
  /** Everything that the programs print. */
  readonly output?: (name: string, text: string) => void;
}

/** A Prometheus that scrapes relays by the rules of `deploy/alerts`, and the Alertmanager that it sends alerts to. */
export class Monitoring {
  /** URLs of their pages. */
  readonly prometheus: string;
  readonly alertmanager: string;
  readonly #receiver: Receiver;
  readonly #children: Child[] = [];

  private constructor(prometheus: string, alertmanager: string, receiver: Receiver) {
    this.prometheus = prometheus;
    this.alertmanager = alertmanager;
    this.#receiver = receiver;
  }

  /** Resolves when both programs answer. Rejects with a {@link BenchError} when a program is missing or does not start. */
  static async start(options: MonitoringOptions): Promise<Monitoring> {
    const programs = { prometheus: found(PROMETHEUS), alertmanager: found(ALERTMANAGER) };
    const ports = await freePorts(2);
    const [prometheus = "", alertmanager = ""] = ports.map((port) => `127.0.0.1:${port}`);
    const receiver = await Receiver.start(options.notified);
    const monitoring = new Monitoring(`http://${prometheus}/`, `http://${alertmanager}/`, receiver);
    try {
      const { config, routes } = await writeFiles(options, alertmanager, receiver.url);
      const { folder } = options;
      const ended = [
        monitoring.#run(options, "alertmanager", [
          programs.alertmanager,
          `--config.file=${routes}`,
          `--storage.path=${join(folder, "alertmanager")}`,
          `--web.listen-address=${alertmanager}`,
          "--cluster.listen-address=",
        ]),
        monitoring.#run(options, "prometheus", [
          programs.prometheus,
          `--config.file=${config}`,
          `--storage.tsdb.path=${join(folder, "prometheus")}`,
          `--web.listen-address=${prometheus}`,
        ]),
      ];
      await Promise.race([monitoring.#ready(), ...ended]);
    } catch (error) {
      await monitoring.stop();
      throw error;
    }
    return monitoring;
  }

  /** The `data` of an answer of Prometheus' API, such as `query?query=up`. Rejects when it answers with an error. */
  async api(path: string): Promise<unknown> {
    const response = await fetch(new URL(`api/v1/${path}`, this.prometheus));
    const answer = (await response.json()) as { status: string; error?: string; data: unknown };
    if (answer.status !== "success") throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#children.map((child) => child.stop()));
    await this.#receiver.stop();
  }

  /** Starts a program; rejects when it ends. */
  #run({ started, output }: MonitoringOptions, name: string, command: string[]): Promise<never> {
    const child = new Child({
      name,
      command,
      cores: undefined,
      channel: false,
      ...(output && { output: (text: string) => output(name, text) }),
    });
    this.#children.push(child);
    started?.(child.pid);
    return child.ended;
  }

  async #ready(): Promise<void> {
    for (const url of [this.alertmanager, this.prometheus]) {
      const ready = await waitFor(START_MS, async () => {
        return (await fetch(new URL("-/ready", url))).ok ? true : undefined;
      });
      if (ready === undefined) throw new BenchError(`nothing answers at ${url} within ${START_MS / 1_000} s`);
    }
  }
}

/** Writes the files of both programs, and gives the paths of their configurations. */
async function writeFiles(
  { folder, targets, speed }: MonitoringOptions,
  alertmanager: string,
  webhook: string,
): Promise<{ config: string; routes: string }> {
  await mkdir(folder, { recursive: true });
  const write = async (name: string, text: string) => {
    const path = join(folder, name);
    await writeFile(path, text);
    return path;
  };
  const rules = await Promise.all([...(await ruleFiles(speed))].map(async ([name, text]) => await write(name, text)));
  return {
    config: await write("prometheus.yml", await prometheusFile(targets, rules, alertmanager, speed)),
    routes: await write("alertmanager.yml", await alertmanagerFile(webhook, speed)),
  };
}

/** The path of the first program in PATH that has one of these names. */
function found(names: readonly string[]): string {
  for (const name of names)
    for (const folder of (process.env["PATH"] ?? "").split(":")) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not in this folder.
      }
    }
  throw new BenchError(`${names[0]} is missing: apt-get install prometheus prometheus-alertmanager`);
}
