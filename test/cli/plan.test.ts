/** `moqmesh plan`: what holds for every audience, and what it prints. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import { runProgram } from "../../cli/main.ts";
import { PLAN_MEANINGS, PlanError } from "../../cli/plan/codes.ts";
import { planCommand } from "../../cli/plan/index.ts";
import { highest, rootUse, useOf } from "../../cli/plan/load.ts";
import { CLOUDS, MACHINES, SOURCES, TIERS, type Tier, USUAL_SIZES } from "../../cli/plan/machines.ts";
import {
  BYTES_PER_VIEWER,
  CHAT,
  DELIVERY,
  RECEIVED,
  RELAY_BYTES,
  ROOT_BYTES_PER_BROADCAST,
  SMALL,
  VIDEO,
} from "../../cli/plan/measured.ts";
import { type Plan, type PlannedTier, planOf } from "../../cli/plan/plan.ts";
import { type PlanRequest, requestOf } from "../../cli/plan/request.ts";
import { recordedIo } from "./support/io.ts";

async function plan(...args: readonly string[]) {
  const io = recordedIo();
  const code = await runProgram(["plan", ...args], io);
  return { code, out: io.stdout(), err: io.stderr() };
}

/** The request of a command line, changed by `over`. */
function request(args: Readonly<Record<string, string>>, over: Partial<PlanRequest> = {}): PlanRequest {
  return { ...requestOf({ values: new Map(Object.entries(args)), switches: new Set() }), ...over };
}

const BIG = { viewers: "100000", bitrate: "4M", regions: "3", cloud: "aws" };

/** Any request that is valid. */
const REQUESTS: fc.Arbitrary<PlanRequest> = fc
  .record({
    viewers: fc.integer({ min: 1, max: 300_000 }),
    bitrate: fc.integer({ min: 50_000, max: 20_000_000 }),
    frames: fc.integer({ min: 10, max: 200 }),
    groups: fc.integer({ min: 1, max: 10 }),
    broadcasts: fc.integer({ min: 1, max: 20_000 }),
    regions: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
    cloud: fc.constantFrom(...CLOUDS),
    survive: fc.constantFrom("none", "relay", "region"),
    headroom: fc.double({ min: 0, max: 0.8, noNaN: true }),
    regionals: fc.boolean(),
  })
  .map(({ regions, cloud, survive, regionals, headroom, ...numbers }) => {
    const names = regions.map((share, index) => `r${index}:place-${index}=${share}`).join(",");
    const base = request({ viewers: "1", bitrate: "1M", regions: names, cloud });
    const possible = survive === "region" && regions.length === 1 ? "relay" : survive;
    return { ...base, ...numbers, regionals, headroom, survive: possible };
  });

/** The plan; undefined when none is possible. */
function planned(wanted: PlanRequest): Plan | undefined {
  try {
    return planOf(wanted);
  } catch (error) {
    if (error instanceof PlanError) return undefined;
    throw error;
  }
}

function tierOf(of: Plan, region: string, tier: PlannedTier["tier"]): PlannedTier | undefined {
  return of.tiers.find((one) => one.region === region && one.tier === tier);
}

/** Where both can be planned. */
function assertNoFewer(before: PlanRequest, after: PlanRequest, tiers: readonly Tier[]): void {
  const [few, many] = [planned(before), planned(after)];
  if (few === undefined || many === undefined) return;
  for (const { region, tier, relays } of few.tiers) {
    if (tiers.includes(tier)) assert.ok((tierOf(many, region, tier)?.relays ?? 0) >= relays, `${region} ${tier}`);
  }
}

function rootsOf(of: Plan): number {
  return of.tiers.filter(({ tier }) => tier === "root").reduce((sum, { relays }) => sum + relays, 0);
}

