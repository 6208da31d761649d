/** The plan for people. */

import type { Io } from "../io.ts";
import { styles, wrap } from "../io.ts";
import { type CellColumn, fittedTable } from "../table.ts";
import { alternativesOf } from "./alternatives.ts";
import { assumptionsOf, costsOf, notesOf } from "./notes.ts";
import type { Plan, PlannedTier } from "./plan.ts";
import { memoryText, percentText, rateText, significant } from "./quantity.ts";

const LIMITS: Readonly<Record<PlannedTier["limit"], string>> = {
  cpu: "CPU",
  script: "JavaScript's thread",
  memory: "memory",
  network: "network",
};

export function planText(plan: Plan, io: Io): string {
  const { bold, dim } = styles(io.out, io.env);
  const width = io.out.columns;
  const list = (items: readonly string[]) =>
    items.flatMap((item) => wrap(item, width - 2).map((line, index) => `${index === 0 ? "- " : "  "}${line}`));
  const section = (title: string, lines: readonly string[]) => (lines.length === 0 ? [] : ["", bold(title), ...lines]);
  return [
    ...wrap(headline(plan), width),
    "",
    ...table(plan, io.out.isTTY ? width : undefined),
    "",
    ...wrap(totals(plan), width),
    ...section("Traffic", costsOf(plan)),
    ...section("Edges on other machines", otherMachines(plan)),
    ...section("What to know", list(notesOf(plan))),
    ...section("Assumed", list(assumptionsOf(plan))),
    "",
    ...wrap(
      "--tfvars prints this as variables of terraform/modules/topology, --json all figures. docs/deploy/sizing.md has where they come from.",
      width,
    ).map(dim),
    "",
  ].join("\n");
}

function headline({ request }: Plan): string {
  const { viewers, bitrate, broadcasts, regions, survive } = request;
  const losses = {
    none: "without spare relays",
    relay: "which the loss of one relay of each tier in each region does not touch",
    region: "which the loss of a whole region does not touch",
  };
  const count = (number: number, what: string) => `${significantWhole(number)} ${what}${number === 1 ? "" : "s"}`;
  return `${count(viewers, "viewer")} of ${count(broadcasts, "broadcast")} at ${rateText(bitrate)} in ${count(regions.length, "region")}, ${losses[survive]}:`;
}

function significantWhole(value: number): string {
  return value.toLocaleString("en-US");
}

function totals({ relays, cores, memoryBytes, viewersPerEdge }: Plan): string {
  return `${significantWhole(relays)} relays, ${significantWhole(cores)} cores, ${memoryText(memoryBytes)} of memory. An edge carries ${significantWhole(viewersPerEdge)} viewers.`;
}

function otherMachines(plan: Plan): readonly string[] {
  const others = alternativesOf(plan);
  if (others.length === 0) return [];
  const column = (title: string, right: boolean, cells: readonly string[]): CellColumn => ({
    title,
    right,
    whole: true,
    cells,
  });
  const columns = [
    column(
      "MACHINE",
      false,
      others.map(({ machine }) => machine.size),
    ),
    column(
      "EDGES",
      true,
      others.map(({ edges }) => significantWhole(edges)),
    ),
    column(
      "VIEWERS EACH",
      true,
      others.map(({ viewersPerEdge }) => significantWhole(viewersPerEdge)),
    ),
    column(
      "CORES",
      true,
      others.map(({ machine, edges }) => significantWhole(machine.cores * edges)),
    ),
  ];
  return fittedTable(columns, [], undefined).lines;
}

function table({ tiers }: Plan, columns: number | undefined): readonly string[] {
  const column = (title: string, right: boolean, cell: (tier: PlannedTier) => string): CellColumn => ({
    title,
    right,
    whole: true,
    cells: tiers.map(cell),
  });
  const main = [
    column("REGION", false, ({ region }) => region),
    column("TIER", false, ({ tier }) => tier),
    column("RELAYS", true, ({ relays }) => String(relays)),
    column("MACHINE", false, ({ machine }) => machine.size),
    column("SENDS", true, ({ egress }) => (egress === 0 ? "-" : rateText(egress))),
    column("BUSY", true, ({ part }) => percentText(part)),
    column("LIMIT", false, ({ limit }) => LIMITS[limit]),
  ];
  const extra = [
    column("SPARE", true, ({ spare }) => String(spare)),
    column("CORES", true, ({ machine, relays }) => String(machine.cores * relays)),
    column("MEMORY", true, ({ machine, relays }) => memoryText(machine.memoryBytes * relays)),
    column("EACH SENDS", true, ({ load }) => (load.deliveries === 0 ? "-" : significant(load.deliveries))),
    column("EACH TAKES", true, ({ load }) => significant(load.broadcasts)),
  ];
  return fittedTable(main, extra, columns).lines;
}
