/** Alarms of the clouds against the alerts of Prometheus, and the measures that they are over against the metrics of a relay. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { copyTerraform } from "../support/tofu.ts";
import { tool } from "../support/tools.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const MEASURE = join(ROOT, "terraform/modules/machine/files/measure.mts");

interface Expression {
  readonly of: string;
  readonly kind: string;
  readonly metric: string;
  readonly where: Readonly<Record<string, string>>;
  readonly unless: Readonly<Record<string, string>>;
}

type Measures = Readonly<
  Record<string, { readonly unit: string; readonly value: Expression; readonly over: Expression | null }>
>;

type Alarms = Readonly<
  Record<string, { readonly measure: string; readonly severity: string; readonly runbook_url: string }>
>;

const text = async (path: string): Promise<string> => await readFile(join(ROOT, path), "utf8");

const TYPES: Readonly<Record<string, string>> = {
  gauge: "gauge",
  p99: "histogram",
  rate: "counter",
  increase: "counter",
};

/** Fails unless the page of metrics has the metric, of the right type, with the labels and their values. */
function isThere(page: string, name: string, metric: string, { kind, where, unless }: Expression): void {
  // prom-client's own, which the page does not list.
  if (/^moqmesh_process_(cpu_seconds_total|resident_memory_bytes|open_fds|max_fds)$/.test(metric)) return;
  const row = page.split("\n").find((line) => line.startsWith(`| \`${metric}\` |`));
  assert.ok(row !== undefined, `${name}: no metric ${metric}`);
  const [, , type = ""] = row.split("|").map((cell) => cell.trim());
  assert.equal(type, TYPES[kind], `${name}: ${metric} is a ${type}`);
  for (const [label, pattern] of Object.entries({ ...where, ...unless })) {
    const [, values = ""] = new RegExp(`\`${label}\`: (.*?)(?:<br>|\\| )`).exec(row) ?? [];
    assert.notEqual(values, "", `${name}: ${metric} has no label ${label}`);
    for (const choice of pattern.split("|"))
      assert.match(values, new RegExp(`\`${choice}\``), `${name}: ${label}=${choice}`);
  }
}

describe("alarms of the clouds", { skip: tool("tofu").missing || tool("schema-provider").missing }, () => {
  let measures: Measures;
  let alarms: Alarms;
  let without: Readonly<Record<string, string>>;
  before(async () => {
    const copy = await copyTerraform();
    try {
      await copy.run("modules/alarms", "init", "-no-color");
      await copy.run("modules/alarms", "apply", "-no-color", "-auto-approve");
      const outputs = JSON.parse(await copy.run("modules/alarms", "output", "-json")) as {
        measures: { value: Measures };
        alarms: { value: Alarms };
        without: { value: Record<string, string> };
      };
      measures = outputs.measures.value;
      alarms = outputs.alarms.value;
      without = outputs.without.value;
    } finally {
      await copy.remove();
    }
  });

  it("are the alerts of Prometheus, with their severity and their runbook, or say why not", async () => {
    const rules = await text("deploy/alerts/alerts.yml");
    const alerts = new Map(
      rules
        .split(/^ {6}- alert: /m)
        .slice(1)
        .map((rule) => {
          const [, severity = ""] = /severity: (\w+)/.exec(rule) ?? [];
          const [, anchor = ""] = /runbook_url: ".*#(.*)"/.exec(rule) ?? [];
          return [rule.split("\n", 1)[0] ?? "", { severity, anchor }];
        }),
    );
    assert.deepEqual([...Object.keys(alarms), ...Object.keys(without)].sort(), [...alerts.keys()].sort());
    for (const [name, alarm] of Object.entries(alarms)) {
      const alert = alerts.get(name);
      assert.equal(alarm.severity, alert?.severity, name);
      const anchor = alarm.runbook_url.split("#")[1];
      if (alert?.anchor.includes("{{") !== true) assert.equal(anchor, alert?.anchor, name);
    }
  });

  it("lead to sections of the run book that are there", async () => {
    const anchors = new Set(
      [...(await text("docs/operations.md")).matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) => title.toLowerCase()),
    );
    for (const [name, { runbook_url }] of Object.entries(alarms)) {
      assert.ok(anchors.has(runbook_url.split("#")[1] ?? ""), `${name}: ${runbook_url}`);
    }
  });

  it("are over metrics and labels that a relay has", async () => {
    const page = await text("docs/metrics.md");
    for (const [name, { value, over }] of Object.entries(measures)) {
      for (const expression of over === null ? [value] : [value, over]) {
        for (const metric of expression.metric.split("|")) isThere(page, name, metric, expression);
      }
    }
  });

  it("are over measures, and no measure is there for nothing", () => {
    // Pools scale on sessions; the modules of the clouds watch egress.
    const used = new Set([...Object.values(alarms).map(({ measure }) => measure), "sessions", "egress"]);
    assert.deepEqual([...used].sort(), Object.keys(measures).sort());
  });
});