describe("a plan", () => {
  it("carries every viewer with its headroom, also when a relay of each tier is lost", () => {
    fc.assert(
      fc.property(REQUESTS, (wanted) => {
        const found = planned(wanted);
        if (found === undefined) return;
        for (const region of wanted.regions) {
          const edges = tierOf(found, region.name, "edge");
          assert.ok(edges !== undefined && tierOf(found, region.name, "origin") !== undefined);
          const viewers = Math.floor(wanted.viewers * region.share);
          assert.ok((edges.relays - edges.spare) * edges.load.deliveries >= viewers, "edges left carry the viewers");
          assert.equal(tierOf(found, region.name, "regional") !== undefined, wanted.regionals);
        }
        for (const { tier, machine, load, spare, relays } of found.tiers) {
          // Roots of other regions replace a root.
          const all = tier === "root" ? rootsOf(found) : relays;
          assert.ok(all > spare, `${tier}: one is left`);
          assert.equal(spare > 0, wanted.survive !== "none");
          const use =
            tier === "root"
              ? rootUse(wanted.broadcasts, found.relays, machine)
              : useOf(load, wanted, machine, wanted.coreSpeed);
          assert.ok(highest(use).part <= 1 - wanted.headroom + 1e-9, `${tier} keeps its headroom`);
        }
      }),
    );
  });

  it("carries every viewer when the largest region is lost, if it has to survive that", () => {
    fc.assert(
      fc.property(REQUESTS, (wanted) => {
        if (wanted.regions.length === 1) return;
        const found = planned({ ...wanted, survive: "region" });
        if (found === undefined) return;
        for (const lost of wanted.regions) {
          const left = wanted.regions.filter((one) => one !== lost);
          for (const { name, share } of left) {
            const edges = tierOf(found, name, "edge");
            const viewers = Math.floor((wanted.viewers * share) / (1 - lost.share));
            assert.ok((edges?.relays ?? 0) * found.viewersPerEdge >= viewers, `${name} without ${lost.name}`);
          }
          assert.ok(
            left.some(({ name }) => tierOf(found, name, "root") !== undefined),
            "a root is left",
          );
        }
      }),
    );
  });

  it("never has fewer relays of a tier for more viewers, bits or headroom", () => {
    const more: readonly ((wanted: PlanRequest, by: number) => PlanRequest)[] = [
      (wanted, by) => ({ ...wanted, viewers: wanted.viewers + by }),
      (wanted, by) => ({ ...wanted, bitrate: wanted.bitrate + by * 100 }),
      (wanted, by) => ({ ...wanted, headroom: Math.min(0.9, wanted.headroom + by / 1e6) }),
      (wanted) => ({ ...wanted, survive: wanted.survive === "none" ? "relay" : wanted.survive }),
    ];
    fc.assert(
      fc.property(REQUESTS, fc.constantFrom(...more), fc.integer({ min: 1, max: 100_000 }), (wanted, grow, by) =>
        assertNoFewer(wanted, grow(wanted, by), TIERS),
      ),
    );
  });

  // A region publishes its share of the broadcasts, rounded up because a broadcast is whole. The fewer there are, the more that adds, so with one more
  // an origin may have less to send. A single region publishes all of them, and nothing is rounded.
  it("never has fewer relays of a tier for more broadcasts, but origins of several regions", () => {
    fc.assert(
      fc.property(REQUESTS, fc.integer({ min: 1, max: 100_000 }), (wanted, by) => {
        const grow = (one: PlanRequest): PlanRequest => ({ ...one, broadcasts: one.broadcasts + by });
        assertNoFewer(wanted, grow(wanted), ["root", "regional", "edge"]);
        const regions = wanted.regions.slice(0, 1).map((region) => ({ ...region, share: 1 }));
        const survive = wanted.survive === "region" ? "relay" : wanted.survive;
        const alone: PlanRequest = { ...wanted, regions, survive };
        assertNoFewer(alone, grow(alone), TIERS);
      }),
    );
  });

  it("sends to viewers what they watch, and between relays no more than that", () => {
    fc.assert(
      fc.property(REQUESTS, (wanted) => {
        const found = planned(wanted);
        if (found === undefined) return;
        const { viewers, between, within } = found.traffic;
        assert.ok(viewers.peak >= wanted.viewers * wanted.bitrate);
        // A part of a viewer counts as one, in each region.
        const rounded = 1 + wanted.regions.length / wanted.viewers;
        assert.ok(between.peak <= viewers.peak * rounded && within.peak >= 0);
        const sent = found.tiers.filter(({ tier }) => tier === "edge").reduce((sum, { egress }) => sum + egress, 0);
        assert.ok(sent >= wanted.viewers * wanted.bitrate);
      }),
    );
  });

  it("is cut by what a machine has least of", () => {
    const limitOf = (args: Readonly<Record<string, string>>) => {
      const edge = planOf(request({ viewers: "5000", ...args })).tiers.find(({ tier }) => tier === "edge");
      return edge?.limit;
    };
    assert.equal(limitOf({ bitrate: "4M", cores: "64", memory: "64GiB", network: "1G" }), "network");
    assert.equal(limitOf({ bitrate: "64k", cores: "2", memory: "64GiB", network: "100G" }), "cpu");
    assert.equal(limitOf({ bitrate: "64k", cores: "64", memory: "512MiB", network: "100G" }), "memory");
    assert.equal(
      limitOf({ bitrate: "64k", frames: "50", groups: "50", cores: "128", memory: "64GiB", network: "100G" }),
      "script",
    );
  });
});

