import type { CertificateFacts } from "../../relay/client/index.ts";
import type { Fault } from "../fault.ts";
import { wholeMicros } from "../step.ts";
import type { Attempt } from "./contract.ts";
import type { Round } from "./round.ts";
import type { TokenVerdict } from "./token.ts";

/** A round as `--json` prints it: snake case, as the admin API has it. */
export function roundJson({ dns, fingerprint, attempts, ways, token }: Round) {
  return {
    ways,
    dns: { ms: wholeMicros(dns.ms), addresses: dns.addresses, ...failureJson(dns.failure) },
    ...(fingerprint !== undefined && { fingerprint: failureJson(fingerprint) }),
    attempts: attempts.map(attemptJson),
    ...(token !== undefined && { token: tokenJson(token) }),
  };
}

function attemptJson(one: Attempt) {
  const { way, address, engine, protocol, connectMs, sessionMs, roundTrips, certificate, failure } = one;
  return {
    way,
    ok: failure === undefined,
    ...(address !== undefined && { address }),
    ...(engine !== undefined && { engine }),
    ...(protocol !== undefined && { protocol }),
    ...(connectMs !== undefined && { connect_ms: wholeMicros(connectMs) }),
    ...(sessionMs !== undefined && { session_ms: wholeMicros(sessionMs) }),
    ...(roundTrips !== undefined && { round_trips_ms: roundTrips.samples.map(wholeMicros) }),
    ...(roundTrips?.smoothedMs !== undefined && { smoothed_round_trip_ms: wholeMicros(roundTrips.smoothedMs) }),
    ...(certificate !== undefined && { certificate: certificateJson(certificate) }),
    ...failureJson(failure),
  };
}

function certificateJson({ names, issuer, selfSigned, notBefore, notAfter, daysLeft, sha256 }: CertificateFacts) {
  return {
    names,
    issuer,
    self_signed: selfSigned,
    not_before: notBefore.toISOString(),
    not_after: notAfter.toISOString(),
    days_left: daysLeft,
    sha256,
  };
}

function tokenJson({ given, accepted, publish, subscribe, claims, failure }: TokenVerdict) {
  return {
    given,
    accepted: accepted ?? null,
    ...(publish !== undefined && { publish }),
    ...(subscribe !== undefined && { subscribe }),
    ...(claims !== undefined && { claims }),
    ...failureJson(failure),
  };
}

function failureJson(failure: Fault | undefined) {
  if (failure === undefined) return {};
  const { code, message, advice } = failure;
  return { error: { code, message, ...(advice !== "" && { advice }) } };
}
