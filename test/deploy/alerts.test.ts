import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { tool } from "../support/tools.ts";

const run = promisify(execFile);
const promtool = tool("promtool");

const FOLDER = resolve(import.meta.dirname, "../../deploy/alerts");
const RULE_FILES = ["recording.yml", "alerts.yml", "budgets.yml"];

/** Minutes: the time before a fault, with it and after it, and when each is looked at. */
const BEFORE = 80;
const DURING = 20;
const AFTER = 40;
const LOOKS = [
  [BEFORE - 5, 0],
  [BEFORE + DURING - 2, 1],
  [BEFORE + DURING + AFTER - 2, 0],
] as const;

interface Series {
  readonly name: string;
  readonly values: string;
}

/** A gauge with `bad` in place of `good` while the fault lasts. */
function gauge(name: string, good: number | string, bad: number | string): Series {
  return { name, values: `${good}x${BEFORE - 1} ${bad}x${DURING - 1} ${good}x${AFTER - 1}` };
}

/** A counter that rises by `good` and `bad` a second. */
function counter(name: string, good: number, bad: number): Series {
  const [a, b] = [good * 60, bad * 60];
  const second = a * BEFORE;
  const third = second + b * DURING;
  return { name, values: `0+${a}x${BEFORE - 1} ${second}+${b}x${DURING - 1} ${third}+${a}x${AFTER - 1}` };
}

const steady = (name: string, value: number): Series => gauge(name, value, value);

/** A histogram of which the observations move from the first bucket to the last. */
function histogram(name: string, labels: string, bounds: readonly [string, string]): Series[] {
  return [
    counter(`${name}_bucket{${labels},le="${bounds[0]}"}`, 10, 1),
    counter(`${name}_bucket{${labels},le="${bounds[1]}"}`, 10, 10),
    counter(`${name}_bucket{${labels},le="+Inf"}`, 10, 10),
  ];
}

/** Stands for the labels `job` and `instance`: each fault has a relay of its own. */
const AT = "@";
const of = (metric: string, labels = "") => `${metric}{${AT}${labels && `,${labels}`}}`;

/** Alerts on sums over relays. */
const WITHOUT_INSTANCE = new Set(["MoqmeshRegionOverBudget", "MoqmeshTenantOverBudget"]);

