/** What a plan is asked for, read from the command line. Every problem is reported at once. */
import { parseBytes, UnitError } from "../../relay/config/index.ts";
import type { Invocation } from "../command.ts";
import { PlanError, type PlanProblem } from "./codes.ts";
import {
  ARCHITECTURES,
  type Architecture,
  CLOUDS,
  type Cloud,
  MACHINES,
  type Machine,
  REGIONS,
  TIERS,
  type Tier,
  USUAL_SIZES,
} from "./machines.ts";
import { bitrate, part, rateText, scaled, whole } from "./quantity.ts";

export const SURVIVALS = ["none", "relay", "region"] as const;
export type Survival = (typeof SURVIVALS)[number];

export interface PlannedRegion {
  readonly name: string;
  /** The cloud's name of it. */
  readonly location: string;
  readonly countries: readonly string[];
  /** Part of the viewers, 0 to 1. */
  readonly share: number;
}

export interface PlanRequest {
  readonly viewers: number;
  /** Bits a second of one viewer, all its tracks together. */
  readonly bitrate: number;
  /** Frames and groups a second of one viewer, all its tracks together. */
  readonly frames: number;
  readonly groups: number;
  readonly broadcasts: number;
  readonly regions: readonly PlannedRegion[];
  readonly cloud: Cloud;
  readonly architecture: Architecture;
  readonly machines: Readonly<Record<Tier, Machine>>;
  /** Whether regionals stand between origins and edges. */
  readonly regionals: boolean;
  readonly survive: Survival;
  /** Part of each machine that stays free, 0 to 1. */
  readonly headroom: number;
  /** Speed of one core, of that of the measured machine. */
  readonly coreSpeed: number;
  /** Viewers on average over a month, as a part of `viewers`. */
  readonly average: number;
  /** Money for each GB to viewers, and between regions. */
  readonly price: number | undefined;
  readonly regionPrice: number | undefined;
  readonly domain: string | undefined;
  readonly name: string;
}

const MOST_VIEWERS = 1e9;
const MOST_BROADCASTS = 1e8;
const LEAST_BITRATE = 1e3;
const MOST_BITRATE = 1e9;
const MOST_FRAMES = 10_000;
/** As modules/topology. */
const MOST_REGIONS = 64;
const MOST_CORES = 1_024;
const LEAST_MEMORY = 2 ** 28;
const MOST_MEMORY = 2 ** 46;
const MOST_NETWORK = 1e12;
const GBIT = 1e9;

/** A video of 30 frames a second and audio in frames of 20 ms; a group a second for each. */
export const USUAL_FRAMES = 80;
export const USUAL_GROUPS = 2;
export const USUAL_HEADROOM = 0.3;

/** A machine that is not of a cloud. */
const OWN_CORES = 8;
const OWN_MEMORY = 16 * 2 ** 30;
const OWN_NETWORK = 10 * GBIT;

/** In place of one that is unknown, so that all problems of a request are found. */
const NO_MACHINE: Machine = { size: "", cores: 1, memoryBytes: OWN_MEMORY, network: 1, internet: 1 };

const NAME = /^[a-z]([a-z0-9-]{0,14}[a-z0-9])?$/;
const DOMAIN = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/;

