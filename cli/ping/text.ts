import type { Trust } from "../../moq/link.ts";
import type { CertificateFacts } from "../../relay/client/index.ts";
import { Spread } from "../spread.ts";
import { ago, millis, plural } from "../step.ts";
import type { RoundTrips } from "./contract.ts";

export function roundTripText({ samples, smoothedMs }: RoundTrips): string {
  if (samples.length > 0) return `${Spread.of(samples).text()} (${samples.length} samples)`;
  return smoothedMs === undefined
    ? "unknown: the relay does not answer probes"
    : `${millis(smoothedMs)} (the engine's smoothed value; the relay does not answer probes)`;
}

/** `trust`: how it was verified; undefined for one that is not trusted. */
export function certificateText(facts: CertificateFacts, trust: Trust | undefined, now: number): string {
  const { names, daysLeft, notAfter, sha256, issuer, selfSigned } = facts;
  const shownNames =
    names.length > MAX_NAMES ? [...names.slice(0, MAX_NAMES), `${names.length - MAX_NAMES} more`] : names;
  return [
    `for ${shownNames.length === 0 ? "no name" : shownNames.join(", ")}`,
    selfSigned ? "self-signed" : `from ${issuer}`,
    lifeText(notAfter.getTime() - now, daysLeft),
    verdictOf(trust, sha256),
  ].join("; ");
}

function lifeText(leftMs: number, daysLeft: number): string {
  if (leftMs < 0) return `expired ${ago(leftMs)}`;
  return daysLeft === 0 ? `expires ${ago(leftMs)}` : `${plural(daysLeft, "day")} left`;
}

/** Names of a certificate that are shown. */
const MAX_NAMES = 6;

function verdictOf(trust: Trust | undefined, sha256: string): string {
  switch (trust?.kind) {
    case "system":
      return "an authority of this system vouches for it";
    case "roots":
      return "an authority of --ca vouches for it";
    case "hashes":
      return "known by its fingerprint";
    case "insecure":
      return "not verified (--insecure)";
    case undefined:
      return `not trusted here; SHA-256 ${sha256}`;
  }
}
