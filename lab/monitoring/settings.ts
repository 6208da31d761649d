/** The files of Prometheus and Alertmanager for a mesh on this machine, made from those of `deploy/`. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "yaml";
import { divided, fasterRules } from "./faster.ts";

const DEPLOY = fileURLToPath(new URL("../../deploy/", import.meta.url));

/** Shortest time between two scrapes in milliseconds: a scrape costs a relay a few milliseconds. */
const SHORTEST_SCRAPE_MS = 1_000;

/** A relay that is scraped. */
export interface Target {
  /** Its label `instance`. */
  readonly name: string;
  readonly adminPort: number;
}

interface PrometheusFile {
  global: { scrape_interval: string; evaluation_interval: string; scrape_timeout?: string };
  rule_files: string[];
  alerting: { alertmanagers: { static_configs: { targets: string[] }[] }[] };
  scrape_configs: { job_name: string; authorization?: object; static_configs: object[] }[];
}

interface Route {
  group_wait?: string;
  group_interval?: string;
  repeat_interval?: string;
  routes?: Route[];
}

interface AlertmanagerFile {
  route: Route;
  receivers: { name: string; webhook_configs?: object[] }[];
}

/** The texts of the rule files by name, with their times divided by `speed`. */
export async function ruleFiles(speed: number): Promise<ReadonlyMap<string, string>> {
  const names = ["recording.yml", "alerts.yml", "budgets.yml"];
  const texts = names.map(async (name) => {
    const text = await readFile(join(DEPLOY, "alerts", name), "utf8");
    return [name, fasterRules(text, speed)] as const;
  });
  return new Map(await Promise.all(texts));
}

/** `deploy/compose/prometheus.yml` with these relays and rule files. */
export async function prometheusFile(
  targets: readonly Target[],
  rules: readonly string[],
  alertmanager: string,
  speed: number,
): Promise<string> {
  const file = parse(await readFile(join(DEPLOY, "compose/prometheus.yml"), "utf8")) as PrometheusFile;
  const { global } = file;
  global.evaluation_interval = divided(global.evaluation_interval, speed);
  const scrape = Number.parseInt(divided(global.scrape_interval, speed), 10);
  global.scrape_interval = `${Math.max(SHORTEST_SCRAPE_MS, scrape)}ms`;
  global.scrape_timeout = global.scrape_interval;
  file.rule_files = [...rules];
  file.alerting.alertmanagers = [{ static_configs: [{ targets: [alertmanager] }] }];
  file.scrape_configs = file.scrape_configs.map(({ job_name }) => ({
    job_name,
    static_configs: targets.map(({ name, adminPort }) => ({
      targets: [`127.0.0.1:${adminPort}`],
      labels: { instance: name },
    })),
  }));
  return stringify(file);
}

/** `deploy/compose/alertmanager.yml`, whose receivers are all this webhook. */
export async function alertmanagerFile(webhook: string, speed: number): Promise<string> {
  const file = parse(await readFile(join(DEPLOY, "compose/alertmanager.yml"), "utf8")) as AlertmanagerFile;
  fasterRoute(file.route, speed);
  for (const receiver of file.receivers) receiver.webhook_configs = [{ url: webhook, send_resolved: true }];
  return stringify(file);
}

function fasterRoute(route: Route, speed: number): void {
  for (const key of ["group_wait", "group_interval", "repeat_interval"] as const) {
    const duration = route[key];
    if (duration !== undefined) route[key] = divided(duration, speed);
  }
  for (const child of route.routes ?? []) fasterRoute(child, speed);
}
