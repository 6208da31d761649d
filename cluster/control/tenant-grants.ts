import type { Clock } from "../../moq/clock.ts";
import type { Session } from "../../moq/session/index.ts";
import { parseControlPath, TENANTS } from "../control-paths.ts";
import { LeasedAnswer } from "../leased-answer.ts";
import type { TenantGrant } from "../tenants/index.ts";

export interface GrantEvents {
  granted(grant: TenantGrant): void;
  /** Whether the root that is asked divides the limits of tenants; a root of an earlier version does not. */
  answers(granting: boolean): void;
}

export interface TenantGrantsDeps {
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly events: GrantEvents;
}

/** What one announcement of a root says. `grant` is absent where it says that the root divides; `known`: it is understood. */
interface Statement {
  readonly known: boolean;
  readonly grant: TenantGrant | undefined;
}

/** What the root that is asked lets this relay use of tenants' limits. A grant stays in force when its root is lost. */
export class TenantGrants {
  readonly #answer: LeasedAnswer<Statement>;
  /** The root has said that it divides. */
  #divides = false;

  constructor({ clock, leaseMs, events }: TenantGrantsDeps) {
    this.#answer = new LeasedAnswer<Statement>({
      clock,
      leaseMs,
      prefix: TENANTS,
      read: (path) => {
        const parsed = parseControlPath(path);
        return parsed?.kind === "tenant_grant"
          ? { known: true, grant: parsed.grant }
          : { known: false, grant: undefined };
      },
      events: {
        announced: (_path, { known, grant }) => {
          if (!known) return;
          if (!this.#divides) events.answers(true);
          this.#divides = true;
          if (grant !== undefined) events.granted(grant);
        },
        withdrawn: () => {},
        expired: () => {},
        complete: () => {
          if (!this.#divides) events.answers(false);
        },
      },
    });
  }

  /** Asks a root over a session, in place of an earlier one. */
  follow(session: Pick<Session, "follow">): void {
    this.#divides = false;
    this.#answer.follow(session);
  }

  /** The session with the root is lost. */
  detach(): void {
    this.#answer.detach();
  }

  close(): void {
    this.#answer.close();
  }
}
