/**
 * The registries of codes of each draft, by name (Error Codes). A name that a draft does not have is written as INTERNAL_ERROR. An unknown code means INTERNAL_ERROR, which a name of `undefined` stands for (Grease).
 */
import type { RequestKind } from "./parameter-scopes.ts";
import type { Capabilities } from "./versions.ts";

/** Session Termination Error Codes: the same numbers in every draft. */
const TERMINATIONS = {
  no_error: 0x0,
  internal_error: 0x1,
  unauthorized: 0x2,
  protocol_violation: 0x3,
  invalid_request_id: 0x4,
  duplicate_track_alias: 0x5,
  key_value_formatting_error: 0x6,
  too_many_requests: 0x7,
  invalid_path: 0x8,
  malformed_path: 0x9,
  goaway_timeout: 0x10,
  control_message_timeout: 0x11,
  data_stream_timeout: 0x12,
  auth_token_cache_overflow: 0x13,
  duplicate_auth_token_alias: 0x14,
  version_negotiation_failed: 0x15,
  malformed_auth_token: 0x16,
  unknown_auth_token_alias: 0x17,
  expired_auth_token: 0x18,
  invalid_authority: 0x19,
  malformed_authority: 0x1a,
  too_many_request_updates: 0x1b,
} as const;
export type TerminationName = keyof typeof TERMINATIONS;

/** Codes of REQUEST_ERROR, since draft 18. */
const REQUEST_ERRORS = {
  internal_error: 0x0,
  unauthorized: 0x1,
  timeout: 0x2,
  not_supported: 0x3,
  malformed_auth_token: 0x4,
  expired_auth_token: 0x5,
  going_away: 0x6,
  excessive_load: 0x9,
  does_not_exist: 0x10,
  invalid_range: 0x11,
  malformed_track: 0x12,
  duplicate_subscription: 0x19,
  uninterested: 0x20,
  prefix_overlap: 0x30,
  namespace_too_large: 0x31,
  invalid_joining_request_id: 0x32,
  unsupported_extension: 0x33,
  redirect: 0x34,
  conflicting_filters: 0x35,
  invalid_filter: 0x36,
} as const;
/** The last two are of draft 14 only. */
export type RequestErrorName = keyof typeof REQUEST_ERRORS | "no_objects" | "unknown_status";

/** Codes of PUBLISH_DONE, since draft 18. */
const PUBLISH_DONES = {
  internal_error: 0x0,
  unauthorized: 0x1,
  track_ended: 0x2,
  subscription_ended: 0x3,
  going_away: 0x4,
  too_far_behind: 0x5,
  expired: 0x6,
  update_failed: 0x8,
  excessive_load: 0x9,
  malformed_track: 0x12,
} as const;
export type PublishDoneName = keyof typeof PUBLISH_DONES;

/** Stream Reset Error Codes, since draft 18. */
const RESETS = {
  internal_error: 0x0,
  cancelled: 0x1,
  delivery_timeout: 0x2,
  session_closed: 0x3,
  going_away: 0x4,
  too_far_behind: 0x5,
  unknown_object_status: 0x6,
  expired_auth_token: 0x7,
  excessive_load: 0x9,
  malformed_track: 0x12,
} as const;
export type ResetName = keyof typeof RESETS;

/** Some numbers are of some drafts only. */
const ONLY: Readonly<Record<string, (caps: Capabilities) => boolean>> = {
  too_many_requests: (caps) => !caps.requestStreams,
  too_many_request_updates: (caps) => caps.rangeFilters,
  duplicate_subscription: (caps) => !caps.rangeFilters,
  conflicting_filters: (caps) => caps.rangeFilters,
  invalid_filter: (caps) => caps.rangeFilters,
  invalid_joining_request_id: (caps) => !caps.fill,
  subscription_ended: (caps) => !caps.fill,
  version_negotiation_failed: (caps) => !caps.fill,
};

/** Codes of draft 16. */
const DRAFT_16 = {
  requestErrors: {
    internal_error: 0x0,
    unauthorized: 0x1,
    timeout: 0x2,
    not_supported: 0x3,
    malformed_auth_token: 0x4,
    expired_auth_token: 0x5,
    does_not_exist: 0x10,
    invalid_range: 0x11,
    malformed_track: 0x12,
    duplicate_subscription: 0x19,
    uninterested: 0x20,
    prefix_overlap: 0x30,
    invalid_joining_request_id: 0x32,
  },
  publishDones: {
    internal_error: 0x0,
    unauthorized: 0x1,
    track_ended: 0x2,
    subscription_ended: 0x3,
    going_away: 0x4,
    expired: 0x5,
    too_far_behind: 0x6,
    update_failed: 0x8,
    malformed_track: 0x12,
  },
  resets: {
    internal_error: 0x0,
    cancelled: 0x1,
    delivery_timeout: 0x2,
    session_closed: 0x3,
    unknown_object_status: 0x4,
    malformed_track: 0x12,
  },
} as const;

