/** The picture of a mesh: regions with their relays by role, and a line for each link by which a relay takes media from another. */
import { printable } from "../../../moq/printable.ts";
import { label } from "./format.ts";

const SVG = "http://www.w3.org/2000/svg";

/** From where media comes to where it is watched. */
const TIERS = ["root", "origin", "regional", "edge"];

/** Sizes in pixels: two boxes abreast fit on a phone. */
const BOX = { width: 146, height: 58, pad: 8 };
const GAP = { x: 14, y: 44, line: 10 };
const PAD = { x: 10, top: 32, bottom: 12 };
const BETWEEN = 24;

/** Most relays of one role in one region; the table has all. */
const MOST = 12;
/** Most relays beside each other in one region. */
const ABREAST = 4;

/** A relay in the picture. */
export interface DrawnRelay {
  readonly node: string;
  /** Empty where it is not known. */
  readonly role: string;
  readonly region: string;
  /** The second line of its box. */
  readonly note: string;
  readonly state: "up" | "draining" | "lost";
  /** The relay that serves the page. */
  readonly self: boolean;
  /** Relays that it takes media from, and a text for each link. */
  readonly from: readonly { readonly node: string; readonly text: string }[];
}

interface Place {
  readonly x: number;
  readonly y: number;
}

/** A region before it has a place. */
interface Region {
  readonly name: string;
  readonly width: number;
  /** Boxes abreast. */
  readonly columns: number;
  /** By role, each as rows of boxes. */
  readonly tiers: readonly (readonly (readonly DrawnRelay[])[])[];
  /** Relays for which there is no room. */
  readonly left: number;
}

interface PlacedRegion extends Place {
  readonly region: Region;
  readonly height: number;
}

/** Draws `relays` in a picture that is as wide as it has to be, at most `room` pixels unless one box is wider. */
export function meshPicture(relays: readonly DrawnRelay[], room: number): SVGElement {
  const regions = [...Map.groupBy(relays, ({ region }) => region)]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, members]) => regionOf(name, members, room));
  const places = new Map<string, Place>();
  const placed = place(lines(regions, room), places);
  const width = Math.max(1, ...placed.map(({ x, region }) => x + region.width));
  const height = Math.max(1, ...placed.map(({ y, height: own }) => y + own));
  const svg = shape("svg", {
    viewBox: `-1 -1 ${width + 2} ${height + 2}`,
    class: "mesh",
    role: "img",
    "aria-label": "Relays of the mesh by region and role, and who takes media from whom",
  });
  svg.style.maxWidth = `${width + 2}px`;
  for (const one of placed) svg.append(frame(one));
  // Lines come before boxes, so that they pass behind them.
  for (const { node, from } of relays) {
    for (const one of from) {
      const [source, target] = [places.get(one.node), places.get(node)];
      if (source !== undefined && target !== undefined)
        svg.append(line(source, target, `${node} takes media from ${one.node}${one.text}`));
    }
  }
  for (const relay of relays) {
    const at = places.get(relay.node);
    if (at !== undefined) svg.append(box(relay, at));
  }
  return svg;
}

function regionOf(name: string, members: readonly DrawnRelay[], room: number): Region {
  const fit = Math.floor((room - 2 * PAD.x + GAP.x) / (BOX.width + GAP.x));
  const all = TIERS.map((role) => members.filter((one) => one.role === role));
  const widest = Math.max(1, ...all.map((tier) => tier.length));
  const columns = Math.max(1, Math.min(ABREAST, fit, widest));
  const tiers = all.map((tier) => rowsOf(tier.slice(0, MOST), columns));
  const left = all.reduce((sum, tier) => sum + Math.max(0, tier.length - MOST), 0);
  return { name, columns, tiers, left, width: columns * (BOX.width + GAP.x) - GAP.x + 2 * PAD.x };
}

function rowsOf(tier: readonly DrawnRelay[], columns: number): DrawnRelay[][] {
  return Array.from({ length: Math.ceil(tier.length / columns) }, (_, n) => tier.slice(n * columns, (n + 1) * columns));
}

/** Regions beside each other, as many as there is room for, then the next line. */
function lines(regions: readonly Region[], room: number): Region[][] {
  const made: Region[][] = [];
  let used = Number.POSITIVE_INFINITY;
  for (const region of regions) {
    if (used + region.width > room) {
      made.push([]);
      used = 0;
    }
    made.at(-1)?.push(region);
    used += region.width + BETWEEN;
  }
  return made;
}