/** Throws {@link PlanError} with every problem. */
export function requestOf({ values, switches }: Pick<Invocation, "values" | "switches">): PlanRequest {
  const reader = new Reader(values);
  const cloud = reader.word("cloud", CLOUDS, "none", "plan_cloud");
  const architecture = reader.word("architecture", ARCHITECTURES, "arm64", "plan_cloud");
  const viewers = reader.read(
    "viewers",
    undefined,
    "plan_viewers",
    "a whole number of viewers from 1 to 1000M, such as 100000 or 100k",
    (text) => whole(text, 1, MOST_VIEWERS),
  );
  const frames = reader.read("frames", USUAL_FRAMES, "plan_frames", `frames a second, up to ${MOST_FRAMES}`, rate);
  const groups = reader.read("groups", USUAL_GROUPS, "plan_frames", "groups a second, such as 2", rate);
  if (groups > frames)
    reader.problem("plan_frames", `--groups ${groups} is more than --frames ${frames}: a group has one frame at least`);
  const regions = regionsOf(reader, values.get("regions") ?? "1", cloud);
  const survive = reader.word("survive", SURVIVALS, "relay", "plan_survive");
  if (survive === "region" && regions.length === 1) {
    reader.problem("plan_survive", "--survive region needs two regions or more: --regions 2");
  }
  const request: PlanRequest = {
    viewers,
    bitrate: reader.read(
      "bitrate",
      undefined,
      "plan_bitrate",
      "bits a second from 1k to 1000M, such as 4M or 800k",
      (text) => bitrate(text, LEAST_BITRATE, MOST_BITRATE),
    ),
    frames,
    groups,
    broadcasts: broadcastsOf(reader, values, viewers),
    regions,
    cloud,
    architecture,
    machines: machinesOf(reader, values, cloud, architecture),
    regionals: !switches.has("no-regionals"),
    survive,
    headroom: reader.read(
      "headroom",
      USUAL_HEADROOM,
      "plan_share",
      "the part of each machine that stays free, 0% to 90%",
      (text) => part(text, 0, 0.9),
    ),
    coreSpeed: reader.read("core-speed", 1, "plan_share", "a number from 0.1 to 10", (text) => between(text, 0.1, 10)),
    average: reader.read("average", 1, "plan_share", "a percentage from 1% to 100%", (text) => part(text, 0.01, 1)),
    price: values.has("price-per-gb") ? reader.read("price-per-gb", undefined, "plan_price", PRICE, money) : undefined,
    regionPrice: values.has("price-between-regions")
      ? reader.read("price-between-regions", undefined, "plan_price", PRICE, money)
      : undefined,
    domain: values.has("domain")
      ? reader.read(
          "domain",
          "",
          "plan_domain",
          "a DNS name in lower-case letters, such as live.example.com",
          (text) => (DOMAIN.test(text) ? text : undefined),
        )
      : undefined,
    name: reader.read("name", "moq", "plan_domain", "1 to 16 lower-case letters, digits and hyphens", (text) =>
      NAME.test(text) ? text : undefined,
    ),
  };
  if (switches.has("json") && switches.has("tfvars")) reader.problem("plan_output", "use one of --json and --tfvars");
  reader.end();
  return request;
}

const PRICE = "a price for each GB, such as 0.05";

function rate(text: string): number | undefined {
  return between(text, 0.01, MOST_FRAMES);
}

function money(text: string): number | undefined {
  return between(text, 0, 1e6);
}

function between(text: string, least: number, most: number): number | undefined {
  const value = scaled(text);
  return value !== undefined && value >= least && value <= most ? value : undefined;
}

class Reader {
  readonly #values: ReadonlyMap<string, string>;
  readonly #problems: PlanProblem[] = [];

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  problem(code: PlanProblem["code"], message: string): void {
    this.#problems.push({ code, message });
  }

  /** The value of an option; `usual` without one. An option that has no usual value has to be given. */
  read<T extends number | string>(
    name: string,
    usual: T | undefined,
    code: PlanProblem["code"],
    expected: string,
    parse: (text: string) => T | undefined,
  ): T {
    const text = this.#values.get(name);
    const value = text === undefined ? usual : parse(text);
    if (value !== undefined) return value;
    const given = text === undefined ? "is missing" : `"${text}" cannot be used`;
    this.problem(code, `--${name} ${given}: give ${expected}`);
    return (usual ?? 1) as T;
  }

  word<W extends string>(name: string, words: readonly W[], usual: W, code: PlanProblem["code"]): W {
    const text = this.#values.get(name) ?? usual;
    const found = words.find((word) => word === text);
    if (found === undefined) this.problem(code, `--${name} "${text}" is unknown: use one of ${words.join(", ")}`);
    return found ?? usual;
  }

