import type { Reason } from "../../reason.ts";
import type { ProtocolViolation } from "../../wire/codec/index.ts";
import {
  type Capabilities,
  type PublishDoneName,
  publishDoneCode,
  publishDoneName,
  type RequestErrorName,
  type RequestKind,
  type ResetName,
  requestErrorName,
  resetCode,
  resetName,
  TerminationError,
  type TerminationName,
  terminationCode,
  terminationName,
} from "../../wire/ietf/index.ts";
import type { ReasonCodes } from "../context.ts";

/** What our reasons are called when a session is closed (Termination). */
const CLOSES: Readonly<Record<Reason, TerminationName>> = {
  cancelled: "no_error",
  expired: "internal_error",
  timeout: "control_message_timeout",
  unauthorized: "unauthorized",
  token_expired: "expired_auth_token",
  token_revoked: "unauthorized",
  limit: "internal_error",
  no_capacity: "internal_error",
  duplicate: "protocol_violation",
  not_found: "invalid_path",
  protocol: "protocol_violation",
  unsupported: "internal_error",
  upstream: "internal_error",
  closed: "no_error",
  lagged: "internal_error",
  frame_too_large: "internal_error",
  unroutable: "internal_error",
  evicted: "internal_error",
  replaced: "internal_error",
  internal: "internal_error",
};

/** When a request is refused (REQUEST_ERROR). */
const REFUSALS: Readonly<Record<Reason, RequestErrorName>> = {
  cancelled: "internal_error",
  expired: "timeout",
  timeout: "timeout",
  unauthorized: "unauthorized",
  token_expired: "expired_auth_token",
  token_revoked: "unauthorized",
  limit: "excessive_load",
  no_capacity: "excessive_load",
  duplicate: "duplicate_subscription",
  not_found: "does_not_exist",
  protocol: "malformed_track",
  unsupported: "not_supported",
  upstream: "internal_error",
  closed: "going_away",
  lagged: "excessive_load",
  frame_too_large: "internal_error",
  unroutable: "does_not_exist",
  evicted: "does_not_exist",
  replaced: "does_not_exist",
  internal: "internal_error",
};

/** When a subscription ends (PUBLISH_DONE). */
const ENDS: Readonly<Record<Reason, PublishDoneName>> = {
  cancelled: "subscription_ended",
  expired: "expired",
  timeout: "internal_error",
  unauthorized: "unauthorized",
  token_expired: "unauthorized",
  token_revoked: "unauthorized",
  limit: "excessive_load",
  no_capacity: "excessive_load",
  duplicate: "internal_error",
  not_found: "track_ended",
  protocol: "malformed_track",
  unsupported: "internal_error",
  upstream: "internal_error",
  closed: "going_away",
  lagged: "too_far_behind",
  frame_too_large: "internal_error",
  unroutable: "internal_error",
  evicted: "internal_error",
  replaced: "track_ended",
  internal: "internal_error",
};

/** When a stream is reset or stopped (Stream Reset Error Codes). */
const STREAM_ENDS: Readonly<Record<Reason, ResetName>> = {
  cancelled: "cancelled",
  expired: "delivery_timeout",
  timeout: "internal_error",
  unauthorized: "cancelled",
  token_expired: "expired_auth_token",
  token_revoked: "cancelled",
  limit: "excessive_load",
  no_capacity: "excessive_load",
  duplicate: "cancelled",
  not_found: "unknown_object_status",
  protocol: "malformed_track",
  unsupported: "internal_error",
  upstream: "internal_error",
  closed: "going_away",
  lagged: "delivery_timeout",
  frame_too_large: "internal_error",
  unroutable: "internal_error",
  evicted: "unknown_object_status",
  replaced: "cancelled",
  internal: "internal_error",
};

/** What the names mean that a peer sends. A name that is not here, and an unknown code, is a failure of the publisher. */
const MEANINGS: Readonly<Record<string, Reason>> = {
  no_error: "closed",
  unauthorized: "unauthorized",
  protocol_violation: "protocol",
  control_message_timeout: "timeout",
  expired_auth_token: "token_expired",
  goaway_timeout: "closed",
  timeout: "timeout",
  not_supported: "unsupported",
  unsupported_extension: "unsupported",
  going_away: "closed",
  excessive_load: "limit",
  does_not_exist: "not_found",
  invalid_range: "not_found",
  malformed_track: "protocol",
  duplicate_subscription: "duplicate",
  uninterested: "cancelled",
  cancelled: "cancelled",
  delivery_timeout: "expired",
  too_far_behind: "lagged",
  unknown_object_status: "not_found",
  expired: "token_expired",
};

function meaningOf(name: string | undefined): Reason {
  return (name === undefined ? undefined : MEANINGS[name]) ?? "upstream";
}

export function closeCodeOf(reason: Reason, caps: Capabilities): number {
  return terminationCode(CLOSES[reason], caps);
}

export function closeReasonOf(code: number, caps: Capabilities): Reason {
  return meaningOf(terminationName(code, caps));
}

/** The code with which a session ends whose peer broke the protocol. */
export function violationCode(violation: ProtocolViolation, caps: Capabilities): number {
  const name = violation instanceof TerminationError ? violation.termination : "protocol_violation";
  return terminationCode(name, caps);
}

/** Of resets and stops. */
export function streamCodes(caps: Capabilities): ReasonCodes {
  return {
    codeOf: (reason) => resetCode(STREAM_ENDS[reason], caps),
    reasonOf: (code) => meaningOf(resetName(code, caps)),
  };
}

/** The error that a refused request gets for a reason. */
export function refusalNameOf(reason: Reason): RequestErrorName {
  return REFUSALS[reason];
}

/** `request`: the kind that was refused. */
export function requestReasonOf(code: number, caps: Capabilities, request: RequestKind): Reason {
  return meaningOf(requestErrorName(code, caps, request));
}

/** `reason`: absent for the end of the track. */
export function publishDoneOf(reason: Reason | undefined, caps: Capabilities): number {
  return publishDoneCode(reason === undefined ? "track_ended" : ENDS[reason], caps);
}

/** Why a publisher ended a subscription; nothing for the end of the track. */
export function publishDoneReasonOf(code: number, caps: Capabilities): Reason | undefined {
  const name = publishDoneName(code, caps);
  return name === "track_ended" || name === "subscription_ended" ? undefined : meaningOf(name);
}
