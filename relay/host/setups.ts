import { Places } from "../../auth/index.ts";
import type { Clock } from "../../moq/clock.ts";
import type { Counters } from "../../moq/counters.ts";
import type { Attach, LinkInfo } from "../../moq/link.ts";
import { afterSetup, closeCodes, type Refusal } from "../../moq/session/index.ts";
import type { RefusalLog } from "./refusals.ts";

/** Most links that wait for their SETUP, as a number and as a share of all sessions. Clients send SETUP at once. */
const MAX_SETUPS = 1_024;
const SETUPS_SHARE = 1 / 4;

export interface SetupsDeps {
  readonly clock: Clock;
  readonly counters: Counters;
  readonly refusals: RefusalLog;
  readonly maxSessions: number;
}

/** The outcome of one link. */
export interface SetupEvents {
  /** The id of the session that it becomes. */
  readonly id: string;
  /** Milliseconds within which the SETUP must arrive. */
  readonly timeoutMs: number;
  /** The link ended before it was admitted. */
  readonly left: () => void;
  /** Decides on the link. `asked` has the path and the query of its SETUP. */
  readonly decide: (asked: LinkInfo, answer: (outcome: Attach | Refusal) => void) => void;
}

/** Raw QUIC has no request, so its clients wait here for the path in their SETUP: a bounded number, shared fairly between addresses. */
export class Setups {
  readonly #deps: SetupsDeps;
  readonly #places: Places;

  constructor(deps: SetupsDeps) {
    this.#deps = deps;
    this.#places = new Places(setupsOf(deps.maxSessions));
  }

  /** Changes the bound. Links that wait already stay. */
  setMaxSessions(sessions: number): void {
    this.#places.max = setupsOf(sessions);
  }

  hold(info: LinkInfo, { id, timeoutMs, left, decide }: SetupEvents): Attach {
    const { clock } = this.#deps;
    let leave = () => {};
    const refused = (refusal: Refusal) => {
      leave();
      this.#refused(id, info, refusal);
    };
    const attach = afterSetup({
      clock,
      timeoutMs,
      left: () => {
        leave();
        left();
      },
      refused,
      decide: ({ target = "/", tokens = [] }, answer) => {
        leave();
        const mark = target.indexOf("?");
        const path = mark < 0 ? target : target.slice(0, mark);
        decide({ ...info, path, query: mark < 0 ? "" : target.slice(mark + 1), tokens }, answer);
      },
    });
    return (link) => {
      const cut = () => {
        const refusal: Refusal = {
          reason: "limit",
          message: "too many clients are connected that have not sent SETUP",
        };
        this.#refused(id, info, refusal);
        link.close(closeCodes(info.protocol).codeOf(refusal.reason), refusal.message);
      };
      const taken = this.#places.take(info.peer.address, cut);
      if (taken === undefined) cut();
      else leave = taken;
      return attach(link);
    };
  }

  #refused(id: string, info: LinkInfo, { reason, message }: Refusal): void {
    const { counters, refusals } = this.#deps;
    counters.refused(reason);
    refusals.log(id, info, { code: reason, status: closeCodes(info.protocol).codeOf(reason), message });
  }
}

function setupsOf(sessions: number): number {
  return Math.min(MAX_SETUPS, Math.ceil(sessions * SETUPS_SHARE));
}
