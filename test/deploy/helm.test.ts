import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import * as z from "zod";
import { loadConfig } from "../../relay/config/index.ts";
import { tool } from "../support/tools.ts";

const helm = tool("helm");
const score = tool("kube-score");
const validate = tool("kubernetes-validate");
const ROOT = resolve(import.meta.dirname, "../..");
const CHART = join(ROOT, "deploy/helm/moqmesh");
const KUBERNETES = "1.34";

type Values = Readonly<Record<string, unknown>>;

const DOCUMENT = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
});
type Document = z.infer<typeof DOCUMENT>;

const CONFIG_MAP = z.looseObject({ data: z.object({ "relay.toml": z.string() }) });
const PORT = z.object({ name: z.string(), protocol: z.string(), containerPort: z.number() });
const MOUNT = z.looseObject({ name: z.string(), mountPath: z.string() });
const PROBE = z.looseObject({ httpGet: z.object({ path: z.string(), port: z.string() }) });
const WORKLOAD = z.looseObject({
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({
    replicas: z.number().optional(),
    serviceName: z.string().optional(),
    template: z.looseObject({
      spec: z.looseObject({
        terminationGracePeriodSeconds: z.number(),
        enableServiceLinks: z.literal(false),
        securityContext: z.looseObject({ runAsNonRoot: z.literal(true), runAsUser: z.literal(65532) }),
        containers: z.tuple([
          z.looseObject({
            image: z.string(),
            env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })).optional(),
            ports: z.array(PORT),
            livenessProbe: PROBE,
            readinessProbe: PROBE,
            lifecycle: z.object({ preStop: z.object({ sleep: z.object({ seconds: z.number() }) }) }).optional(),
            securityContext: z.looseObject({
              readOnlyRootFilesystem: z.literal(true),
              allowPrivilegeEscalation: z.literal(false),
              capabilities: z.object({ drop: z.tuple([z.literal("ALL")]) }),
            }),
            volumeMounts: z.array(MOUNT),
          }),
        ]),
      }),
    }),
  }),
});
type Workload = z.infer<typeof WORKLOAD>;

const SECRETS = { tls: "tls", mesh: "mesh", keys: "keys", cluster: "cluster", admin: "admin", registry: "registry" };
const HERE = { secrets: { cluster: "cluster" } };

/** The values that are tried, by what they are for. */
const MATRIX: Readonly<Record<string, Values>> = {
  "the defaults": HERE,
  "all secrets": { secrets: SECRETS, config: { policy: [{ prefix: "live", tracks: 100 }] } },
  "one relay without a mesh": {
    mesh: { enabled: false },
    relays: { root: null, origin: null, edge: { role: "edge", replicas: 1 } },
  },
  "discovery by DNS": {
    ...HERE,
    mesh: { discovery: "dns" },
    relays: { root: null, hub: { role: "regional", region: "eu" } },
  },
  "roots of another cluster": {
    ...HERE,
    mesh: { roots: ["https://root-0.other.example:4445"] },
    relays: { root: null, edge: { role: "edge", region: "us", near: ["eu"], publicUrl: "https://watch.example.com" } },
  },
  "the host's network": {
    ...HERE,
    relays: { edge: { role: "edge", hostNetwork: true, hostPrivilegedPorts: true, config: { server: { port: 443 } } } },
  },
  "port 443 in the pod, a Service for each protocol": {
    ...HERE,
    config: { server: { port: 443 }, drain: { delay: "7s", grace: "1.5m", spread: "2500ms" } },
    defaults: { service: { split: true } },
  },
  autoscaling: {
    ...HERE,
    relays: { edge: { role: "edge", autoscaling: { enabled: true, sessions: 5000, egress: 1250000000 } } },
  },
  "all that operators make": {
    secrets: { admin: "admin" },
    certManager: {
      enabled: true,
      public: { issuer: { name: "letsencrypt" }, dnsNames: ["watch.example.com"] },
      mesh: { issuer: { name: "mesh-ca" } },
    },
    externalSecrets: {
      enabled: true,
      store: { name: "vault" },
      keys: { cluster: "moqmesh/cluster", keys: "moqmesh/keys" },
    },
    serviceMonitor: { enabled: true },
    prometheusRule: { enabled: true, runbooks: "https://docs.example.com" },
  },
};

