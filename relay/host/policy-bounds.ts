import type { Clock } from "../../moq/clock.ts";
import type { Broadcasts, RefusedTrack } from "../../moq/model/index.ts";
import type { SessionOpened } from "../log/index.ts";
import type { Admission } from "./gate.ts";
import { PolicyRates } from "./policy-rates.ts";
import { scopeOf } from "./policy-scope.ts";
import { Meter, POLICY_BOUNDS, policyMessage } from "./quota.ts";
import { type RefusalLog, type Refused, tooMuch } from "./refusals.ts";

/** What the policies by prefix bound of clients' sessions. */
export class PolicyBounds {
  readonly #broadcasts: Broadcasts;
  readonly #refusals: RefusalLog;
  readonly #rates: PolicyRates;

  constructor(broadcasts: Broadcasts, refusals: RefusalLog, clock: Clock) {
    this.#broadcasts = broadcasts;
    this.#refusals = refusals;
    this.#rates = new PolicyRates(broadcasts.policies.table, () => clock.now());
  }

  /** The broadcasts have other policies. */
  reconfigure(): void {
    this.#rates.reconfigure(this.#broadcasts.policies.table);
  }

  /** Counts a client's session for the policy of what it may use, until its admission is released. */
  count(admission: Admission): Admission | Refused {
    if (admission.cluster) return admission;
    const { policies, counters } = this.#broadcasts;
    const place = policies.take("sessions", { path: scopeOf(admission) });
    if (typeof place !== "function") {
      counters.boundsHit.policy_sessions++;
      return tooMuch(POLICY_BOUNDS.sessions, policyMessage(place));
    }
    const release = () => {
      place();
      admission.release();
    };
    return { ...admission, release };
  }

  /** Counts what the session uses. Nothing for a relay of the mesh: the relays of its publisher and its viewers count that. */
  meter(admission: Admission, opened: SessionOpened): Meter | undefined {
    const { seat, cluster } = admission;
    if (seat === undefined || cluster) return undefined;
    return new Meter({
      seat,
      policies: this.#broadcasts.policies,
      rates: this.#rates,
      scope: scopeOf(admission),
      refused: (code, message, path) => this.#refusals.note({ ...opened, path }, tooMuch(code, message)),
    });
  }

  /** A policy refused a track to a peer. */
  refusedTrack({ refusal, path, track, asker }: RefusedTrack): void {
    if (asker?.who === undefined) return;
    const message = `${policyMessage(refusal)}; track "${track}"`;
    this.#refusals.note({ ...asker.who, path }, tooMuch(POLICY_BOUNDS[refusal.bound], message));
  }
}
