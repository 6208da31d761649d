/** What a scrape of a whole relay looks like to Prometheus. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Distribution, histogram } from "../../moq/metrics.ts";
import { METRIC_PREFIX } from "../../relay/http/index.ts";
import { METRICS } from "../../relay/metrics.ts";
import { publishTo } from "../support/publisher.ts";
import { type TestRelay, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";

const metrics = METRICS.flatMap((group) => Object.values(group.metrics));

/** Why promtool cannot be used here; false when it can. Throws where it has to be. */
function withoutPromtool(): string | false {
  try {
    execFileSync("promtool", ["--version"], { stdio: "ignore" });
    return false;
  } catch {
    if (process.env["MOQMESH_REQUIRE_PROMTOOL"] === "1") throw new Error("promtool is missing");
    return "promtool is not installed: apt-get install prometheus";
  }
}

async function scrape(relay: TestRelay, accept = "text/plain"): Promise<Response> {
  return await fetch(relay.admin("/metrics"), { headers: { accept } });
}

/** A relay with a publisher, so that metrics by session and broadcast have lines. */
async function withTraffic(work: (relay: TestRelay) => Promise<void>): Promise<void> {
  await withRelay({}, async (relay) => {
    const publisher = await publishTo(relay.at("ws", "/live"), "room1", "video", [["a", "b"]]);
    await until(() => relay.counters.broadcastsActive === 1);
    await work(relay);
    publisher.session.close(0, "");
    await publisher.closed;
  });
}

describe("a scrape", () => {
  test("passes promtool check metrics without a remark", { skip: withoutPromtool() }, () =>
    withTraffic(async (relay) => {
      const input = await (await scrape(relay)).text();
      const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input, encoding: "utf8" });
      assert.deepEqual([stderr, stdout, status], ["", "", 0]);
    }),
  );

  test("is OpenMetrics when the client asks for it", () =>
    withTraffic(async (relay) => {
      const accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
      const plainBefore = await (await scrape(relay)).text();
      const response = await scrape(relay, accept);
      const text = await response.text();
      assert.match(response.headers.get("content-type") ?? "", /^application\/openmetrics-text; version=1\.0\.0/);
      assert.equal(response.headers.get("vary"), "Accept");
      assert.ok(text.endsWith("\n# EOF\n"));
      assert.equal(text.split("# EOF").length, 2);
      assert.ok(text.includes("\n# TYPE moqmesh_sessions_opened counter\nmoqmesh_sessions_opened_total 1\n"));
      assert.ok(!/^$/m.test(text.trimEnd()), "no empty line");
      // prom-client renames counters for OpenMetrics; the other format keeps its names.
      const names = (one: string) => one.match(/^# TYPE .*/gm);
      assert.deepEqual(names(await (await scrape(relay)).text()), names(plainBefore));
    }));

  test("has every declared value of a label of a counter from the start", () =>
    withRelay({}, async (relay) => {
      const lines = (await (await scrape(relay)).text()).split("\n");
      for (const { name, type, labels } of metrics) {
        const [first, ...others] = Object.entries(labels);
        if (type === "gauge" || first === undefined || others.length > 0) continue;
        const [label, values] = first;
        if (typeof values === "string") continue;
        const suffix = type === "histogram" ? "_count" : "";
        for (const value of values) {
          const start = `${METRIC_PREFIX}${name}${suffix}{${label}="${value}"} `;
          assert.ok(
            lines.some((line) => line.startsWith(start)),
            start,
          );
        }
      }
    }));
});

test("a histogram shows cumulative buckets, their sum and their count", () =>
  withRelay({}, async (relay) => {
    const metric = histogram("wait_seconds", "Waits.", [0.1, 1], { from: ["here", "there"] });
    const here = new Distribution(metric);
    for (const value of [0.1, 0.5, 3]) here.observe(value);
    const group = { title: "Test", metrics: { waits: metric } };
    relay.counters.attach(group, () => ({ waits: { here, there: new Distribution(metric) } }));
    const lines = (await (await scrape(relay)).text()).split("\n").filter((line) => line.includes("wait_seconds"));
    assert.deepEqual(lines.slice(0, 7), [
      "# HELP moqmesh_wait_seconds Waits.",
      "# TYPE moqmesh_wait_seconds histogram",
      'moqmesh_wait_seconds_bucket{le="0.1",from="here"} 1',
      'moqmesh_wait_seconds_bucket{le="1",from="here"} 2',
      'moqmesh_wait_seconds_bucket{le="+Inf",from="here"} 3',
      'moqmesh_wait_seconds_sum{from="here"} 3.6',
      'moqmesh_wait_seconds_count{from="here"} 3',
    ]);
    assert.ok(lines.includes('moqmesh_wait_seconds_count{from="there"} 0'));
  }));

test("every declared value of a label is counted somewhere in the code", () => {
  const folders = ["moq", "cluster", "relay", "transport", "auth", "machine"];
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => readFileSync(join(folder, file), "utf8")),
  );
  const code = files.join("\n").replace(/^\s*(\/\/|\/?\*).*$/gm, "");
  for (const { name, labels } of metrics) {
    for (const [label, values] of Object.entries(labels)) {
      if (typeof values === "string") continue;
      for (const value of values) {
        // Its declaration is one place. A field of that name is counted, or the name is given to what counts.
        const places =
          code.split(`"${value}"`).length -
          1 +
          (code.match(new RegExp(`[.[ {]${value}(\\+\\+|[:,)\\] ]| \\+=)`, "g"))?.length ?? 0);
        assert.ok(places >= 2, `${name}{${label}="${value}"} can never be counted`);
      }
    }
  }
});
