import { counter, gauge, metricGroup } from "../../../moq/metrics.ts";

/** What protects a track of a hitless prefix now, or why nothing does. */
export const PROTECTIONS = [
  "protected",
  "starting",
  "no_second_route",
  "second_refused",
  "source_behind",
  "content_differs",
] as const;
export type ProtectionCode = (typeof PROTECTIONS)[number];

/** For people. */
export const PROTECTION_TEXTS: Readonly<Record<ProtectionCode, string>> = {
  protected:
    "two relays send the track; viewers see nothing when one of the two ways fails; a relay on both ways, such as an only origin, has no substitute",
  starting: "the second relay has not sent a group yet",
  no_second_route: "only one relay that can be reached has the broadcast",
  second_refused: "the second relay refused the track or was lost; it is asked again soon",
  source_behind:
    "one of the two relays is more than a second behind the other one; if the other one fails, viewers wait for that long",
  content_differs: "the second relay sends other content under the same epoch; the content of the first one counts",
};

export const HITLESS_METRICS = metricGroup("Hitless paths", {
  tracks: gauge(
    "mesh_hitless_tracks",
    "Tracks under the prefixes of `[cluster] hitless` that are taken from other relays, by state.",
    {
      state: PROTECTIONS,
    },
  ),
  duplicateBytes: counter(
    "mesh_hitless_duplicate_bytes_total",
    "Bytes of payload that came a second time, from the second relay of a track, and were dropped: the cost of hitless paths.",
  ),
  carried: counter(
    "mesh_hitless_carried_total",
    "Times that one of the two relays of a track was lost and the other one continued without a gap.",
  ),
  differences: counter(
    "mesh_hitless_differences_total",
    "Groups of which the two relays of a track sent different content under one epoch.",
  ),
});

/** Totals since the start. */
export interface HitlessCounters {
  duplicateBytes: number;
  carried: number;
  differences: number;
}
