import { counter, gauge, metricGroup, type Readings } from "../metrics.ts";
import { OTHER, type Series } from "../series.ts";

/** What viewers use of a broadcast. Bytes are payload, counted when a group ends. */
export interface Figures {
  viewers: number;
  receivedBytes: number;
  sentBytes: number;
}

export const noFigures = (): Figures => ({ viewers: 0, receivedBytes: 0, sentBytes: 0 });

const LABEL = {
  broadcast: `The path. Beyond \`[http] metric_series\` broadcasts, all further ones are \`${OTHER}\`.`,
};

export const BROADCAST_METRICS = metricGroup("By broadcast", {
  viewers: gauge("broadcast_subscriptions", "Subscriptions of viewers now, by broadcast.", LABEL),
  received: counter(
    "broadcast_received_payload_bytes_total",
    "Bytes of payload received from the publisher, counted when a group ends, by broadcast.",
    LABEL,
  ),
  sent: counter(
    "broadcast_sent_payload_bytes_total",
    "Bytes of payload sent to viewers, counted when a group ends, by broadcast.",
    LABEL,
  ),
});

/** What the metrics show of `series`. */
export function broadcastReadings(series: Series<Figures>): Readings<keyof typeof BROADCAST_METRICS.metrics> {
  const entries = [...series.entries()];
  const by = (key: keyof Figures) => Object.fromEntries(entries.map(([path, figures]) => [path, figures[key]]));
  return { viewers: by("viewers"), received: by("receivedBytes"), sent: by("sentBytes") };
}

/** The figures of one broadcast, since it is known here. */
export class Usage implements Readonly<Figures> {
  viewers = 0;
  receivedBytes = 0;
  sentBytes = 0;
  #shown: Figures | undefined;

  watch(change: 1 | -1): void {
    this.viewers += change;
    if (this.#shown !== undefined) this.#shown.viewers += change;
  }

  received(bytes: number): void {
    this.receivedBytes += bytes;
    if (this.#shown !== undefined) this.#shown.receivedBytes += bytes;
  }

  sent(bytes: number): void {
    this.sentBytes += bytes;
    if (this.#shown !== undefined) this.#shown.sentBytes += bytes;
  }

  /** Counts into `shown` as well, from now on; nothing: no longer. Returns where it was counted before. */
  show(shown: Figures | undefined): Figures | undefined {
    const before = this.#shown;
    if (before !== undefined) before.viewers -= this.viewers;
    if (shown !== undefined) shown.viewers += this.viewers;
    this.#shown = shown;
    return before;
  }
}
