/**
 * Faults in a mesh of processes, watched by a real Prometheus and Alertmanager with the rules of `deploy/alerts` and the routes of
 * `deploy/compose/alertmanager.yml`. All times of both are divided by SPEED; nothing else of them is changed.
 */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import WebSocket from "ws";
import { generateKey, signToken } from "../../auth/index.ts";
import type { Sections } from "../../lab/configuration.ts";
import { Mesh } from "../../lab/mesh.ts";
import { type Alert, type Monitoring, monitor } from "../../lab/monitoring/index.ts";
import type { Node } from "../../lab/node.ts";
import { busiest, survey } from "../../lab/survey.ts";
import type { Place } from "../../lab/topology.ts";
import { LIVE } from "../../lab/workspace.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { RedisServer, withoutRedis } from "../cluster/redis-server.ts";
import { Authority } from "../support/authority.ts";
import { missingLinux } from "../support/engines.ts";
import { tool } from "../support/tools.ts";
import { until } from "../support/until.ts";

/**
 * What all times are divided by. On a slow machine a relay that starts is not ready for longer than a thirtieth of the minute after which its
 * alert fires, so there it is less.
 */
const SPEED = 30 / patient(1);

/** Seconds that the machine may be late by, beside other programs. */
const LATE_S = 15;

/** Milliseconds without a fault in which no alert may come: as long as any of those below takes. */
const QUIET_MS = patient(6_000);

/** Milliseconds between two tokens that are tried. */
const TRY_EVERY_MS = 100;

const TIMEOUT_MS = patient(110_000);

const REQUIRED = "MOQMESH_REQUIRE_PROMETHEUS";
const missing =
  tool("prometheus", REQUIRED).missing ||
  tool("prometheus-alertmanager", REQUIRED).missing ||
  withoutRedis() ||
  (await missingLinux());

/**
 * An alert with seconds within which it must come, undivided: the time of the rule, one scrape, the evaluations of a recording rule and of the
 * alert, the wait of its group, and what fills its window.
 */
interface Expected {
  readonly alert: string;
  readonly instance: string;
  readonly within: number;
}

const EVALUATED_S = 15 + 30 + 15 + 10;

/** Seconds until a relay's own checks say that it reaches no root. They are not divided. */
const NOTICED_S = 4;

/** Warnings about what viewers noticed when a relay died; that depends on how busy this machine is. */
const CONSEQUENCES = new Set(["MoqmeshSpliceGap", "MoqmeshGroupsLost"]);

const nameOf = ({ labels }: Alert) => `${labels["alertname"]} ${labels["instance"]}`;

