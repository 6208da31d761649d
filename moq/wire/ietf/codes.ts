/**
 * The registries of codes of each draft, by name (Error Codes). A name that a draft does not have is written as
 * INTERNAL_ERROR. An unknown code means INTERNAL_ERROR, which a name of `undefined` stands for (Grease).
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
export type RequestErrorName = keyof typeof REQUEST_ERRORS;

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

/** Numbers by name, and names by number. */
class Registry<Name extends string> {
  readonly #codes: ReadonlyMap<Name, number>;
  readonly #names: ReadonlyMap<number, Name>;

  constructor(codes: Readonly<Partial<Record<Name, number>>>) {
    const own = entries(codes);
    this.#codes = new Map(own);
    this.#names = new Map(own.map(([name, code]) => [code, name]));
  }

  /** INTERNAL_ERROR for a name without a number. */
  codeOf(name: Name): number {
    return this.#codes.get(name) ?? 0;
  }

  nameOf(code: number): Name | undefined {
    return this.#names.get(code);
  }
}

function entries<Name extends string>(codes: Readonly<Partial<Record<Name, number>>>): [Name, number][] {
  return Object.entries<number | undefined>(codes).flatMap(([name, code]) =>
    code === undefined ? [] : [[name as Name, code] satisfies [Name, number]],
  );
}

const ALL_TERMINATIONS = new Registry<TerminationName>(TERMINATIONS);
const ALL_REQUEST_ERRORS = new Registry<RequestErrorName>(REQUEST_ERRORS);
const ALL_PUBLISH_DONES = new Registry<PublishDoneName>(PUBLISH_DONES);
const ALL_RESETS = new Registry<ResetName>(RESETS);

export function terminationCode(name: TerminationName, _caps: Capabilities): number {
  return ALL_TERMINATIONS.codeOf(name);
}

export function terminationName(code: number, _caps: Capabilities): TerminationName | undefined {
  return ALL_TERMINATIONS.nameOf(code);
}

/** Before draft 15, requests of each kind have codes of their own. */
export function requestErrorCode(name: RequestErrorName, _caps: Capabilities, _request?: RequestKind): number {
  return ALL_REQUEST_ERRORS.codeOf(name);
}

export function requestErrorName(
  code: number,
  _caps: Capabilities,
  _request?: RequestKind,
): RequestErrorName | undefined {
  return ALL_REQUEST_ERRORS.nameOf(code);
}

export function publishDoneCode(name: PublishDoneName, _caps: Capabilities): number {
  return ALL_PUBLISH_DONES.codeOf(name);
}

export function publishDoneName(code: number, _caps: Capabilities): PublishDoneName | undefined {
  return ALL_PUBLISH_DONES.nameOf(code);
}

export function resetCode(name: ResetName, _caps: Capabilities): number {
  return ALL_RESETS.codeOf(name);
}

export function resetName(code: number, _caps: Capabilities): ResetName | undefined {
  return ALL_RESETS.nameOf(code);
}
