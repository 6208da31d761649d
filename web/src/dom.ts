/** Small helpers for a page without a framework. */
import { printable } from "../../moq/printable.ts";
import type { ConnectionState } from "./relay/connection.ts";

/** The element of the page with this id. @throws Error when the page does not have it, or it is of another kind. */
export function element<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`The page has no ${kind.name} with the id ${id}.`);
  return found;
}

/** Shows a message in an alert, or hides the alert. */
export function showAlert(alert: HTMLElement, message: string | undefined): void {
  const text = message === undefined ? undefined : printable(message);
  // Setting the same text again would make a screen reader repeat it.
  if (text !== undefined && alert.textContent !== text) alert.textContent = text;
  alert.hidden = message === undefined;
}

export type Tone = "good" | "wait" | "bad" | "none";

/** Shows a state as a word with a coloured dot. */
export function showState(target: HTMLElement, state: string, tone: Tone): void {
  const text = printable(state);
  if (target.textContent !== text) target.textContent = text;
  if (tone === "none") delete target.dataset["tone"];
  else target.dataset["tone"] = tone;
}

/** Why there is no connection; undefined while there is one, or when none is wanted. */
export function troubleOf(state: ConnectionState): string | undefined {
  return state.kind === "lost" || state.kind === "refused" ? state.reason : undefined;
}

/** A connection's state in words. */
export function describeConnection(state: ConnectionState): { text: string; tone: Tone } {
  switch (state.kind) {
    case "connecting":
      return { text: "Connecting…", tone: "wait" };
    case "connected":
      return {
        text: `Connected over ${transportName(state.transport)}, ${state.protocol}${state.fallback ? `: ${state.fallback}` : ""}`,
        tone: "good",
      };
    case "lost":
      return { text: `Not connected, next attempt in ${(state.retryInMs / 1000).toFixed(0)} s`, tone: "bad" };
    case "refused":
      return { text: "Refused by the relay", tone: "bad" };
    case "closed":
      return { text: "", tone: "none" };
  }
}

export function transportName(kind: "webtransport" | "websocket"): string {
  return kind === "webtransport" ? "WebTransport" : "WebSocket";
}

/** A figure: its id (for scripts that read the page), name and value. Without a value it shows a dash. */
export type Figure = readonly [id: string, name: string, value: string | undefined];

/** Fills a definition list, reusing its rows. */
export function showFigures(list: HTMLDListElement, figures: readonly Figure[]): void {
  figures.forEach(([id, name, value], i) => {
    const row = list.children[i] ?? list.appendChild(figureRow());
    const [term, detail] = row.children;
    if (!term || !detail) return;
    if (term.textContent !== name) term.textContent = name;
    const text = printable(value ?? "–");
    if (detail.textContent !== text) detail.textContent = text;
    detail.id = id;
  });
  while (list.children.length > figures.length) list.lastElementChild?.remove();
}

function figureRow(): HTMLElement {
  const row = document.createElement("div");
  row.append(document.createElement("dt"), document.createElement("dd"));
  return row;
}

/** `1.94 Mbit/s`, `87 kbit/s`. */
export function bitRate(bitsPerSecond: number | undefined): string | undefined {
  if (bitsPerSecond === undefined) return undefined;
  if (bitsPerSecond >= 1e6) return `${(bitsPerSecond / 1e6).toFixed(2)} Mbit/s`;
  return `${(bitsPerSecond / 1e3).toFixed(0)} kbit/s`;
}

export function milliseconds(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : `${Math.round(ms)} ms`;
}

/** `1024 × 576` */
export function size(width: number | undefined, height: number | undefined): string | undefined {
  return width === undefined || height === undefined ? undefined : `${width} × ${height}`;
}