/** For each alert, the series of a fault that begins and ends. */
const FAULTS: Readonly<Record<string, readonly Series[]>> = {
  MoqmeshRelayDown: [gauge(of("up"), 1, 0)],
  MoqmeshRelayNotReady: [gauge(of("moqmesh_ready"), 1, 0)],
  MoqmeshRelayNotLive: [gauge(of("moqmesh_live"), 1, 0)],
  MoqmeshHealthCheck: [gauge(of("moqmesh_health_check_failing", 'code="key_url_unreachable"'), 0, 1)],
  MoqmeshRestarts: [
    {
      name: of("moqmesh_process_start_time_seconds"),
      values: `1x${BEFORE - 1} 1+300x${DURING - 1} 6000x${AFTER - 1}`,
    },
  ],
  MoqmeshDefects: [counter(of("moqmesh_defects_total"), 0, 0.1)],
  MoqmeshCpuHigh: [counter(of("moqmesh_process_cpu_seconds_total"), 1, 1.7), steady(of("moqmesh_cpus"), 2)],
  MoqmeshThreadBusy: [
    counter(of("moqmesh_engine_worker_busy_seconds_total", 'worker="0"'), 0.3, 0.9),
    counter(of("moqmesh_event_loop_busy_seconds_total"), 0.4, 0.4),
  ],
  MoqmeshMemoryHigh: [
    gauge(of("moqmesh_process_resident_memory_bytes"), 5e8, 9.5e8),
    steady(of("moqmesh_memory_limit_bytes"), 1e9),
  ],
  MoqmeshMemoryShedding: [gauge(of("moqmesh_memory_level"), 1, 2)],
  MoqmeshFileDescriptors: [gauge(of("moqmesh_process_open_fds"), 70, 90), steady(of("moqmesh_process_max_fds"), 100)],
  MoqmeshUdpDrops: [counter(of("moqmesh_udp_receive_drops_total"), 0.1, 20)],
  MoqmeshCertificateExpires: [gauge(of("moqmesh_certificate_left_seconds", 'name="default"'), 30 * 86400, 6 * 86400)],
  MoqmeshCertificateExpired: [gauge(of("moqmesh_certificate_left_seconds", 'name="default"'), 30 * 86400, 60)],
  MoqmeshFilesRefused: [gauge(of("moqmesh_files_refused", 'files="tls"'), 0, 1)],
  // An address that tries tokens is soon refused before its tokens are read.
  MoqmeshAuthFailures: [
    counter(of("moqmesh_sessions_refused_total", 'code="signature_invalid"'), 0.1, 0.1),
    counter(of("moqmesh_sessions_refused_total", 'code="address_backoff"'), 0.1, 30),
  ],
  MoqmeshRefusals: [counter(of("moqmesh_sessions_refused_total", 'code="relay_full"'), 0.2, 5)],
  MoqmeshHandshakesLimited: [counter(of("moqmesh_handshakes_limited_total", 'plane="quic"'), 1, 50)],
  MoqmeshSessionsNearLimit: [
    gauge(of("moqmesh_sessions", 'engine="native",protocol="moq-lite-05"'), 700, 900),
    steady(of("moqmesh_limit", 'limit="limits.sessions"'), 1000),
  ],
  MoqmeshTrafficUp: [counter(of("moqmesh_wire_sent_bytes_total", 'role="client",protocol="moq-lite-05"'), 2e7, 9e7)],
  MoqmeshTrafficDown: [counter(of("moqmesh_wire_sent_bytes_total", 'role="client",protocol="moq-lite-05"'), 9e7, 2e7)],
  MoqmeshDeliveryDelay: histogram("moqmesh_delivery_delay_seconds", AT, ["0.1", "2.5"]),
  MoqmeshGroupsDropped: [
    counter(of("moqmesh_groups_dropped_total", 'reason="expired"'), 1, 10),
    counter(of("moqmesh_sent_groups_total"), 100, 100),
  ],
  MoqmeshCacheEvictions: [
    counter(of("moqmesh_cache_evictions_total"), 0.1, 20),
    counter(of("moqmesh_joins_without_cache_total"), 0.1, 5),
    counter(of("moqmesh_joins_from_cache_total"), 10, 10),
  ],
  MoqmeshRootUnreachable: [gauge(of("moqmesh_health_check_failing", 'code="roots_unreachable"'), 0, 1)],
  MoqmeshRegistryDown: [gauge(of("moqmesh_registry_backend_up"), 1, 0), steady(of("moqmesh_registry_nodes"), 3)],
  MoqmeshNameTwice: [counter(of("moqmesh_registry_contested_total"), 0, 0.1)],
  MoqmeshFailovers: [counter(of("moqmesh_mesh_failovers_total"), 0, 1)],
  MoqmeshGroupsLost: [counter(of("moqmesh_mesh_groups_lost_total"), 0, 0.1)],
  MoqmeshSpliceGap: histogram("moqmesh_mesh_splice_gap_seconds", AT, ["0.5", "2.5"]),
  MoqmeshPacketLoss: [
    counter(of("moqmesh_packets_lost_total", 'role="client"'), 1, 80),
    counter(of("moqmesh_packets_sent_total", 'role="client"'), 1000, 1000),
  ],
  MoqmeshRegionOverBudget: [
    counter(of("moqmesh_wire_sent_bytes_total", 'role="client",protocol="moq-lite-05"'), 2e9, 3e9),
    steady(of("moqmesh_node_info", 'node="edge-1",role="edge",region="eu"'), 1),
  ],
  MoqmeshTenantOverBudget: [counter(of("moqmesh_tenant_wire_sent_bytes_total", 'tenant="example"'), 5e8, 7e8)],
  MoqmeshLogLinesLost: [counter(of("moqmesh_log_lines_lost_total"), 0, 1)],
  MoqmeshWebhooksFailing: [counter(of("moqmesh_webhooks_dropped_total", 'cause="queue_full"'), 0, 1)],
  MoqmeshAdminRefused: [counter(of("moqmesh_api_requests_refused_total", 'reason="credential"'), 0.01, 2)],
};

/** A test of promtool: whether each alert fires for the relay of its fault before, during and after it. */
function unitTest(): object {
  const at = (alert: string) => `job="moqmesh",instance="${alert}"`;
  const firing = (alert: string) =>
    `ALERTS{alertname="${alert}",alertstate="firing"${WITHOUT_INSTANCE.has(alert) ? "" : `,instance="${alert}"`}}`;
  return {
    interval: "1m",
    input_series: Object.entries(FAULTS).flatMap(([alert, series]) =>
      series.map(({ name, values }) => ({ series: name.replace(AT, at(alert)), values })),
    ),
    promql_expr_test: Object.keys(FAULTS).flatMap((alert) =>
      LOOKS.map(([minute, value]) => ({
        expr: `count(${firing(alert)}) or vector(0)`,
        eval_time: `${minute}m`,
        exp_samples: [{ labels: "{}", value }],
      })),
    ),
  };
}

