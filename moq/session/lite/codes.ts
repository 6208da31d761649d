import type { Reason } from "../../reason.ts";
import type { Capabilities } from "../../wire/lite/index.ts";
import type { ReasonCodes } from "../context.ts";
import type { CloseCodes } from "../family.ts";

type Codes = Readonly<Record<Reason, number>>;

/** Codes from 64 on are for applications. These are ours, in every version. */
const OWN = { replaced: 64, token_expired: 66, token_revoked: 67 };

/**
 * Reset, stop and close codes of the versions whose draft defines none. We use the numbers of moq-rs where it has one, so that its clients
 * understand ours.
 */
const BEFORE_REGISTRIES: Codes = {
  ...OWN,
  cancelled: 0,
  expired: 2,
  timeout: 3,
  unauthorized: 6,
  limit: 11,
  no_capacity: 11,
  duplicate: 12,
  not_found: 13,
  protocol: 15,
  unsupported: 17,
  upstream: 24,
  closed: 25,
  lagged: 26,
  frame_too_large: 27,
  unroutable: 30,
  evicted: 31,
  internal: 65,
};

/** Codes that reset or stop a stream (moq-lite Stream Error Codes). What the registry lacks is ours, or INTERNAL_ERROR. */
const STREAM: Codes = {
  ...OWN,
  internal: 0x0,
  protocol: 0x0,
  cancelled: 0x1,
  closed: 0x3,
  lagged: 0x5,
  limit: 0x30,
  timeout: 0x31,
  not_found: 0x33,
  expired: 0x34,
  evicted: 0x35,
  unroutable: 0x36,
  upstream: 0x36,
  // The one new resolution that NO_CAPACITY permits is spent here, and must not be spent again by the next relay.
  no_capacity: 0x36,
  frame_too_large: 0x38,
  unauthorized: 68,
  unsupported: 69,
  duplicate: 70,
};

/** What a publisher means by a code. No code but these has a meaning, so the request fails for good with any other. */
const STREAM_REASONS: ReadonlyMap<number, Reason> = new Map<number, Reason>([
  [0x1, "cancelled"],
  [0x2, "expired"],
  [0x3, "upstream"],
  [0x4, "upstream"],
  [0x5, "lagged"],
  [0x12, "protocol"],
  [0x30, "no_capacity"],
  [0x31, "timeout"],
  [0x32, "limit"],
  [0x33, "not_found"],
  [0x34, "expired"],
  [0x35, "evicted"],
  [0x36, "unroutable"],
  [0x37, "protocol"],
  [0x38, "frame_too_large"],
  [0x39, "protocol"],
  [64, "replaced"],
  [66, "token_expired"],
  [67, "token_revoked"],
  [68, "unauthorized"],
  [69, "unsupported"],
  [70, "duplicate"],
]);

const SESSION = { none: 0x0, internal: 0x1, unauthorized: 0x2, protocol: 0x3, goaway: 0x10, timeout: 0x11 };

/** Codes that close a session (moq-lite Session Error Codes). */
const CLOSE: Codes = {
  ...OWN,
  cancelled: SESSION.none,
  internal: SESSION.internal,
  unauthorized: SESSION.unauthorized,
  token_expired: SESSION.unauthorized,
  token_revoked: SESSION.unauthorized,
  protocol: SESSION.protocol,
  unsupported: SESSION.protocol,
  // A session is closed for this reason after a GOAWAY and its time.
  closed: SESSION.goaway,
  timeout: SESSION.timeout,
  limit: 73,
  lagged: 74,
  no_capacity: SESSION.internal,
  duplicate: SESSION.internal,
  expired: SESSION.internal,
  not_found: SESSION.internal,
  upstream: SESSION.internal,
  frame_too_large: SESSION.internal,
  unroutable: SESSION.internal,
  evicted: SESSION.internal,
};

const CLOSE_REASONS: ReadonlyMap<number, Reason> = new Map<number, Reason>([
  [SESSION.none, "cancelled"],
  [SESSION.internal, "internal"],
  [SESSION.unauthorized, "unauthorized"],
  [SESSION.protocol, "protocol"],
  [SESSION.goaway, "closed"],
  [SESSION.timeout, "timeout"],
  [64, "replaced"],
  [73, "limit"],
  [74, "lagged"],
]);

const OLD_REASONS: ReadonlyMap<number, Reason> = new Map(
  Object.entries(BEFORE_REGISTRIES)
    .filter(([reason]) => reason !== "no_capacity")
    .map(([reason, code]) => [code, reason as Reason]),
);

/** The code of a reason in versions without registries. */
export function codeOf(reason: Reason): number {
  return BEFORE_REGISTRIES[reason];
}

const OLD: ReasonCodes = {
  codeOf,
  /** An unknown code is a failure of the publisher. */
  reasonOf: (code) => OLD_REASONS.get(code) ?? "upstream",
};

const OF_STREAMS: ReasonCodes = {
  codeOf: (reason) => STREAM[reason],
  reasonOf: (code) => STREAM_REASONS.get(code) ?? "internal",
};

const OF_SESSIONS: CloseCodes = {
  codeOf: (reason) => CLOSE[reason],
  reasonOf: (code) => CLOSE_REASONS.get(code) ?? "internal",
};

/** The codes that reset and stop streams in a version. */
export function streamCodes({ twoRegistries }: Capabilities): ReasonCodes {
  return twoRegistries ? OF_STREAMS : OLD;
}

/** The codes that close sessions of a version. */
export function sessionCodes({ twoRegistries }: Capabilities): CloseCodes {
  return twoRegistries ? OF_SESSIONS : OLD;
}