function template(values: Values): SpawnSyncReturns<string> {
  const input = JSON.stringify(values);
  const args = ["template", "m", CHART, "--namespace", "media", "--kube-version", `${KUBERNETES}.0`, "--values", "-"];
  return spawnSync(helm.path, args, { input, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
}

function rendered(values: Values): string {
  const { status, stdout, stderr } = template(values);
  assert.equal(status, 0, stderr);
  return stdout;
}

function documents(text: string): Document[] {
  return parseAllDocuments(text).map((document) => {
    assert.deepEqual(document.errors, []);
    return DOCUMENT.parse(document.toJS());
  });
}

function named(all: readonly Document[], kind: string, name: string): Document {
  const found = all.find((document) => document.kind === kind && document.metadata.name === name);
  return found ?? assert.fail(`there is no ${kind} ${name}`);
}

function workloads(all: readonly Document[]): Workload[] {
  return all.filter(({ kind }) => kind === "StatefulSet" || kind === "Deployment").map((one) => WORKLOAD.parse(one));
}

/** The configuration that the first pod of a group has, read as the relay reads it. */
function configOf(all: readonly Document[], workload: Workload): ReturnType<typeof loadConfig>["config"] {
  const { name } = workload.metadata;
  const text = CONFIG_MAP.parse(named(all, "ConfigMap", name)).data["relay.toml"];
  const [relay] = workload.spec.template.spec.containers;
  for (const [, path = ""] of text.matchAll(/(\/etc\/moqmesh\/\w+)/g)) {
    assert.ok(
      relay.volumeMounts.some(({ mountPath }) => mountPath === path),
      `${name} names ${path}, which is not mounted`,
    );
  }
  const env: Record<string, string> = {};
  for (const { name: key, value } of relay.env ?? [])
    env[key] = value?.replace("$(MOQMESH_CLUSTER_NODE)", `${name}-0`) ?? `${name}-0`;
  // The file with the URL of Redis is in the cluster.
  return loadConfig({ file: `${name}.toml`, text: text.replaceAll(/^registry_file = .*$/gm, ""), env }).config;
}

describe("the chart", { skip: helm.missing }, () => {
  it("passes helm lint", () => {
    const args = ["lint", CHART, "--strict", "--kube-version", `${KUBERNETES}.0`, "--set", "secrets.cluster=cluster"];
    const { status, stdout, stderr } = spawnSync(helm.path, args, { encoding: "utf8" });
    assert.equal(status, 0, stdout + stderr);
  });

  for (const [title, values] of Object.entries(MATRIX)) {
    it(`makes configurations that relays accept, and pods with their ports and times: ${title}`, () => {
      const all = documents(rendered(values));
      const relays = workloads(all);
      assert.ok(relays.length > 0);
      for (const workload of relays) {
        const config = configOf(all, workload);
        const pod = workload.spec.template.spec;
        const [relay] = pod.containers;
        const ports = new Map(relay.ports.map(({ name, containerPort }) => [name, containerPort]));
        assert.equal(ports.get("public-udp"), config.server.port);
        assert.equal(ports.get("public-tcp"), config.server.port);
        assert.equal(ports.get("admin"), config.http.adminPort);
        assert.equal(ports.get(relay.livenessProbe.httpGet.port), config.http.healthPort);
        assert.equal(ports.get(relay.readinessProbe.httpGet.port), config.http.healthPort);
        assert.equal(relay.livenessProbe.httpGet.path, "/health/live");
        assert.equal(relay.readinessProbe.httpGet.path, "/health/ready");
        const { delayMs, graceMs, spreadMs } = config.drain;
        const drain = (delayMs + graceMs + spreadMs) / 1000;
        const before = relay.lifecycle?.preStop.sleep.seconds ?? 0;
        assert.ok(pod.terminationGracePeriodSeconds >= before + drain + 5, workload.metadata.name);
        assert.ok(pod.terminationGracePeriodSeconds < before + drain + 7, workload.metadata.name);
        assert.equal(config.cluster.node, ports.has("cluster-udp") ? `${workload.metadata.name}-0` : undefined);
        named(all, "PodDisruptionBudget", workload.metadata.name);
        named(all, "NetworkPolicy", workload.metadata.name);
      }
    });
  }

  it("is valid for the schemas of Kubernetes", { skip: validate.missing }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "moqmesh-helm-"));
    t.after(async () => await rm(folder, { recursive: true }));
    const files: string[] = [];
    let wanted = 0;
    for (const values of Object.values(MATRIX)) {
      // The schemas of operators' resources are not in Kubernetes.
      const known = parseAllDocuments(rendered(values)).filter(
        (one) => !/^(cert-manager|external-secrets|monitoring\.coreos)\./.test(String(one.get("apiVersion"))),
      );
      const file = join(folder, `${files.length}.yaml`);
      await writeFile(file, known.map((one) => `---\n${JSON.stringify(one.toJS())}\n`).join(""));
      files.push(file);
      wanted += known.length;
    }
    const args = ["--strict", "--kubernetes-version", KUBERNETES, ...files];
    const { status, stdout, stderr } = spawnSync(validate.path, args, { encoding: "utf8" });
    assert.equal(status, 0, stdout.replaceAll(/^INFO.*\n/gm, "") + stderr);
    assert.equal((stdout + stderr).match(/ passed for resource /g)?.length, wanted);
  });

  it("has no critical finding of kube-score", { skip: score.missing }, () => {
    // A limit of CPU delays viewers; `Always` keeps pods from starting while the registry is down, and tags are not reused.
    const ignored = ["--ignore-container-cpu-limit", "--ignore-test", "container-image-pull-policy"];
    const input = ["the defaults", "autoscaling"].map((title) => rendered(MATRIX[title] ?? {}));
    for (const text of input) {
      const args = ["score", "--kubernetes-version", "v1.30", ...ignored, "--output-format", "ci", "-"];
      const { status, stdout, stderr } = spawnSync(score.path, args, { input: text, encoding: "utf8" });
      assert.match(stdout, /\[OK\]/, stderr);
      assert.equal(status, 0, stdout.replaceAll(/^\[(OK|SKIPPED)\].*\n/gm, "") + stderr);
    }
  });

  it("gives relays the names of roots that the headless services have", () => {
    const all = documents(rendered(HERE));
    const edge = workloads(all).find(({ metadata }) => metadata.name === "m-edge") ?? assert.fail();
    const root = workloads(all).find(({ metadata }) => metadata.name === "m-root") ?? assert.fail();
    named(all, "Service", root.spec.serviceName ?? "");
    const host = `${root.spec.serviceName}.media.svc.cluster.local:4445`;
    assert.deepEqual(configOf(all, edge).cluster.root, [`https://m-root-0.${host}`, `https://m-root-1.${host}`]);
    assert.equal(configOf(all, root).cluster.url, `https://m-root-0.${host}`);
  });

  it("gives a group the version of its own, as for a canary", () => {
    const digest = `sha256:${"0".repeat(64)}`;
    const image = { repository: "registry.example/moqmesh", digest };
    const canary = { role: "edge", replicas: 1, image: { tag: "0.2.0" } };
    const all = workloads(documents(rendered({ ...HERE, image, relays: { canary } })));
    const images = all.map(({ metadata, spec }) => [metadata.name, spec.template.spec.containers[0].image]);
    assert.deepEqual(Object.fromEntries(images), {
      "m-canary": "registry.example/moqmesh:0.2.0",
      "m-edge": `registry.example/moqmesh@${digest}`,
      "m-origin": `registry.example/moqmesh@${digest}`,
      "m-root": `registry.example/moqmesh@${digest}`,
    });
  });

  it("opens the admin listener to Prometheus alone, and the listener of relays to relays", () => {
    const policy = z
      .looseObject({
        spec: z.looseObject({
          ingress: z.array(
            z.looseObject({ ports: z.array(z.looseObject({ port: z.number() })), from: z.unknown().optional() }),
          ),
        }),
      })
      .parse(named(documents(rendered(HERE)), "NetworkPolicy", "m-edge"));
    const from = new Map(policy.spec.ingress.flatMap((rule) => rule.ports.map(({ port }) => [port, rule.from])));
    assert.equal(from.get(4443), undefined);
    assert.deepEqual(from.get(4444), [
      { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } } },
    ]);
    const labels = { "app.kubernetes.io/name": "moqmesh", "app.kubernetes.io/instance": "m" };
    assert.deepEqual(from.get(4445), [{ podSelector: { matchLabels: labels } }]);
  });

  it("scales on metrics that relays have", () => {
    const text = rendered(MATRIX["autoscaling"] ?? {});
    const scaler = named(documents(text), "HorizontalPodAutoscaler", "m-edge");
    const { spec } = z.looseObject({ spec: z.looseObject({ metrics: z.array(z.unknown()) }) }).parse(scaler);
    assert.equal(spec.metrics.length, 3);
    const names = [...text.matchAll(/name: (moqmesh_\w+)/g)].map(([, name = ""]) => name);
    const known = readFileSync(join(ROOT, "docs/metrics.md"), "utf8");
    assert.equal(names.length, 2);
    for (const name of names) assert.ok(known.includes(`\`${name.replace("_per_second", "_total")}\``), name);
  });

  it("has the rules of deploy/alerts, with the address of the run book", () => {
    const rule = named(documents(rendered(MATRIX["all that operators make"] ?? {})), "PrometheusRule", "m");
    const wanted = ["recording", "alerts"].flatMap((name) => {
      const text = readFileSync(join(ROOT, `deploy/alerts/${name}.yml`), "utf8");
      const moved = text.replaceAll("https://runbooks.example.com/moqmesh", "https://docs.example.com");
      return z.object({ groups: z.array(z.unknown()) }).parse(parse(moved)).groups;
    });
    assert.ok(wanted.length > 1);
    assert.deepEqual(rule["spec"], { groups: wanted });
  });

  const refused: readonly (readonly [string, Values, RegExp])[] = [
    ["a mesh without a key", {}, /secrets\.cluster is missing: relays need a key/],
    ["a mesh without roots", { ...HERE, relays: { root: null } }, /there is no root: add a group with the role root/],
    ["a value that does not exist", { ...HERE, replica: 3 }, /replica/],
    ["a role that does not exist", { ...HERE, relays: { edge: { role: "leaf" } } }, /role/],
    ["one port for two listeners", { ...HERE, config: { http: { admin_port: 4443 } } }, /two listeners have one port/],
    ["a name for all pods", { ...HERE, config: { cluster: { node: "a" } } }, /made from the name of each pod/],
    ["a time without a unit", { ...HERE, config: { drain: { grace: "20" } } }, /"20" is no duration/],
    [
      "roots that are scaled",
      { ...HERE, relays: { root: { role: "root", autoscaling: { enabled: true } } } },
      /no autoscaling/,
    ],
    [
      "origins without names",
      { ...HERE, relays: { origin: { role: "origin", kind: "Deployment" } } },
      /kind has to be StatefulSet/,
    ],
    [
      "a port of root on the host's network",
      { ...HERE, relays: { edge: { hostNetwork: true } }, config: { server: { port: 443 } } },
      /ip_unprivileged_port_start=0 on the nodes/,
    ],
    ["Prometheus without a secret", { ...HERE, serviceMonitor: { enabled: true } }, /needs secrets\.admin/],
  ];
  for (const [title, values, reason] of refused) {
    it(`refuses ${title}`, () => {
      const { status, stderr } = template(values);
      assert.equal(status, 1);
      assert.match(stderr, reason);
    });
  }
});

describe("the files of the chart", () => {
  it("has copies of the rules of deploy/alerts", () => {
    for (const name of ["alerts.yml", "recording.yml"]) {
      const copy = readFileSync(join(CHART, "files", name), "utf8");
      const rules = readFileSync(join(ROOT, "deploy/alerts", name), "utf8");
      assert.equal(copy, rules, `cp deploy/alerts/${name} deploy/helm/moqmesh/files/`);
    }
  });
});