  /** @throws PlanError when there was a problem. */
  end(): void {
    if (this.#problems.length > 0) throw new PlanError(this.#problems);
  }
}

function broadcastsOf(reader: Reader, values: ReadonlyMap<string, string>, viewers: number): number {
  const each = values.get("viewers-per-broadcast");
  if (each === undefined) {
    return reader.read("broadcasts", 1, "plan_broadcasts", "a whole number of broadcasts", (text) =>
      whole(text, 1, MOST_BROADCASTS),
    );
  }
  if (values.has("broadcasts"))
    reader.problem("plan_broadcasts", "use one of --broadcasts and --viewers-per-broadcast");
  const viewersEach = reader.read("viewers-per-broadcast", 1, "plan_broadcasts", "a number of viewers from 1", (text) =>
    between(text, 1, MOST_VIEWERS),
  );
  return Math.max(1, Math.ceil(viewers / viewersEach));
}

/** `3`, or `eu=50,us=30,asia`, or `fra:eu-central-1=50,...`: shares are relative, 1 unless given. */
function regionsOf(reader: Reader, text: string, cloud: Cloud): readonly PlannedRegion[] {
  const code = "plan_regions";
  if (/^\d+$/.test(text)) {
    const count = Number(text);
    if (count >= 1 && count <= REGIONS.length)
      return shared(
        REGIONS.slice(0, count).map(({ name }) => ({ text: name, weight: 1 })),
        cloud,
      );
    reader.problem(
      code,
      `--regions ${text}: give 1 to ${REGIONS.length}, or name up to ${MOST_REGIONS}, such as eu,us=2`,
    );
    return shared([{ text: "eu", weight: 1 }], cloud);
  }
  const wanted = text.split(",").map((item) => {
    const [place = "", weight = "1"] = item.trim().split("=", 2);
    return { text: place, weight: between(weight.replace(/%$/, ""), 0.001, 1e6) };
  });
  for (const { text: place, weight } of wanted) {
    const [name = "", location] = place.split(":", 2);
    if (!NAME.test(name))
      reader.problem(
        code,
        `--regions: "${name}" is no name of a region: 1 to 16 lower-case letters, digits and hyphens`,
      );
    else if (weight === undefined) reader.problem(code, `--regions: the share of ${name} has to be a number over 0`);
    else if (cloud !== "none" && location === undefined && !REGIONS.some((one) => one.name === name)) {
      reader.problem(
        code,
        `--regions: where is ${name}? Write ${name}:LOCATION with the name that ${cloud} has for it`,
      );
    }
  }
  const names = wanted.map(({ text: place }) => place.split(":", 1)[0]);
  if (new Set(names).size < names.length) reader.problem(code, `--regions ${text} has a region twice`);
  if (wanted.length > MOST_REGIONS)
    reader.problem(code, `--regions has ${wanted.length} regions: at most ${MOST_REGIONS}`);
  return shared(
    wanted.map(({ text: place, weight = 1 }) => ({ text: place, weight })),
    cloud,
  );
}

function shared(wanted: readonly { text: string; weight: number }[], cloud: Cloud): readonly PlannedRegion[] {
  const total = wanted.reduce((sum, { weight }) => sum + weight, 0);
  return wanted.map(({ text, weight }) => {
    const [name = "", location] = text.split(":", 2);
    const known = REGIONS.find((one) => one.name === name);
    const usual = cloud === "none" ? name : known?.locations[cloud];
    return { name, location: location ?? usual ?? name, countries: known?.countries ?? [], share: weight / total };
  });
}

function machinesOf(
  reader: Reader,
  values: ReadonlyMap<string, string>,
  cloud: Cloud,
  architecture: Architecture,
): Readonly<Record<Tier, Machine>> {
  const code = "plan_machine";
  const own = ["cores", "memory", "network"].filter((name) => values.has(name));
  if (cloud === "none") {
    if (values.has("size"))
      reader.problem(code, "--size is the name of a cloud's machine: give --cloud, or --cores, --memory and --network");
    const network =
      reader.read("network", OWN_NETWORK, code, "bits a second, such as 10G", (text) =>
        bitrate(text, 1e6, MOST_NETWORK),
      ) / GBIT;
    const cores = reader.read("cores", OWN_CORES, code, `a whole number of cores up to ${MOST_CORES}`, (text) =>
      whole(text, 1, MOST_CORES),
    );
    const memoryBytes = reader.read("memory", OWN_MEMORY, code, "a size from 256MiB, such as 16GiB", memory);
    const size = `${cores} cores, ${rateText(network * GBIT)}`;
    const machine: Machine = { size, cores, memoryBytes, network, internet: network };
    return { root: machine, origin: machine, regional: machine, edge: machine };
  }
  if (own.length > 0) reader.problem(code, `--${own[0]} is for machines of your own: with --cloud ${cloud} use --size`);
  const sizes = new Map<Tier, string>(TIERS.map((tier) => [tier, USUAL_SIZES[cloud][architecture][tier]]));
  for (const item of (values.get("size") ?? "").split(",").filter((one) => one !== "")) {
    const [tier, size] = item.includes("=") ? item.split("=", 2) : [undefined, item];
    const named = TIERS.find((one) => one === tier);
    if (tier !== undefined && named === undefined)
      reader.problem(code, `--size: there is no tier "${tier}": use ${TIERS.join(", ")}`);
    else if (named === undefined) for (const one of ["origin", "regional", "edge"] as const) sizes.set(one, size ?? "");
    else sizes.set(named, size ?? "");
  }
  const machineOf = (tier: Tier): Machine => {
    const size = sizes.get(tier) ?? "";
    const found = MACHINES[cloud].find((one) => one.size === size);
    if (found === undefined) {
      reader.problem(
        code,
        `--size: ${cloud} has no "${size}" in this table: ${MACHINES[cloud].map((one) => one.size).join(", ")}`,
      );
    }
    return found ?? NO_MACHINE;
  };
  return {
    root: machineOf("root"),
    origin: machineOf("origin"),
    regional: machineOf("regional"),
    edge: machineOf("edge"),
  };
}

function memory(text: string): number | undefined {
  try {
    const bytes = parseBytes(text);
    return bytes >= LEAST_MEMORY && bytes <= MOST_MEMORY ? bytes : undefined;
  } catch (error) {
    if (error instanceof UnitError) return undefined;
    throw error;
  }
}
