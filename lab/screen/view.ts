import type { Pulse } from "../load/messages.ts";
import type { NodeState } from "../node.ts";
import { type NodeSurvey, sample } from "../survey.ts";

/** One relay on the screen. Rates are per second. */
export interface Row {
  readonly name: string;
  readonly state: NodeState;
  /** Relays, or the publisher, that it takes what it serves from. */
  readonly from: readonly string[];
  readonly sessions: number;
  readonly tracks: number;
  readonly subscriptions: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Times that it has changed where it takes what it serves from. */
  readonly failovers: number;
  /** Of the viewers that watch here; nothing for a relay that is no edge. */
  readonly watching?: { readonly viewers: number; readonly gapMs: number };
}

interface Past {
  readonly at: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** What it took from when it last changed. */
  readonly from: readonly string[];
  readonly failovers: number;
}

/** Turns what relays tell into rows: rates and changes need what was told before. */
export class Rows {
  readonly #past = new Map<string, Past>();

  /** `now` in milliseconds; `pulse`: what viewers tell, edges in their order. */
  of(surveys: readonly NodeSurvey[], pulse: Pulse | undefined, now: number): Row[] {
    const edges = surveys.filter(({ node }) => node.place.role === "edge");
    return surveys.map((one) => {
      const { node, state, from } = one;
      const bytesIn = sample(one, "received_payload_bytes_total");
      const bytesOut = sample(one, "sent_payload_bytes_total");
      const past = this.#past.get(node.name);
      const told = one.samples !== undefined;
      // While it changes it may take from both.
      const same = past === undefined || past.from.length === 0 || past.from.some((name) => from.includes(name));
      const changed = told && from.length > 0 && !same;
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
        bytesIn: told ? rate(bytesIn, past?.bytesIn) : 0,
        bytesOut: told ? rate(bytesOut, past?.bytesOut) : 0,
        failovers,
        ...watching(pulse, edges.indexOf(one)),
      };
      this.#past.set(
        node.name,
        told || past === undefined
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
