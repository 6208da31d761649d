import { type Json, type JsonObject, objectOf, objectsOf } from "../api.ts";
import { bits, bytes, count } from "../format.ts";
import { LivePlot } from "../plot.ts";
import { card, figures, table, text } from "../table.ts";
import type { View } from "../view.ts";

const traffic = new LivePlot(
  [
    { name: "In", color: "--good" },
    { name: "Out", color: "--accent" },
  ],
  bits,
  10_000,
);
const sessions = new LivePlot([{ name: "Sessions", color: "--accent" }], count, 4);
const memory = new LivePlot(
  [
    { name: "Memory", color: "--wait" },
    { name: "Cache", color: "--accent" },
  ],
  bytes,
  1_000_000,
);
const PLOTS = [
  { title: "Payload", plot: traffic },
  { title: "Sessions", plot: sessions },
  { title: "Memory", plot: memory },
];

let last: { at: number; received: number; sent: number } | undefined;

/** Notes the status in the plots, whatever view is open. */
export function note(status: JsonObject): void {
  const totals = objectOf(status["traffic"]);
  const now = { at: performance.now(), received: numberOf(totals["bytes_in"]), sent: numberOf(totals["bytes_out"]) };
  const seconds = last === undefined ? 0 : (now.at - last.at) / 1000;
  const rate = (from: number | undefined, to: number) =>
    from === undefined || seconds <= 0 ? undefined : Math.max(0, ((to - from) * 8) / seconds);
  traffic.add([rate(last?.received, now.received), rate(last?.sent, now.sent)]);
  sessions.add([numberOf(objectOf(status["sessions"])["active"])]);
  memory.add([numberOf(status["memory_bytes"]), numberOf(objectOf(status["cache"])["bytes"])]);
  last = now;
}

function numberOf(value: Json | undefined): number {
  return typeof value === "number" ? value : 0;
}

let shownIn: HTMLElement | undefined;

export const overview: View = {
  id: "overview",
  title: "Overview",
  path: "/status",
  controls: () => {
    const grid = text("div", "", "grid");
    for (const { title, plot } of PLOTS) {
      const host = document.createElement("div");
      grid.append(card(title, host));
      // The host has a width once it is in the page.
      requestAnimationFrame(() => plot.draw(host));
    }
    shownIn = grid;
    return grid;
  },
  show: (status, host) => {
    const { sessions: open, cache, certificate, traffic: totals, bounds_hit: bounds, ...relay } = status;
    const { by, ...counts } = objectOf(open);
    const grid = text("div", "", "grid");
    grid.append(
      card("Relay", figures(relay)),
      card("Traffic", figures({ ...objectOf(totals) })),
      card("Sessions", figures(counts), table(objectsOf(by), { empty: "No session is open." })),
      card("Cache", figures(renamed(objectOf(cache)))),
      card("Certificate", figures(objectOf(certificate))),
      card(
        "Bounds that were reached",
        figures(objectOf(bounds)),
        ...(bounds === undefined || Object.keys(objectOf(bounds)).length === 0 ? [text("p", "None.", "quiet")] : []),
      ),
    );
    host.append(grid);
  },
};

/** The plots take the colours of the theme when they are drawn. */
export function redraw(): void {
  if (shownIn?.isConnected !== true) return;
  for (const [n, { plot }] of PLOTS.entries()) {
    const host = shownIn.children[n]?.querySelector("div");
    if (!(host instanceof HTMLElement)) continue;
    host.replaceChildren();
    plot.draw(host);
  }
}

function renamed({ bytes: used, budget, groups }: JsonObject): JsonObject {
  return { used_bytes: used ?? 0, budget_bytes: budget ?? 0, groups: groups ?? 0 };
}
