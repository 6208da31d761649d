import { parseClaims, readClaims } from "../../auth/index.ts";
import { EXIT } from "../exit-codes.ts";
import { type Library, refusal } from "../explain.ts";
import { type Fault, faultOf } from "../fault.ts";
import { ago, type Step } from "../step.ts";
import type { Target } from "../target.ts";
import type { Attempt } from "./contract.ts";

/** The claims of a token, read without verifying its signature. */
export interface TokenClaims {
  readonly root: string;
  readonly put: readonly string[];
  readonly get: readonly string[];
  /** It grants what relays of the mesh may do. */
  readonly cluster: boolean;
  /** Seconds since 1970. */
  readonly exp?: number;
}

/** The relay's decision on a session with this URL and token. */
export interface TokenVerdict {
  readonly given: boolean;
  /** Undefined: neither an answer over HTTP nor an attempt shows it. */
  readonly accepted?: boolean;
  /** Prefixes that the session may publish and watch, relative to the URL's path; undefined: the relay did not say. */
  readonly publish?: readonly string[];
  readonly subscribe?: readonly string[];
  readonly claims?: TokenClaims;
  readonly failure?: Fault;
}

/**
 * Asks the relay over HTTP. Where it does not answer, its sessions show it: refused if the relay refused one of `attempts`, accepted if one of them succeeded and
 * none was refused, else unknown.
 */
export async function judgeToken(
  { url, trust }: Target,
  library: Library,
  attempts: readonly Attempt[],
): Promise<TokenVerdict> {
  const token = url.searchParams.get("jwt");
  const claims = token === null ? undefined : claimsOf(token);
  const base = { given: token !== null, ...(claims !== undefined && { claims }) };
  const answer = await library.askAccess(url, trust);
  if (answer?.allowed === true) {
    const { publish, subscribe } = answer;
    return { ...base, accepted: true, publish, subscribe };
  }
  if (answer?.allowed === false) {
    return { ...base, accepted: false, failure: faultOf(refusal(url, answer), answer.code) };
  }
  const refused = attempts.find(({ failure }) => failure?.exit === EXIT.refused)?.failure;
  if (refused !== undefined) return { ...base, accepted: false, failure: refused };
  return attempts.some(({ failure }) => failure === undefined) ? { ...base, accepted: true } : base;
}

/** The form of the claims is checked, and nothing else. */
function claimsOf(token: string): TokenClaims | undefined {
  try {
    const { asked, about } = parseClaims(readClaims(token)?.claims);
    const { root, put, get, cluster } = asked;
    return { root, put, get, cluster, ...(about.exp !== undefined && { exp: about.exp }) };
  } catch {
    return undefined;
  }
}

/** The line about the token. */
export function tokenStep(verdict: TokenVerdict, now: number): Step {
  const { given, accepted, failure, publish, subscribe, claims } = verdict;
  const claimed = claims === undefined ? "" : `the token says ${claimsText(claims, now)}`;
  const label = "token";
  if (accepted === undefined) {
    return { label, text: "unknown: no session reached the relay", advice: claimed };
  }
  if (failure !== undefined) {
    const advice = [failure.advice, claimed].filter((line) => line !== "").join("\n");
    return { label, text: failure.message, failed: true, advice };
  }
  const granted = publish === undefined || subscribe === undefined ? undefined : grantText(publish, subscribe);
  const text = [given ? "accepted" : "none needed", granted ?? "the relay did not say for which paths"].join(": ");
  return { label, text, advice: claimed };
}

function grantText(publish: readonly string[], subscribe: readonly string[]): string {
  const [put, get] = [pathsText(publish), pathsText(subscribe)];
  return put === get ? `may publish and watch ${put}` : `may publish ${put} and watch ${get}`;
}

function pathsText(prefixes: readonly string[]): string {
  if (prefixes.length === 0) return "nothing";
  if (prefixes.includes("")) return "everything under this URL";
  return prefixes.join(", ");
}

function claimsText({ root, put, get, cluster, exp }: TokenClaims, now: number): string {
  const quoted = (list: readonly string[]) => (list.length === 0 ? "none" : list.map((one) => `"${one}"`).join(", "));
  const life = exp === undefined ? "does not expire" : `exp ${ago(exp * 1_000 - now)}`;
  const powers = cluster ? "; a token of a relay (cluster)" : "";
  return `root "${root}", put ${quoted(put)}, get ${quoted(get)}${powers}; ${life}`;
}