/** What all refusals of draft 14 have, and those with a token. */
const REFUSALS_14 = { internal_error: 0x0, unauthorized: 0x1, timeout: 0x2, not_supported: 0x3 } as const;
const TOKENS_14 = { malformed_auth_token: 0x10, expired_auth_token: 0x12 } as const;
const SUBSCRIBE_ERRORS_14 = { ...REFUSALS_14, ...TOKENS_14, does_not_exist: 0x4, invalid_range: 0x5 } as const;

/** Codes of draft 14, where each kind of request has its own. SUBSCRIBE_NAMESPACE calls DOES_NOT_EXIST its unknown prefix. */
const DRAFT_14 = {
  subscribe: SUBSCRIBE_ERRORS_14,
  trackStatus: SUBSCRIBE_ERRORS_14,
  fetch: {
    ...SUBSCRIBE_ERRORS_14,
    no_objects: 0x6,
    invalid_joining_request_id: 0x7,
    unknown_status: 0x8,
    malformed_track: 0x9,
  },
  publish: { ...REFUSALS_14, uninterested: 0x4 },
  publishNamespace: { ...REFUSALS_14, ...TOKENS_14, uninterested: 0x4 },
  subscribeNamespace: { ...REFUSALS_14, ...TOKENS_14, does_not_exist: 0x4, prefix_overlap: 0x5 },
  subscribeTracks: REFUSALS_14,
} as const;
const PUBLISH_DONES_14 = {
  internal_error: 0x0,
  unauthorized: 0x1,
  track_ended: 0x2,
  subscription_ended: 0x3,
  going_away: 0x4,
  expired: 0x5,
  too_far_behind: 0x6,
  malformed_track: 0x7,
} as const;
const RESETS_14 = { internal_error: 0x0, cancelled: 0x1, delivery_timeout: 0x2, session_closed: 0x3 } as const;

type Codes = Readonly<Record<string, number>>;

/** What is written for a reset that the draft has no code for. Any other code is then INTERNAL_ERROR. */
const NEAREST_RESETS: Readonly<Partial<Record<ResetName, ResetName>>> = {
  going_away: "session_closed",
  too_far_behind: "delivery_timeout",
};

function codeOf(name: string, codes: Codes, caps: Capabilities): number | undefined {
  return ONLY[name]?.(caps) === false ? undefined : codes[name];
}

function nameOf<Name extends string>(code: number, codes: Readonly<Partial<Record<Name, number>>>, caps: Capabilities) {
  const name = (Object.keys(codes) as Name[]).find((one) => codes[one] === code);
  return name === undefined || ONLY[name]?.(caps) === false ? undefined : name;
}

export function terminationCode(name: TerminationName, caps: Capabilities): number {
  return codeOf(name, TERMINATIONS, caps) ?? TERMINATIONS.internal_error;
}

export function terminationName(code: number, caps: Capabilities): TerminationName | undefined {
  return nameOf(code, TERMINATIONS, caps);
}

/** `request`: the kind that is refused, which draft 14 has codes for. */
export function requestErrorCode(
  name: RequestErrorName,
  caps: Capabilities,
  request: RequestKind = "subscribe",
): number {
  return codeOf(name, requestErrors(caps, request), caps) ?? REQUEST_ERRORS.internal_error;
}

export function requestErrorName(
  code: number,
  caps: Capabilities,
  request: RequestKind = "subscribe",
): RequestErrorName | undefined {
  return nameOf(code, requestErrors(caps, request), caps);
}

export function publishDoneCode(name: PublishDoneName, caps: Capabilities): number {
  return codeOf(name, publishDones(caps), caps) ?? PUBLISH_DONES.internal_error;
}

export function publishDoneName(code: number, caps: Capabilities): PublishDoneName | undefined {
  return nameOf(code, publishDones(caps), caps);
}

export function resetCode(name: ResetName, caps: Capabilities): number {
  const codes = resets(caps);
  return codeOf(name, codes, caps) ?? codeOf(NEAREST_RESETS[name] ?? "internal_error", codes, caps) ?? 0;
}

export function resetName(code: number, caps: Capabilities): ResetName | undefined {
  return nameOf(code, resets(caps), caps);
}

function requestErrors(caps: Capabilities, request: RequestKind): Readonly<Partial<Record<RequestErrorName, number>>> {
  if (caps.requestStreams) return REQUEST_ERRORS;
  return caps.commonAnswers ? DRAFT_16.requestErrors : DRAFT_14[request];
}

function publishDones(caps: Capabilities): Readonly<Partial<Record<PublishDoneName, number>>> {
  if (caps.requestStreams) return PUBLISH_DONES;
  return caps.commonAnswers ? DRAFT_16.publishDones : PUBLISH_DONES_14;
}

function resets(caps: Capabilities): Readonly<Partial<Record<ResetName, number>>> {
  if (caps.requestStreams) return RESETS;
  return caps.commonAnswers ? DRAFT_16.resets : RESETS_14;
}
