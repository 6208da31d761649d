import type { Pulse } from "../load/messages.ts";
import type { NodeState } from "../node.ts";
import { type NodeSurvey, sample } from "../survey.ts";

/** One relay on the screen. Rates are per second. */
export interface Row {
  readonly name: string;
  readonly state: NodeState;
  /** The relays, or the publisher, that it pulls from. */
  readonly from: readonly string[];
  readonly sessions: number;
  readonly tracks: number;
  readonly subscriptions: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** How often the relays that it pulls from have changed. */
  readonly failovers: number;
  /** Figures of its viewers; absent unless it is an edge. */
  readonly watching?: { readonly viewers: number; readonly gapMs: number };
}

interface Past {
  readonly at: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Where it pulled from at the last change. */
  readonly from: readonly string[];
  readonly failovers: number;
}

/** Turns surveys into rows. Rates and changes are computed from the survey before. */
export class Rows {
  readonly #past = new Map<string, Past>();

  /** `now` in milliseconds; `pulse`: figures of the viewers, by edge. */
  of(surveys: readonly NodeSurvey[], pulse: Pulse | undefined, now: number): Row[] {
    const edges = surveys.filter(({ node }) => node.place.role === "edge");
    return surveys.map((one) => {
      const { node, state, from } = one;
      const bytesIn = sample(one, "received_payload_bytes_total");
      const bytesOut = sample(one, "sent_payload_bytes_total");
      const past = this.#past.get(node.name);
      const sampled = one.samples !== undefined;
      // During a change it may pull from both.
      const same = past === undefined || past.from.length === 0 || past.from.some((name) => from.includes(name));
      const changed = sampled && from.length > 0 && !same;
      const failovers = (past?.failovers ?? 0) + Number(changed);
      const rate = (value: number, before: number | undefined) =>
        past === undefined || before === undefined || value < before || now <= past.at
          ? 0
          : ((value - before) * 1_000) / (now - past.at);
      const row: Row = {
        name: node.name,
        state,
        from,
        sessions: sample(one, "sessions"),
        tracks: sample(one, "tracks"),
        subscriptions: sample(one, "subscriptions"),
        bytesIn: sampled ? rate(bytesIn, past?.bytesIn) : 0,
        bytesOut: sampled ? rate(bytesOut, past?.bytesOut) : 0,
        failovers,
        ...watching(pulse, edges.indexOf(one)),
      };
      this.#past.set(
        node.name,
        sampled || past === undefined
          ? {
              at: now,
              bytesIn,
              bytesOut,
              from: changed || past?.from.length === 0 ? from : (past?.from ?? from),
              failovers,
            }
          : { ...past, failovers },
      );
      return row;
    });
  }
}

function watching(pulse: Pulse | undefined, edge: number): Pick<Row, "watching"> {
  const seen = pulse?.edges[edge];
  return seen === undefined ? {} : { watching: { viewers: seen.viewers, gapMs: seen.gapUs / 1_000 } };
}