describe("measured figures", () => {
  it("explain the scenarios from which they come", () => {
    for (const { name, usPerFrame, frameBytes, framesPerGroup } of [SMALL, VIDEO, CHAT]) {
      const cost = DELIVERY.perFrame + DELIVERY.perGroup / framesPerGroup + DELIVERY.perByte * frameBytes;
      assert.ok(Math.abs(cost - usPerFrame) < 1e-6, name);
    }
    for (const cost of Object.values(DELIVERY)) assert.ok(cost > 0);
  });

  it("are those of the pages that have the runs", () => {
    const page = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");
    const engines = page("engines.md");
    assert.match(engines, /`small`, 400 viewers \| 20\.7 ms/);
    assert.equal(SMALL.usPerFrame, 20.7);
    assert.match(engines, /`video`, 64 viewers: .* \| 0\.27 s CPU per Gbit/);
    assert.match(engines, /`chat`, 64 viewers: .* \| 48\.8 ms/);
    assert.equal(CHAT.usPerFrame, 48.8);
    assert.match(engines, /`small`, 200 viewers \| 80 to 89 /);
    assert.equal(BYTES_PER_VIEWER, 89 * 1024);
    assert.match(engines, /1\.8 % at 24,000/);
    assert.match(engines, /`small`, 200 viewers: .* \| 17\.3 ms/);
    const sizing = page("deploy/sizing.md");
    assert.match(sizing, /`many`, 200 viewers \| 47\.2 µs \| 6\.8 %/);
    assert.equal(RECEIVED, (47.2 - 17.3) / 17.3);
    assert.match(sizing, /without sessions \| 174 to 182 MiB/);
    assert.equal(RELAY_BYTES, 182 * 2 ** 20);
    assert.match(page("simulation.md"), /resident memory for each broadcast \| 948 B/);
    assert.equal(ROOT_BYTES_PER_BROADCAST, 948);
  });
});

describe("the machines of a cloud", () => {
  it("are those that the topology takes, each once, with a source", () => {
    const topology = readFileSync(new URL("../../terraform/modules/topology/main.tf", import.meta.url), "utf8");
    for (const [cloud, machines] of Object.entries(MACHINES)) {
      const sizes = machines.map(({ size }) => size);
      assert.equal(new Set(sizes).size, sizes.length);
      assert.ok(SOURCES[cloud as keyof typeof SOURCES].length > 0);
      for (const [architecture, usual] of Object.entries(USUAL_SIZES[cloud as keyof typeof USUAL_SIZES])) {
        const line = topology
          .slice(topology.indexOf(`    ${cloud} = {`))
          .match(new RegExp(`${architecture}\\s*= \\{(.*)\\}`));
        for (const [tier, size] of Object.entries(usual)) {
          assert.ok(line?.[1]?.includes(`${tier} = "${size}"`), `${cloud} ${architecture} ${tier}: ${size}`);
          assert.ok(sizes.includes(size), size);
        }
      }
    }
  });
});