describe("alerts of a mesh", { skip: missing }, () => {
  let redis: RedisServer;
  let authority: Authority;
  let mesh: Mesh;
  let monitoring: Monitoring;
  /** What fires, by name, and when it came. */
  const firing = new Map<string, { alert: Alert; at: number }>();
  /** Notifications so far, each as the names in it. */
  const notified: string[][] = [];

  before(async () => {
    redis = await RedisServer.start();
    authority = await Authority.make("alerts");
    mesh = await Mesh.make({
      shape: { origins: 1, regionals: 2, edges: 2 },
      engine: "auto",
      extra: settingsOf,
      say: (what) => console.log(what),
    });
    await certificate(90);
    await mesh.start();
    const flow = { framesPerSecond: 10, frameBytes: 200, framesPerGroup: 10 };
    await mesh.broadcast({ name: "alerts", publishing: "one", viewers: [1], engine: "auto", ...flow }).start();
    monitoring = await monitor(mesh, SPEED, (alerts) => {
      notified.push(alerts.map(nameOf));
      for (const alert of alerts) {
        if (alert.status === "resolved") firing.delete(nameOf(alert));
        else if (!firing.has(nameOf(alert))) firing.set(nameOf(alert), { alert, at: performance.now() });
      }
    });
  });

  after(async () => {
    await monitoring?.stop();
    await mesh?.stop();
    await redis?.stop();
  });

  /** Files of the second certificate of an edge. */
  function certificateFiles(folder: string): [string, string] {
    return [join(folder, "second.pem"), join(folder, "second-key.pem")];
  }

  function settingsOf({ name, role }: Place, { folder }: { readonly folder: string }): Sections {
    if (role === "root") return { cluster: { registry: `redis://:${redis.password}@127.0.0.1:${redis.port}/0` } };
    // Its health check, an alert as well, would warn earlier than the alert of seven days.
    if (name === "edge-1") return { tls: { certificates: [certificateFiles(folder).join(" ")], warn_days: 3 } };
    if (name === "edge-2") return { auth: { limit_loopback: true } };
    return {};
  }

  /** Writes a certificate that ends in so many days. */
  async function certificate(days: number): Promise<void> {
    const { cert, key } = await authority.issue({ names: ["second.example"], days, before: 1 });
    const [certFile, keyFile] = certificateFiles(mesh.workspace.folder);
    await writeFile(keyFile, key, { mode: 0o600 });
    await writeFile(certFile, cert);
  }

  const node = (name: string): Node => mesh.nodes.find((each) => each.name === name) ?? assert.fail(name);

  /** Resolves when exactly these alerts fire, each having come in its time. */
  async function fire(expected: readonly Expected[], from: number): Promise<void> {
    await until(() => expected.every(({ alert, instance }) => firing.has(`${alert} ${instance}`)), missingOf(expected));
    for (const { alert, instance, within } of expected) {
      const seen = firing.get(`${alert} ${instance}`);
      const seconds = ((seen?.at ?? Number.NaN) - from) / 1_000;
      console.log(
        `${alert} ${instance}: after ${seconds.toFixed(1)} s, at most ${(within / SPEED).toFixed(1)} s are usual`,
      );
      assert.ok(seconds <= within / SPEED + LATE_S, `${alert} came after ${seconds} s`);
      assert.match(seen?.alert.annotations["runbook_url"] ?? "", /^https:\/\/.+\/operations\.md#\w+$/);
      assert.notEqual(seen?.alert.annotations["summary"], "");
    }
    only(expected);
  }

  const missingOf = (expected: readonly Expected[]) => `fire: ${expected.map(({ alert }) => alert).join(", ")}`;

  /** No alert fires but these. */
  function only(expected: readonly Expected[]): void {
    const names = new Set(expected.map(({ alert, instance }) => `${alert} ${instance}`));
    const others = [...firing].filter(([name, { alert }]) => {
      return !names.has(name) && !CONSEQUENCES.has(alert.labels["alertname"] ?? "");
    });
    assert.deepEqual(others, []);
  }

  async function resolved(expected: readonly Expected[]): Promise<void> {
    const names = expected.map(({ alert, instance }) => `${alert} ${instance}`);
    await until(() => names.every((name) => !firing.has(name)), `resolved: ${names.join(", ")}`);
    only([]);
  }

  it("none fires while all is well, and every metric of rules and dashboards is one that relays have", {
    timeout: TIMEOUT_MS,
  }, async () => {
    await until(async () => {
      const { result } = (await monitoring.api("query?query=up==1")) as { result: unknown[] };
      return result.length === mesh.nodes.length;
    });
    // Relays that started slowly may have fired.
    await until(() => firing.size === 0, "no alert");
    await sleep(QUIET_MS);
    assert.deepEqual([...firing], []);
    const metadata = (await monitoring.api("targets/metadata")) as { metric: string }[];
    // OpenMetrics names a counter without its ending.
    const known = new Set(metadata.flatMap(({ metric }) => [metric, `${metric}_total`]));
    const folder = resolve(import.meta.dirname, "../../deploy/alerts");
    for (const name of ["alerts.yml", "recording.yml", "dashboards/moqmesh.json"]) {
      const text = (await readFile(join(folder, name), "utf8")).replace(/\w+:moqmesh_\w+:\w+/g, "");
      const used = new Set([...text.matchAll(/\bmoqmesh_\w+/g)].map(([metric]) => metric.replace(/_bucket$/, "")));
      assert.ok(used.size > 5);
      assert.deepEqual(
        [...used].filter((metric) => !known.has(metric)),
        [],
        name,
      );
    }
  });

  it("a killed relay, a certificate that ends, tokens that are tried and a registry that is down fire one each, and resolve", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const regional = await until(async () => busiest(await survey(mesh.nodes), "regional"));
    const from = performance.now();
    await regional.kill();
    await certificate(6);
    await redis.kill();
    const trying = await tryTokens(node("edge-2"));
    const expected = [
      { alert: "MoqmeshRelayDown", instance: regional.name, within: 60 + EVALUATED_S },
      { alert: "MoqmeshCertificateExpires", instance: "edge-1", within: 600 + EVALUATED_S },
      { alert: "MoqmeshAuthFailures", instance: "edge-2", within: 120 + 300 + EVALUATED_S },
      { alert: "MoqmeshRegistryDown", instance: "root-1", within: 60 + EVALUATED_S },
    ];
    await fire(expected, from);
    await Promise.all([regional.start(), certificate(90), redis.run(), trying.stop()]);
    await resolved(expected);
  });

  it("a root that is down fires for itself, and once for all relays that reach no root", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const others = mesh.nodes.filter(({ place }) => place.role !== "root").map(({ name }) => name);
    const unreachable = (instance: string) => `MoqmeshRootUnreachable ${instance}`;
    const from = performance.now();
    notified.length = 0;
    await node("root-1").kill();
    const expected = [
      { alert: "MoqmeshRelayDown", instance: "root-1", within: 60 + EVALUATED_S },
      ...others.map((instance) => ({
        alert: "MoqmeshRootUnreachable",
        instance,
        within: 60 + EVALUATED_S + NOTICED_S * SPEED,
      })),
    ];
    await fire(expected, from);
    const together = notified.filter((names) => names.some((name) => name === unreachable("edge-1")));
    assert.ok(together.some((names) => others.every((name) => names.includes(unreachable(name)))));
    await node("root-1").start();
    await resolved(expected);
  });
});

/** Tries tokens that a key of another mesh has signed, one after another, from one address. */
async function tryTokens({ url }: Node): Promise<{ stop(): Promise<void> }> {
  const key = await generateKey({ alg: "ES256", kid: "clients" });
  const now = Math.floor(Date.now() / 1_000);
  const token = await signToken(key, { root: "", get: [LIVE], iat: now, exp: now + 3_600 });
  const over = new AbortController();
  const work = (async () => {
    while (!over.signal.aborted) {
      const socket = new WebSocket(`${url.replace("https:", "ws:")}/?jwt=${token}`, ["moq-lite-05"]);
      const { promise, resolve: refused } = Promise.withResolvers<void>();
      socket.once("unexpected-response", () => refused());
      socket.once("error", () => refused());
      socket.once("open", () => assert.fail("a token of another mesh is accepted"));
      await promise;
      socket.terminate();
      await sleep(TRY_EVERY_MS);
    }
  })();
  return {
    stop: async () => {
      over.abort();
      await work;
    },
  };
}