const text = async (name: string) => await readFile(join(FOLDER, name), "utf8");
const alerts = await text("alerts.yml");
const names = [...alerts.matchAll(/- alert: (\w+)/g)].map(([, name]) => name ?? "");

describe("alerts", () => {
  it("each have a fault that fires them, and no other name has one", () => {
    assert.deepEqual(Object.keys(FAULTS).sort(), [...names].sort());
  });

  it("fire while their fault lasts, not before it, and recover after it", { skip: promtool.missing }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "moqmesh-alerts-"));
    t.after(async () => await rm(folder, { recursive: true }));
    const file = join(folder, "tests.json");
    const rules = RULE_FILES.map((name) => join(FOLDER, name));
    // JSON is YAML as well.
    await writeFile(file, JSON.stringify({ rule_files: rules, evaluation_interval: "1m", tests: [unitTest()] }));
    await run(promtool.path, ["test", "rules", file]).catch((error: unknown) => {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      assert.fail(`${stdout}\n${stderr}`);
    });
  });

  it("name a section of docs/operations.md each", async () => {
    const page = await readFile(resolve(FOLDER, "../../docs/operations.md"), "utf8");
    const sections = new Set([...page.matchAll(/^#{2,3} (\S+)$/gm)].map(([, anchor]) => anchor));
    const anchors = [...alerts.matchAll(/runbook_url: ".*\/operations\.md#(.*)"/g)].map(([, anchor]) => anchor ?? "");
    assert.equal(anchors.length, names.length);
    // The sections of health checks have the names of their codes, which test/health checks.
    const missing = anchors.filter((anchor) => anchor !== "{{ $labels.code }}" && !sections.has(anchor));
    assert.deepEqual(missing, []);
  });
});

describe("rules and dashboards", () => {
  it("are well formed", { skip: promtool.missing }, async () => {
    await run(promtool.path, ["check", "rules", ...RULE_FILES.map((name) => join(FOLDER, name))]);
  });

  it("are expressions that Prometheus reads, in the dashboards too", { skip: promtool.missing }, async () => {
    const board = JSON.parse(await text("dashboards/moqmesh.json")) as {
      panels: { targets?: { expr: string }[] }[];
    };
    const expressions = board.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    assert.ok(expressions.length > 20);
    const folder = await mkdtemp(join(tmpdir(), "moqmesh-dashboards-"));
    try {
      const file = join(folder, "rules.json");
      const rules = expressions.map((expr, at) => ({ record: `panel_${at}`, expr }));
      await writeFile(file, JSON.stringify({ groups: [{ name: "panels", rules }] }));
      await run(promtool.path, ["check", "rules", file]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("use series that a recording rule makes", async () => {
    const made = new Set([...(await text("recording.yml")).matchAll(/- record: (\S+)/g)].map(([, name]) => name));
    for (const [, name] of (await text("budgets.yml")).matchAll(/- record: (\S+)/g)) made.add(name);
    for (const name of ["recording.yml", "alerts.yml", "dashboards/moqmesh.json"])
      for (const [used] of (await text(name)).matchAll(/\w+:moqmesh_\w+:\w+/g))
        assert.ok(made.has(used), `${name}: ${used}`);
  });

  it("use metrics and labels that a relay has", async () => {
    const known = await readFile(resolve(FOLDER, "../../docs/metrics.md"), "utf8");
    const rows = new Map(
      [...known.matchAll(/^\| `(moqmesh_\w+)` \| (\w+) \|(.*)$/gm)].map(([row, name]) => [name, row]),
    );
    // Those of prom-client, which docs/metrics.md names by their beginning.
    const ofProcess =
      /^moqmesh_(process_(cpu_seconds_total|resident_memory_bytes|open_fds|max_fds|start_time_seconds)|nodejs_eventloop_lag_p99_seconds)$/;
    const boards = (await readdir(join(FOLDER, "dashboards"))).map((name) => `dashboards/${name}`);
    for (const name of [...RULE_FILES, ...boards]) {
      const used = (await text(name)).replace(/\w+:moqmesh_\w+:\w+/g, "");
      for (const [, metric = "", labels = ""] of used.matchAll(/\b(moqmesh_\w+)(?:\\?\{([^}]*)\})?/g)) {
        const plain = metric.replace(/_bucket$/, "");
        if (ofProcess.test(plain)) continue;
        const row = rows.get(plain);
        assert.ok(row, `${name} uses ${metric}, which no relay has`);
        for (const [, label = ""] of labels.matchAll(/(\w+)(?:=~|!~|!=|=)/g)) {
          if (label === "job" || label === "instance") continue;
          assert.ok(
            row.includes(`\`${label}\`:`),
            `${name} uses the label ${label} of ${metric}, which it does not have`,
          );
        }
      }
    }
  });
});