describe("moqmesh plan", () => {
  it("prints a row for each tier of each region, the traffic, and what was assumed", async () => {
    const { code, out, err } = await plan("--viewers", "100k", "--bitrate", "4M", "--regions", "3", "--cloud", "aws");
    assert.equal(err, "");
    assert.equal(code, 0);
    assert.match(out, /^100,000 viewers of 1 broadcast at 4 Mbit\/s in 3 regions/);
    for (const region of ["eu", "us", "asia"])
      for (const tier of ["root", "origin", "regional", "edge"])
        assert.match(out, new RegExp(`^${region} +${tier} +\\d+`, "m"));
    assert.match(out, /to viewers +424 Gbit\/s .* GB a month/);
    assert.match(out, /nf_conntrack_max/);
    assert.match(out, /Assumed/);
  });

  it("makes a plan of each of its examples", async () => {
    for (const example of planCommand.examples) {
      const { code, err } = await plan(...example.split(" ").slice(1));
      assert.equal(code, 0, `${example}: ${err}`);
    }
  });

  it("costs what the operator's prices make of it", async () => {
    const args = ["--viewers", "1000", "--bitrate", "8M", "--price-per-gb", "0.05", "--average", "50%", "--json"];
    const { out } = await plan(...args);
    const { traffic } = JSON.parse(out) as { traffic: { viewers: { monthly: number; cost: number } } };
    // 1000 viewers × 1 MB/s × 1.06 × 730 h, half of it.
    assert.ok(Math.abs(traffic.viewers.monthly - 1.06 * 3_600 * 730 * 0.5) < 1);
    assert.equal(traffic.viewers.cost, Math.round(traffic.viewers.monthly * 5) / 100);
  });

  it("makes viewers of --viewers-per-broadcast into broadcasts", () => {
    assert.equal(request({ viewers: "1000", bitrate: "1M", "viewers-per-broadcast": "30" }).broadcasts, 34);
  });

  it("spreads viewers by the shares of named regions", () => {
    const { regions } = request({ ...BIG, regions: "eu=3,home:eu-north-1" });
    assert.deepEqual(
      regions.map(({ name, location, share }) => [name, location, share]),
      [
        ["eu", "eu-central-1", 0.75],
        ["home", "eu-north-1", 0.25],
      ],
    );
  });

  const wrong: readonly [code: string, args: Readonly<Record<string, string>>, says: RegExp][] = [
    ["plan_viewers", { bitrate: "4M" }, /--viewers is missing/],
    ["plan_viewers", { viewers: "-5", bitrate: "4M" }, /--viewers/],
    ["plan_viewers", { viewers: "1.5", bitrate: "4M" }, /"1.5" cannot be used/],
    ["plan_bitrate", { viewers: "10" }, /--bitrate is missing/],
    ["plan_bitrate", { viewers: "10", bitrate: "fast" }, /such as 4M/],
    ["plan_bitrate", { viewers: "10", bitrate: "0" }, /such as 4M/],
    ["plan_frames", { ...BIG, frames: "2", groups: "5" }, /more than --frames 2/],
    ["plan_regions", { ...BIG, regions: "0" }, /give 1 to 8/],
    ["plan_regions", { ...BIG, regions: "9" }, /give 1 to 8/],
    ["plan_regions", { ...BIG, regions: "eu,eu" }, /twice/],
    ["plan_regions", { ...BIG, regions: "EU" }, /no name of a region/],
    ["plan_regions", { ...BIG, regions: "eu,mars" }, /where is mars\?/],
    ["plan_regions", { ...BIG, regions: "eu=0" }, /over 0/],
    ["plan_cloud", { ...BIG, cloud: "ibm" }, /use one of aws, google, azure, none/],
    ["plan_cloud", { ...BIG, architecture: "mips" }, /arm64, x86_64/],
    ["plan_broadcasts", { ...BIG, broadcasts: "0" }, /whole number of broadcasts/],
    ["plan_broadcasts", { ...BIG, broadcasts: "5", "viewers-per-broadcast": "5" }, /one of/],
    ["plan_machine", { ...BIG, size: "c7g.gigantic" }, /no "c7g.gigantic"/],
    ["plan_machine", { ...BIG, size: "core=c7g.large" }, /no tier "core"/],
    ["plan_machine", { ...BIG, cores: "4" }, /use --size/],
    ["plan_machine", { viewers: "10", bitrate: "1M", size: "c7g.large" }, /give --cloud/],
    ["plan_machine", { viewers: "10", bitrate: "1M", memory: "1MiB" }, /such as 16GiB/],
    ["plan_share", { ...BIG, headroom: "95%" }, /0% to 90%/],
    ["plan_share", { ...BIG, average: "0" }, /1% to 100%/],
    ["plan_survive", { ...BIG, survive: "war" }, /none, relay, region/],
    ["plan_survive", { viewers: "10", bitrate: "1M", survive: "region" }, /needs two regions/],
    ["plan_price", { ...BIG, "price-per-gb": "free" }, /such as 0.05/],
    ["plan_domain", { ...BIG, domain: "Live" }, /lower-case/],
    [
      "plan_machine_too_small",
      { viewers: "10", bitrate: "900M", cores: "1", network: "100M" },
      /does not carry even one viewer/,
    ],
    ["plan_too_many_relays", { ...BIG, viewers: "100M" }, /at most 500/],
    [
      "plan_broadcast_too_wide",
      { viewers: "200k", bitrate: "20M", cloud: "aws", size: "edge=c7gn.16xlarge,regional=c7g.large" },
      /one broadcast goes to/,
    ],
  ];
  for (const [code, args, says] of wrong) {
    it(`refuses ${JSON.stringify(args)} with ${code}`, async () => {
      const flags = Object.entries(args).flatMap(([name, value]) => [`--${name}=${value}`]);
      const text = await plan(...flags);
      assert.equal(text.code, 2, text.out);
      assert.equal(text.out, "");
      assert.match(text.err, says);
      assert.ok(text.err.includes(`[${code}]`), text.err);
      const json = JSON.parse((await plan(...flags, "--json")).out) as { ok: boolean; problems: { code: string }[] };
      assert.equal(json.ok, false);
      assert.ok(json.problems.some((problem) => problem.code === code));
    });
  }

  it("names every problem at once, and has an example of each code", async () => {
    const { err } = await plan("--bitrate", "x", "--regions", "0", "--headroom", "2");
    for (const code of ["plan_viewers", "plan_bitrate", "plan_regions", "plan_share"])
      assert.ok(err.includes(code), code);
    const tried = new Set(wrong.map(([code]) => code));
    for (const code of PLAN_MEANINGS.keys()) assert.ok(code === "plan_output" || tried.has(code), code);
    assert.match((await plan("--viewers=1", "--bitrate=1M", "--json", "--tfvars")).out, /plan_output/);
  });
});
