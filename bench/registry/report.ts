import { align } from "../report/table.ts";
import type { RegistryOptions } from "./options.ts";
import type { RegistryFigures } from "./registry.ts";

/** The result for a program: one JSON object. */
export function registryJson({ broadcasts, relays, askers, rivals }: RegistryOptions, figures: RegistryFigures) {
  return {
    broadcasts,
    relays,
    askers,
    rivals,
    heap_bytes_per_broadcast: Math.round(figures.heapBytesPerBroadcast),
    rss_bytes_per_broadcast: Math.round(figures.rssBytesPerBroadcast),
    rss_mb: Math.round(figures.rssMb),
    filled_per_second: Math.round(figures.fillPerSecond),
    events: figures.events,
    messages_in_per_second: Math.round(figures.messagesInPerSecond),
    messages_out_per_second: Math.round(figures.messagesOutPerSecond),
    cpu_us_per_event: Math.round(figures.cpuUsPerEvent * 10) / 10,
    messages_to_idle_relays: figures.messagesToIdle,
  };
}

export function registryText(options: RegistryOptions, figures: RegistryFigures): string {
  const rows = Object.entries(registryJson(options, figures)).map(([name, value]) => [
    name.replaceAll("_", " "),
    String(value),
  ]);
  return align(rows).join("\n");
}
