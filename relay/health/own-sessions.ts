import { randomBytes } from "node:crypto";
import type { Clock } from "../../moq/clock.ts";
import { Counters } from "../../moq/counters.ts";
import type { Attach, LinkInfo } from "../../moq/link.ts";
import { Broadcasts } from "../../moq/model/index.ts";
import { type ChannelRegistry, openAccess, startSession } from "../../moq/session/index.ts";
import { MODEL_LIMITS, SESSION_LIMITS } from "../client/index.ts";

/** Bytes of a ticket: too many to guess while it is valid. */
const TICKET_BYTES = 32;

/** Permission for one session of the relay with itself. */
export interface Ticket {
  /** For the query of the session's URL. */
  readonly query: string;
  /** Ends the permission where the session never came. */
  void(): void;
}

export interface OwnSessionsDeps {
  readonly clock: Clock;
  readonly channels: ChannelRegistry;
  /** This relay's id in the hops of announcements. */
  readonly hop: bigint;
  readonly defect: (error: unknown) => void;
}

/**
 * The relay's end of its sessions with itself. A session is admitted by a random ticket that is valid once, for the time of one probe, so no
 * token and no bound on clients stands in its way. It sees a table without broadcasts: it can read and publish nothing of the relay, and is
 * neither logged nor counted as a session.
 */
export class OwnSessions {
  readonly #deps: OwnSessionsDeps;
  readonly #broadcasts: Broadcasts;
  readonly #tickets = new Set<string>();

  constructor(deps: OwnSessionsDeps) {
    this.#deps = deps;
    const cache = { bytes: 0, policy: "oldest", maxAgeMs: 0 } as const;
    this.#broadcasts = new Broadcasts({ clock: deps.clock, limits: MODEL_LIMITS, cache, counters: new Counters() });
  }

  issue(): Ticket {
    const ticket = randomBytes(TICKET_BYTES).toString("base64url");
    this.#tickets.add(ticket);
    return { query: `jwt=${ticket}`, void: () => this.#tickets.delete(ticket) };
  }

  /** Takes a request that shows a valid ticket, which is used up then; undefined for any other request. */
  take({ query }: Pick<LinkInfo, "query">): Attach | undefined {
    if (this.#tickets.size === 0) return undefined;
    const ticket = new URLSearchParams(query).get("jwt");
    if (ticket === null || !this.#tickets.delete(ticket)) return undefined;
    const { clock, channels, hop, defect } = this.#deps;
    return startSession(
      {
        broadcasts: this.#broadcasts,
        clock,
        limits: SESSION_LIMITS,
        channels,
        hop,
        access: { ...openAccess(""), mayPublish: () => false },
        defect,
        closed: () => {},
      },
      () => {},
    );
  }
}
