import { type Json, type JsonObject, objectOf, objectsOf, textOf } from "../api.ts";
import { bits, count, shown } from "../format.ts";
import { type DrawnRelay, meshPicture } from "../mesh-picture.ts";
import { type Column, card, figures, table } from "../table.ts";
import type { View } from "../view.ts";

/** Pixels beside the picture: the padding of the page and of the card. */
const AROUND = 74;
/** The same on a phone. */
const AROUND_PHONE = 60;
const PHONE = 600;

/** Links as `origin-1 (12 ms)`. */
const links: Column = {
  field: "links",
  title: "Takes media from",
  show: (value) =>
    objectsOf(value)
      .map(({ node, rtt_ms: rtt }) => `${textOf(node)}${rttText(rtt)}`)
      .join(", ") || "–",
};

const RELAYS: readonly Column[] = [
  { field: "node" },
  { field: "role" },
  { field: "region" },
  { field: "present", title: "State", show: (_, row) => stateOf(row) },
  ...["viewers", "sessions", "bits_in", "bits_out", "broadcasts", "groups_dropped"].map((field) => ({ field })),
  links,
  { field: "version" },
  { field: "url", title: "URL" },
];

export const mesh: View = {
  id: "mesh",
  title: "Mesh",
  path: "/cluster",
  show: (answer, host) => {
    const { nodes, regions, broadcasts, upstreams, registry, tiers, roots, ...self } = answer;
    const room = innerWidth - (innerWidth <= PHONE ? AROUND_PHONE : AROUND);
    host.append(card("Who takes media from whom", meshPicture(relaysOf(answer), room)));
    if (regions !== undefined)
      host.append(card("Regions", table(objectsOf(regions), { empty: "No relay is registered." })));
    if (nodes !== undefined)
      host.append(card("Relays", table(objectsOf(nodes), { columns: RELAYS, empty: "No relay is registered." })));
    if (upstreams !== undefined)
      host.append(card("Takes media from", table(objectsOf(upstreams), { empty: "No other relay now." })));
    host.append(
      card("This relay", figures({ ...self, ...prefixed("roots", roots), ...prefixed("registry", registry) })),
    );
    if (broadcasts !== undefined)
      host.append(card("Broadcasts of the mesh", table(objectsOf(broadcasts), { empty: "None." })));
    if (tiers !== undefined) host.append(card("Asked without a root", figures(objectOf(tiers))));
  },
};

/** This relay, the relays that a root knows, and those that it takes media from. */
function relaysOf(answer: JsonObject): DrawnRelay[] {
  const own = textOf(answer["node"]);
  const all = new Map<string, DrawnRelay>();
  const upstreams = linksOf(answer["upstreams"]);
  const region = textOf(answer["region"]);
  // An edge takes media from regionals or origins, and does not say which: they stand in the tier above.
  for (const { node } of upstreams)
    all.set(node, { node, role: "regional", region, note: "", state: "up", self: false, from: [] });
  const self = { node: own, role: textOf(answer["role"]), region, note: "", self: true, from: upstreams };
  all.set(own, { ...self, state: "up" });
  for (const one of objectsOf(answer["nodes"])) {
    const node = textOf(one["node"]);
    const from = node === own ? upstreams : linksOf(one["links"]);
    const where = { node, role: textOf(one["role"]), region: textOf(one["region"]) };
    all.set(node, { ...where, note: noteOf(one), state: stateOf(one), self: node === own, from });
  }
  return [...all.values()];
}

function stateOf(relay: JsonObject): DrawnRelay["state"] {
  if (relay["present"] === false) return "lost";
  return relay["draining"] === true ? "draining" : "up";
}

/** What is most telling: broadcasts at an origin, viewers elsewhere, and what leaves the relay. */
function noteOf({ role, viewers, broadcasts, bits_out: out }: JsonObject): string {
  const [value, what] = role === "origin" ? [broadcasts, "broadcast"] : [viewers, "viewer"];
  const parts: string[] = [];
  if (typeof value === "number" && value > 0) parts.push(`${count(value)} ${what}${value === 1 ? "" : "s"}`);
  if (typeof out === "number" && out > 0) parts.push(bits(out));
  return parts.join(" · ");
}

function linksOf(value: Json | undefined): DrawnRelay["from"] {
  return objectsOf(value).map(({ node, rtt_ms: rtt }) => ({ node: textOf(node), text: rttText(rtt) }));
}

function rttText(rtt: Json | undefined): string {
  return typeof rtt === "number" ? ` (${shown("rtt_ms", rtt)})` : "";
}

function prefixed(prefix: string, value: Json | undefined): JsonObject {
  return Object.fromEntries(Object.entries(objectOf(value)).map(([name, one]) => [`${prefix}_${name}`, one]));
}