/** Places regions, and their relays in `places`. Relays of one role stand at one height in all regions of a line. */
function place(all: readonly (readonly Region[])[], places: Map<string, Place>): PlacedRegion[] {
  const placed: PlacedRegion[] = [];
  let top = 0;
  for (const regions of all) {
    let y = top + PAD.top;
    const tops = TIERS.map((_, tier) => {
      const at = y;
      const rows = Math.max(0, ...regions.map(({ tiers }) => tiers[tier]?.length ?? 0));
      if (rows > 0) y += rows * (BOX.height + GAP.line) - GAP.line + GAP.y;
      return at;
    });
    const height = y - GAP.y + PAD.bottom - top;
    let x = 0;
    for (const region of regions) {
      placed.push({ region, x, y: top, height });
      for (const [tier, rows] of region.tiers.entries()) {
        for (const [n, row] of rows.entries()) {
          const indent = ((region.columns - row.length) * (BOX.width + GAP.x)) / 2;
          for (const [m, { node }] of row.entries())
            places.set(node, {
              x: x + PAD.x + indent + m * (BOX.width + GAP.x),
              y: (tops[tier] ?? 0) + n * (BOX.height + GAP.line),
            });
        }
      }
      x += region.width + BETWEEN;
    }
    top += height + BETWEEN;
  }
  return placed;
}

function frame({ region: { name, width, left }, x, y, height }: PlacedRegion): SVGElement {
  const group = shape("g", { class: "region" });
  const rect = shape("rect", { x: `${x}`, y: `${y}`, width: `${width}`, height: `${height}`, rx: "12" });
  const title = shape("text", { x: `${x + PAD.x}`, y: `${y + 20}` });
  const more = left > 0 ? ` · ${left} more in the table` : "";
  title.textContent = `${name === "" ? "no region" : cut(printable(name), width - 2 * PAD.x, 7)}${more}`;
  group.append(rect, title);
  return group;
}

/** From the bottom of the source to the top of the target. One that would pass behind the box between them bends to the side. */
function line(from: Place, to: Place, text: string): SVGElement {
  const [x1, y1] = [from.x + BOX.width / 2, from.y + BOX.height];
  const [x2, y2] = [to.x + BOX.width / 2, to.y];
  const down = y2 - y1;
  const reach = Math.max(28, Math.abs(down) / 2);
  const straight = Math.abs(x1 - x2) < BOX.width / 2;
  const side = straight && (down > GAP.y + GAP.line || down < 0) ? BOX.width / 2 + 30 : 0;
  const made = shape("path", {
    class: "flow",
    d: `M${x1} ${y1} C ${x1 + side} ${y1 + reach}, ${x2 + side} ${y2 - reach}, ${x2} ${y2}`,
  });
  const title = shape("title", {});
  title.textContent = printable(text);
  made.append(title);
  return made;
}

function box({ node, role, note, state, self }: DrawnRelay, { x, y }: Place): SVGElement {
  const group = shape("g", { class: `${self ? "self" : ""} ${state}`.trim() });
  const what = [label(role), state === "up" ? "" : state].filter((one) => one !== "").join(" · ");
  const title = shape("title", {});
  title.textContent = printable([`${node}: ${what}`, note].filter((one) => one !== "").join(" · "));
  const rect = shape("rect", { x: `${x}`, y: `${y}`, width: `${BOX.width}`, height: `${BOX.height}`, rx: "9" });
  group.append(title, rect);
  for (const [n, text] of [node, what, note].entries()) {
    const written = shape("text", { x: `${x + BOX.pad}`, y: `${y + 18 + n * 16}`, class: n === 0 ? "" : "small" });
    written.textContent = cut(printable(text), BOX.width - 2 * BOX.pad, n === 0 ? 7 : 5.4);
    group.append(written);
  }
  return group;
}

/** `text` within `room` pixels, at about `each` pixels a character. */
function cut(text: string, room: number, each: number): string {
  const most = Math.floor(room / each);
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function shape(tag: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (!(made instanceof SVGElement)) throw new Error(`no SVG element: ${tag}`);
  return made;
}
