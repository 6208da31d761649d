import type { Later, Share } from "../model/index.ts";
import type { Reason } from "../reason.ts";

/** What serves a request of the peer. */
export interface Responder {
  /** The peer finished its half. */
  fin(): void;
  /** The peer gave the request up, or the session is over. */
  gone(): void;
  /** Ends the request with a reason for the peer. Absent: the request is over as soon as it is served. */
  refuse?(reason: Reason): void;
}

/** Units of work (see `Scheduler`) of a part of a group that is sent in a later turn. */
const PART_UNITS = 128;

/** Sends the rest of a long group in later turns, as part of the session's share. */
export function laterOf(share: Share): Later {
  return (job) =>
    share.later(() => {
      share.left -= PART_UNITS;
      return job();
    });
}
