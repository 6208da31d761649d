/** Sentences of the plan: traffic and what it costs, what an operator should know, and what was assumed. */
import { SOURCES } from "./machines.ts";
import { RUN, WIRE } from "./measured.ts";
import type { Plan, Traffic } from "./plan.ts";
import { percentText, rateText, significant } from "./quantity.ts";

/** Entries of a firewall for each viewer: the sessions of this minute, and those of viewers that have changed their address or left. */
const TRACKED_PER_VIEWER = 2;
/** Entries that a Linux machine has without a setting. */
const TRACKED_LEAST = 65_536;

/** Gigabytes of a month, and what they cost where the operator gives a price. */
export function costsOf({ request, traffic }: Plan): string[] {
  const line = (what: string, { peak, monthly }: Traffic, price: number | undefined, who: string) => {
    const cost = price === undefined ? who : `${money(monthly * price)} at ${price} for each GB`;
    return `${what.padEnd(28)} ${rateText(peak).padStart(12)}  ${`${gigabytes(monthly)} GB a month`.padStart(28)}  ${cost}`.trimEnd();
  };
  return [
    line("to viewers", traffic.viewers, request.price, "clouds charge for it: --price-per-gb"),
    line("between regions", traffic.between, request.regionPrice, "clouds charge for it: --price-between-regions"),
    line("between relays, one region", traffic.within, undefined, "charged between zones, in some clouds"),
    line("from publishers", traffic.publishers, undefined, "not charged, in most clouds"),
  ];
}

/** Money of the operator's currency, whole. */
function money(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 100 ? 2 : 0 });
}

function gigabytes(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 100 ? 2 : 0 });
}

export function notesOf(plan: Plan): string[] {
  const { request, tiers, viewersPerEdge } = plan;
  const edges = tiers.filter(({ tier }) => tier === "edge");
  const sessions = Math.max(...edges.map(({ load }) => load.deliveries));
  const tracked = Math.max(TRACKED_LEAST, 2 ** Math.ceil(Math.log2(sessions * TRACKED_PER_VIEWER)));
  const busiest = edges.reduce((most, edge) => (edge.part > most.part ? edge : most), edges[0] ?? tiers[0] ?? NOTHING);
  const notes = [
    `Each viewer is a UDP flow: a firewall that follows connections needs room for ${significant(tracked)} of them on an edge (net.netfilter.nf_conntrack_max), or must not follow the relay's ports (docs/deploy/firewall.md).`,
  ];
  if (request.cloud === "aws") {
    notes.push(
      "AWS: rules that let the whole internet in and everything out are not followed by security groups, so UDP flows do not use up the machine's connection tracking. A machine of less than 32 vCPUs sends 5 Gbit/s to the internet at most.",
    );
  }
  if (request.cloud === "google") {
    notes.push("Google: a machine sends 7 Gbit/s to external addresses at most, without Tier_1 networking.");
  }
  const full = busiest.part > NEARLY_FULL * (1 - request.headroom);
  if (full && busiest.limit === "network") {
    notes.push(
      `The network of ${busiest.machine.size} is the limit of the edges, not their CPU: the other machines of the table may need fewer cores or cost less.`,
    );
  }
  if (full && busiest.limit === "script") {
    notes.push(
      "JavaScript's one thread is the limit of the edges: more cores do not help, more relays or longer groups do.",
    );
  }
  if (request.regions.length === 1 && request.regionals && (edges[0]?.relays ?? 0) <= FEW_EDGES) {
    notes.push("A mesh with few edges in one region needs no regionals: --no-regionals.");
  }
  if (request.viewers <= viewersPerEdge && request.survive !== "none") {
    notes.push("One relay carries all of these viewers; the others are there for the loss of one (--survive none).");
  }
  return notes;
}

/** Part of what may be used, above which the limit of a machine decides on the number of edges. */
const NEARLY_FULL = 0.7;

/** Up to this many edges an origin sends each broadcast to all of them itself. */
const FEW_EDGES = 8;

const NOTHING = { part: 0, limit: "cpu", machine: { size: "" } } as const;

export function assumptionsOf({ request }: Plan): string[] {
  const { frames, groups, headroom, coreSpeed, average, cloud, survive, broadcasts, regionals } = request;
  return [
    `A viewer gets ${significant(frames)} frames and ${significant(groups)} groups a second, over QUIC (--frames, --groups).`,
    `${percentText(headroom)} of each machine stay free${survive === "none" ? "" : ", also after the loss"} (--headroom).`,
    `The engine runs on all cores but one ([server] threads). A core is ${coreSpeed === 1 ? "as fast as" : `${significant(coreSpeed)} times as fast as`} one of the measured machine (--core-speed): ${RUN}.`,
    `Viewers and publishers are spread over regions by their shares, and evenly over the relays of a region. ${broadcasts === 1 ? "" : "Each edge has viewers of as many broadcasts as possible. "}A relay pulls a broadcast once${regionals ? "; one regional of a region pulls it from the origin, and parent regions ([cluster] parent_region), with which less goes between regions, are not counted" : " from the origin"}.`,
    `Packets add ${percentText(WIRE - 1)} to the media. A month has 730 hours${average === 1 ? " at the peak: --average 30% for the mean of your audience" : `, at ${percentText(average)} of the peak`}.`,
    ...(cloud === "none"
      ? []
      : [`Cores, memory and bandwidth of machines are those of ${SOURCES[cloud].join(" and ")}.`]),
  ];
}
