import type { Histogram } from "../load/histogram.ts";
import type { TrackReport } from "../load/messages.ts";
import type { PathReport } from "./path-process.ts";

/** What viewers behind a bad network get. */
export interface NetworkFigures {
  /** Frames that arrived more than half a second after they were sent. */
  readonly framesLate: number;
  /** Payload that arrived within the window, in percent of what could: what was sent, or what the path could carry where that is less. */
  readonly deliveredPercent: number;
  /** After an outage, for the viewer that has the largest; absent where a viewer got nothing. Milliseconds. */
  readonly recoveryMs: Recovery | undefined;
  /** Packets to viewers that the path lost, in percent. */
  readonly packetsLostPercent: number;
}

export interface Recovery {
  /** From the end of the outage to the first frame. */
  readonly first: number;
  /** Age of that frame. */
  readonly firstAge: number;
  /** From the end of the outage to the first frame that was sent after it. */
  readonly live: number;
}

/** Microseconds after which a frame is late. */
const LATE_US = 500_000;

/** What viewers received through a path. */
export interface Received {
  /** Of all tracks. */
  readonly reports: readonly TrackReport[];
  /** Of all tracks together. */
  readonly latency: Histogram;
  /** Bytes of payload that all viewers together could receive within the window. */
  readonly possibleBytes: number;
  /** Whether the path had an outage. */
  readonly outage: boolean;
  /** Packets towards the viewers; absent where the path is elsewhere. */
  readonly packets: PathReport["down"] | undefined;
}

export function networkFigures({ reports, latency, possibleBytes, outage, packets }: Received): NetworkFigures {
  const arrived = reports.reduce((sum, { arrivedBytes }) => sum + arrivedBytes, 0);
  const recoveries = reports.flatMap((track) => track.recoveries);
  const worst = (pick: (one: (typeof recoveries)[number]) => number) =>
    recoveries.reduce((most, one) => Math.max(most, pick(one)), 0) / 1_000;
  const flows = reports.reduce((sum, { received }) => sum + received.length, 0);
  const back = recoveries.length === flows && recoveries.every(({ liveUs }) => liveUs !== undefined);
  const sent = packets === undefined ? 0 : packets.passed + packets.lost + packets.dropped + packets.dark;
  return {
    framesLate: latency.above(LATE_US),
    deliveredPercent: possibleBytes === 0 ? 0 : (100 * arrived) / possibleBytes,
    recoveryMs:
      back && outage
        ? {
            first: worst((one) => one.firstUs),
            firstAge: worst((one) => one.firstAgeUs),
            live: worst((one) => one.liveUs ?? 0),
          }
        : undefined,
    packetsLostPercent: packets === undefined || sent === 0 ? 0 : (100 * (sent - packets.passed)) / sent,
  };
}
