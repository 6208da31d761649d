import { type Json, type JsonObject, objectOf, objectsOf, textOf } from "../api.ts";
import { label } from "../format.ts";
import { card, figures, table } from "../table.ts";
import type { View } from "../view.ts";

const SVG = "http://www.w3.org/2000/svg";
const BOX = { width: 150, height: 44, gapX: 26, gapY: 70 };
/** From where media comes to where it is watched. */
const TIERS = ["root", "origin", "regional", "edge"];
/** Most relays of one tier in the picture; the table has all. */
const MOST = 12;

export const mesh: View = {
  id: "mesh",
  title: "Mesh",
  path: "/cluster",
  show: (answer, host) => {
    const { nodes, broadcasts, upstreams, registry, tiers, roots, ...self } = answer;
    const known = relays(answer);
    host.append(card("Who takes what from whom", picture(known)));
    host.append(
      card("This relay", figures({ ...self, ...prefixed("roots", roots), ...prefixed("registry", registry) })),
    );
    if (nodes !== undefined) host.append(card("Relays", table(objectsOf(nodes), { empty: "No relay is registered." })));
    if (upstreams !== undefined)
      host.append(card("Takes media from", table(objectsOf(upstreams), { empty: "No other relay now." })));
    if (broadcasts !== undefined)
      host.append(card("Broadcasts of the mesh", table(objectsOf(broadcasts), { empty: "None." })));
    if (tiers !== undefined) host.append(card("Asked without a root", figures(objectOf(tiers))));
  },
};

interface Relay {
  readonly node: string;
  readonly role: string;
  readonly note: string;
  readonly self: boolean;
  readonly lost: boolean;
  /** This relay takes media from it. */
  readonly feeds: boolean;
}

/** This relay, the relays that a root knows, and those that it takes media from. */
function relays(answer: JsonObject): Relay[] {
  const own = textOf(answer["node"]);
  const feeding = new Set(objectsOf(answer["upstreams"]).map((one) => textOf(one["node"])));
  const all = new Map<string, Relay>();
  const add = (node: string, role: string, note: string, lost: boolean) =>
    all.set(node, { node, role, note, lost, self: node === own, feeds: feeding.has(node) });
  for (const node of feeding) add(node, "regional", "", false);
  for (const one of objectsOf(answer["nodes"])) {
    const load = one["sessions"] === undefined ? "" : ` · ${textOf(one["sessions"])} sessions`;
    add(textOf(one["node"]), textOf(one["role"]), `${textOf(one["region"])}${load}`, one["present"] === false);
  }
  add(own, textOf(answer["role"]), textOf(answer["region"]), false);
  return [...all.values()];
}

/** Tiers from top to bottom; a line to each relay that this one takes media from. */
function picture(known: readonly Relay[]): SVGElement {
  const rows = TIERS.map((role) => known.filter((one) => one.role === role).slice(0, MOST)).filter(
    (row) => row.length > 0,
  );
  const widest = Math.max(1, ...rows.map((row) => row.length));
  const width = widest * (BOX.width + BOX.gapX);
  const height = rows.length * (BOX.height + BOX.gapY) - BOX.gapY + 12;
  const svg = shape("svg", {
    viewBox: `0 0 ${width} ${height}`,
    class: "mesh",
    role: "img",
    "aria-label": "Relays of the mesh by role",
  });
  svg.style.maxWidth = `${width}px`;
  const places = new Map<string, { x: number; y: number }>();
  for (const [n, row] of rows.entries()) {
    const left = (width - row.length * (BOX.width + BOX.gapX)) / 2 + BOX.gapX / 2;
    for (const [m, { node }] of row.entries())
      places.set(node, { x: left + m * (BOX.width + BOX.gapX), y: 6 + n * (BOX.height + BOX.gapY) });
  }
  const own = known.find(({ self }) => self);
  const to = places.get(own?.node ?? "");
  for (const { node, feeds } of known) {
    const from = places.get(node);
    if (!feeds || from === undefined || to === undefined) continue;
    const [x1, y1, x2, y2] = [from.x + BOX.width / 2, from.y + BOX.height, to.x + BOX.width / 2, to.y];
    svg.append(shape("path", { class: "flow", d: `M${x1} ${y1} C ${x1} ${y1 + 35}, ${x2} ${y2 - 35}, ${x2} ${y2}` }));
  }
  for (const relay of known) {
    const place = places.get(relay.node);
    if (place !== undefined) svg.append(box(relay, place));
  }
  return svg;
}

function box({ node, role, note, self, lost }: Relay, { x, y }: { x: number; y: number }): SVGElement {
  const group = shape("g", { class: `${self ? "self" : ""} ${lost ? "lost" : ""}`.trim() });
  const title = shape("title", {});
  title.textContent = `${node}: ${role}${lost ? ", lost" : ""}`;
  const name = shape("text", { x: String(x + 10), y: String(y + 18) });
  name.textContent = node.length > 20 ? `${node.slice(0, 19)}…` : node;
  const second = shape("text", { x: String(x + 10), y: String(y + 34), class: "small" });
  const text = note === "" ? label(role) : `${label(role)} · ${note}`;
  second.textContent = text.length > 26 ? `${text.slice(0, 25)}…` : text;
  const rect = shape("rect", {
    x: String(x),
    y: String(y),
    width: String(BOX.width),
    height: String(BOX.height),
    rx: "9",
  });
  group.append(title, rect, name, second);
  return group;
}

function shape(tag: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (!(made instanceof SVGElement)) throw new Error(`no SVG element: ${tag}`);
  return made;
}

function prefixed(prefix: string, value: Json | undefined): JsonObject {
  return Object.fromEntries(Object.entries(objectOf(value)).map(([name, one]) => [`${prefix}_${name}`, one]));
}
