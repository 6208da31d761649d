/** What a soak prints. */
import type { SoakCounts } from "./load/messages.ts";
import type { Leftover } from "./tables.ts";
import type { MemoryWatch, Slope } from "./watch.ts";
import { grew } from "./watch.ts";

/** What one relay showed over the whole run. */
export interface RelayOutcome {
  readonly name: string;
  readonly slopes: readonly Slope[];
  /** How long memory was followed after the warm-up. */
  readonly hours: number;
  /** Tables that stayed above their beginning after all clients had left. */
  readonly leftovers: readonly Leftover[];
}

/** One line about the load. */
export function loadLine(minutes: number, counts: SoakCounts): string {
  const { quic, websocket, refused, failed, open, frames, fetched } = counts;
  return (
    `${minutes.toFixed(0).padStart(4)} min  ${quic + websocket} sessions so far (${websocket} over WebSockets), ${open} open, ` +
    `${refused} wrong tokens refused, ${failed} dials failed, ${frames} frames, ${fetched} fetches`
  );
}

/** One line about a relay; `busy` is its share of a core. */
export function relayLine({ relay, memory, samples }: MemoryWatch, busy: number): string {
  const sample = (name: string) => samples.get(`moqmesh_${name}`) ?? 0;
  const used = sample("nodejs_heap_size_used_bytes") / 1_000_000;
  const kinds = `RSS ${memory.rss.toFixed(1)}, heap ${used.toFixed(1)} of ${memory.heap.toFixed(1)}, external ${memory.external.toFixed(1)}, native ${memory.native.toFixed(1)} MB`;
  return (
    `          ${relay.name}: ${kinds}; ${sample("process_open_fds")} descriptors, ${sample("nodejs_active_handles")} handles, ` +
    `${sample("sessions")} sessions, ${sample("tracks")} tracks, ${(busy * 100).toFixed(0)} % of a core`
  );
}

/** What is wrong; empty when the relay neither grew nor kept anything. */
export function faultsOf({ name, slopes, hours, leftovers }: RelayOutcome): string[] {
  const rss = slopes.find(({ kind }) => kind === "rss");
  const grown = rss !== undefined && grew(rss, hours) ? [`${name}: resident memory grows: ${slopeText(rss)}`] : [];
  const kept = leftovers.map(
    ({ table, before, now }) => `${name}: ${table} is ${now}, and was ${before} before the first client`,
  );
  return [...grown, ...kept];
}

export function outcomeLines({ name, slopes, hours, leftovers }: RelayOutcome): string[] {
  const judged = `over ${(hours * 60).toFixed(1)} minutes after the warm-up, with 95 % confidence`;
  return [
    `${name}: slopes ${judged}: ${slopes.map(slopeText).join("; ")}`,
    `${name}: ${leftovers.length === 0 ? "all tables are as before the first client" : "some tables are not as before the first client"}`,
  ];
}

function slopeText({ kind, perHour, error }: Slope): string {
  const name = kind === "rss" ? "RSS" : kind;
  if (!Number.isFinite(error)) return `${name} unknown`;
  return `${name} ${perHour >= 0 ? "+" : ""}${perHour.toFixed(2)} ± ${error.toFixed(2)} MB an hour`;
}
