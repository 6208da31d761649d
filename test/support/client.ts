/** A client whose broadcasts a test writes and whose subscriptions a test reads, over a link of any engine. */

import { TestClient, type TestViewer } from "../../lab/sim/client.ts";
import { CACHE, LIMITS, SESSION_LIMITS } from "../../lab/sim/settings.ts";
import type { Clock } from "../../moq/clock.ts";
import type { Attach, Link, Trust } from "../../moq/link.ts";
import { Broadcasts } from "../../moq/model/broadcasts.ts";
import { ChannelRegistry, openAccess, type Session, startSession } from "../../moq/session/index.ts";
import { dialRelay } from "../../relay/client/dial.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";
import { until } from "./until.ts";

/** How a session ended. */
export interface SessionEnd {
  readonly code: number;
  readonly message: string;
}

export interface OpenedClient {
  readonly client: TestClient;
  /** Rejects with a defect of the client's own session. */
  readonly ended: Promise<SessionEnd>;
}

export interface ClientOptions {
  readonly clock?: Clock;
  /** Prefix of the announcements that it asks for; none by default. */
  readonly announcePrefix?: string;
  /** Announced by the client as soon as the session opens. */
  readonly broadcasts?: Broadcasts;
}

let nextHop = 1_000_000n;

/** What a client of a test knows, before and after it has a session. */
export function clientBroadcasts(clock: Clock = systemClock): Broadcasts {
  return new Broadcasts({ clock, limits: LIMITS, cache: CACHE });
}

/** Opens a session over the link that `dial` makes. Rejects with the relay's refusal. */
export async function openClient(
  dial: (attach: Attach) => Promise<Link>,
  { clock = systemClock, announcePrefix, broadcasts = clientBroadcasts(clock) }: ClientOptions = {},
): Promise<OpenedClient> {
  const reports: TestClient["reports"] = [];
  const ended = Promise.withResolvers<SessionEnd>();
  let session: Session | undefined;
  const attach = startSession(
    {
      broadcasts,
      clock,
      limits: SESSION_LIMITS,
      channels: new ChannelRegistry(),
      hop: nextHop++,
      access: openAccess(""),
      ...(announcePrefix !== undefined && { announcePrefix }),
      defect: (error) => ended.reject(error),
      closed: (report) => {
        reports.push(report);
        ended.resolve({ code: report.code, message: report.message });
      },
    },
    (started) => {
      session = started;
    },
  );
  const link = await dial(attach);
  if (session === undefined) throw new Error("the link came up without a session");
  return { client: new TestClient(broadcasts, session, link, reports), ended: ended.promise };
}

/**
 * Waits until the relay has accepted the subscription. Groups may overtake the publisher's answer about the track, and of those that
 * come before it a viewer gets only the newest: a test that counts groups, or hits of the cache, waits for this before it sends any.
 */
export async function accepted(viewer: TestViewer): Promise<void> {
  await until(() => viewer.log.some((line) => line.startsWith("info ")), "the relay accepts the subscription");
}

export interface DialOptions {
  readonly trust: Trust;
  readonly protocol: string;
  readonly timeoutMs: number;
}

/** Dials the way the command line does: the scheme of the URL chooses the engine. */
export function dialling(url: URL, { trust, protocol, timeoutMs }: DialOptions): (attach: Attach) => Promise<Link> {
  const deps = { clock: systemClock, warn: () => {} };
  return async (attach) => await dialRelay({ url, trust, protocols: [protocol], timeoutMs, deps, attach });
}