describe("measures of a machine", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "moqmesh-measure-"));
  });
  after(async () => await rm(folder, { recursive: true }));

  const expression = (of: string, kind: string, metric: string, where = {}, unless = {}): Expression => ({
    of,
    kind,
    metric,
    where,
    unless,
  });
  const MEASURES: Measures = {
    sessions: { unit: "Count", value: expression("sum", "gauge", "sessions"), over: null },
    share: {
      unit: "None",
      value: expression("sum", "gauge", "sessions"),
      over: expression("sum", "gauge", "limit", { limit: "sessions" }),
    },
    oldest: { unit: "Seconds", value: expression("min", "gauge", "left_seconds"), over: null },
    refused: {
      unit: "Count/Second",
      value: expression("sum", "rate", "refused_total", { code: "token_.*" }),
      over: null,
    },
    others: {
      unit: "Count",
      value: expression("sum", "increase", "refused_total", {}, { code: "token_.*" }),
      over: null,
    },
    delay: { unit: "Seconds", value: expression("sum", "p99", "delay_seconds"), over: null },
    busy: { unit: "None", value: expression("max", "rate", "loop_total|worker_total"), over: null },
    absent: { unit: "Count", value: expression("sum", "gauge", "absent"), over: null },
  };

  /** Measures of a text of metrics, by name; the reading before is `seconds` old. */
  async function measured(metrics: string, seconds = 6000): Promise<Record<string, string>> {
    const [measures, state] = [join(folder, "measures.json"), join(folder, "state.json")];
    await writeFile(measures, JSON.stringify(MEASURES));
    const last = await readFile(state, "utf8").then(
      (found) => JSON.parse(found) as { at: number },
      () => undefined,
    );
    if (last !== undefined) await writeFile(state, JSON.stringify({ ...last, at: Date.now() - seconds * 1000 }));
    const running = promisify(execFile)(process.execPath, [MEASURE, measures, state]);
    running.child.stdin?.end(metrics);
    const { stdout: printed } = await running;
    return Object.fromEntries(
      printed
        .trimEnd()
        .split("\n")
        .map((line) => line.split(" "))
        .map(([name = "", unit = "", value = ""]) => [name, `${Number(value).toPrecision(2)} ${unit}`]),
    );
  }

  const FIRST = `# HELP sessions of a relay
sessions{engine="quic"} 40
sessions{engine="qmux"} 10
limit{limit="sessions"} 200
limit{limit="memory"} 1000
left_seconds{name="a"} 86400
left_seconds{name="b, \\"c\\""} 3600
refused_total{code="token_expired"} 100
refused_total{code="relay_full"} 7
delay_seconds_bucket{le="0.1"} 1000
delay_seconds_bucket{le="1"} 1000
delay_seconds_bucket{le="+Inf"} 1000
loop_total 10
worker_total{worker="0"} 10
`;

  it("are sums, minima and shares at once, and rates at the second reading", async () => {
    assert.deepEqual(await measured(FIRST), { sessions: "50 Count", share: "0.25 None", oldest: "3.6e+3 Seconds" });
    const second = FIRST.replace('"token_expired"} 100', '"token_expired"} 12100')
      .replace('"relay_full"} 7', '"relay_full"} 10')
      .replaceAll(/(le="0.1"\}) 1000/g, "$1 1090")
      .replaceAll(/(le="1"\}|le="\+Inf"\}) 1000/g, "$1 1100")
      .replace("loop_total 10", "loop_total 1210")
      .replace('worker="0"} 10', 'worker="0"} 3010');
    assert.deepEqual(await measured(second), {
      sessions: "50 Count",
      share: "0.25 None",
      oldest: "3.6e+3 Seconds",
      refused: "2.0 Count/Second",
      others: "3.0 Count",
      // 99 of 100: at nine tenths of the bucket from 0.1 to 1.
      delay: "0.91 Seconds",
      busy: "0.50 None",
    });
  });

  it("count from 0 after a restart of the relay", async () => {
    const found = await measured(
      FIRST.replace('"token_expired"} 100', '"token_expired"} 3000').replace('"relay_full"} 7', '"relay_full"} 1'),
    );
    assert.equal(found["refused"], "0.50 Count/Second");
    assert.equal(found["others"], "1.0 Count");
  });
});
