/** `moqmesh plan`: how many relays an audience needs. */
import type { Command, Invocation } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Io } from "../io.ts";
import { PLAN_MEANINGS, PlanError } from "./codes.ts";
import { planJson } from "./json.ts";
import { ARCHITECTURES, CLOUDS } from "./machines.ts";
import { planOf } from "./plan.ts";
import { requestOf, SURVIVALS } from "./request.ts";
import { planText } from "./text.ts";
import { tfvarsText } from "./tfvars.ts";

export const planCommand: Command = {
  name: "plan",
  summary: "Print how many relays an audience needs, and what they send.",
  description: [
    "Counts the relays of each tier and region for a number of viewers, from what a relay was measured to take. It reaches no relay and no cloud. Prices are the operator's: without them it prints GB a month.",
    "Each machine keeps its headroom when one relay of each tier in each region is lost; with --survive region also when the largest region is.",
  ],
  positionals: [],
  options: [
    { name: "viewers", value: "N", description: "Viewers at the peak, such as 100000 or 100k." },
    { name: "bitrate", value: "BITS", description: "Bits a second of one viewer, such as 4M." },
    {
      name: "regions",
      value: "LIST",
      description:
        "A number from 1 to 8, or names with shares and locations: `eu=50,us=30,asia=20`, `fra:eu-central-1=2,ohio:us-east-2` (default 1).",
    },
    {
      name: "cloud",
      value: "NAME",
      choices: CLOUDS,
      description: "`aws`, `google`, `azure`, or `none` for machines of your own (default none).",
    },
    {
      name: "architecture",
      value: "NAME",
      choices: ARCHITECTURES,
      description: "`arm64` or `x86_64` (default arm64).",
    },
    {
      name: "size",
      value: "LIST",
      description:
        "The cloud's machine for all tiers but the root, or by tier: `edge=c7gn.4xlarge,regional=c7g.2xlarge`.",
    },
    { name: "cores", value: "N", description: "Cores of a machine of your own (default 8)." },
    { name: "memory", value: "SIZE", description: "Its memory (default 16GiB)." },
    { name: "network", value: "BITS", description: "What it may send, in bits a second (default 10G)." },
    { name: "core-speed", value: "N", description: "Speed of a core, of that of the measured machine (default 1)." },
    { name: "broadcasts", value: "N", description: "Broadcasts that are live at once (default 1)." },
    { name: "viewers-per-broadcast", value: "N", description: "Viewers of one broadcast, in place of --broadcasts." },
    {
      name: "frames",
      value: "N",
      description: "Frames a second of one viewer, video and audio together (default 80).",
    },
    {
      name: "groups",
      value: "N",
      description:
        "Groups a second of one viewer, all tracks together (default 2). A publisher with a group for each audio frame has 51.",
    },
    { name: "headroom", value: "PERCENT", description: "The part of each machine that stays free (default 30%)." },
    { name: "survive", value: "LOSS", choices: SURVIVALS, description: "`none`, `relay` or `region` (default relay)." },
    { name: "no-regionals", description: "Edges pull from origins." },
    {
      name: "average",
      value: "PERCENT",
      description: "Viewers on average over a month, of those at the peak (default 100%).",
    },
    { name: "price-per-gb", value: "PRICE", description: "What a GB to viewers costs you." },
    { name: "price-between-regions", value: "PRICE", description: "What a GB between regions costs you." },
    { name: "domain", value: "NAME", description: "DNS zone of the mesh, for --tfvars." },
    { name: "name", value: "NAME", description: "Name of the mesh, for --tfvars (default moq)." },
    { name: "tfvars", description: "Print variables of terraform/modules/topology." },
    { name: "json", description: "Print one JSON object." },
  ],
  takesConfig: false,
  codes: PLAN_MEANINGS,
  examples: [
    "plan --viewers 100k --bitrate 4M --regions 3 --cloud aws",
    "plan --viewers 5000 --bitrate 2M --cores 16 --network 10G",
    "plan --viewers 300k --bitrate 4M --regions eu=5,us=3 --survive region",
    "plan --viewers 20k --bitrate 4M --regions 3 --cloud google --tfvars",
  ],
  run: async (invocation, io) => run(invocation, io),
};

function run(invocation: Invocation, io: Io): ExitCode {
  const { switches } = invocation;
  try {
    const plan = planOf(requestOf(invocation));
    if (switches.has("json")) io.out.write(`${JSON.stringify(planJson(plan), null, 2)}\n`);
    else if (switches.has("tfvars")) io.out.write(tfvarsText(plan, commandLine(invocation)));
    else io.out.write(planText(plan, io));
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    if (switches.has("json")) io.out.write(`${JSON.stringify({ ok: false, problems: error.problems }, null, 2)}\n`);
    else {
      for (const { code, message } of error.problems) io.err.write(`moqmesh: ${message} [${code}]\n`);
      io.err.write('See "moqmesh plan --help".\n');
    }
    return EXIT.usage;
  }
}

/** The command again, for the head of a file that it made. */
function commandLine({ values, switches }: Invocation): string {
  const given = [...values].map(([name, value]) => `--${name} ${value}`);
  return ["moqmesh plan", ...given, ...[...switches].map((name) => `--${name}`)].join(" ").replaceAll("\n", " ");
}
