import { printable } from "../../moq/printable.ts";
import type { HostAddress } from "../../relay/client/index.ts";
import { overTls } from "../dial.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Library } from "../explain.ts";
import { type Fault, faultOf } from "../fault.ts";
import { millis, type Step } from "../step.ts";
import type { Target } from "../target.ts";
import { type AttemptDeps, attempt } from "./attempt.ts";
import { type Attempt, WAYS, type Way } from "./contract.ts";
import { roundTripText } from "./text.ts";
import { judgeToken, type TokenVerdict, tokenStep } from "./token.ts";

export interface RoundDeps {
  readonly library: Library;
  readonly target: Target;
  readonly ways: readonly Way[];
  /** Try every address of the host. */
  readonly all: boolean;
}

/** One pass over the steps. */
export interface Round {
  readonly dns: {
    readonly ms: number;
    readonly addresses: readonly string[];
    readonly failure?: Fault;
  };
  /** Why the relay's fingerprint could not be read, where the URL asks for it; then nothing was tried. */
  readonly fingerprint?: Fault;
  readonly attempts: readonly Attempt[];
  /** For each way, whether it works: at one address, or with `all` at every one. */
  readonly ways: Partial<Record<Way, boolean>>;
  readonly token?: TokenVerdict;
}

const SCHEMES: Record<Way, string> = { webtransport: "https:", quic: "moql:", websocket: "wss:" };

/** Runs the steps one after another, and says each when it is over. */
export async function runRound(deps: RoundDeps, say: (step: Step) => void): Promise<Round> {
  const { library, target, all } = deps;
  const host = target.url.hostname.replace(/^\[|\]$/g, "");
  const dns = await resolve(host, deps, say);
  if (dns.failure !== undefined) return { dns, attempts: [], ways: failed(deps.ways) };
  const trusted = await withTrust(deps, say);
  if ("failure" in trusted) return { dns, fingerprint: trusted.failure, attempts: [], ways: failed(deps.ways) };

  const shown = new Set<string>();
  let attempts: Attempt[] = [];
  const ways: Partial<Record<Way, boolean>> = {};
  for (const way of deps.ways) {
    const at = { ...trusted.target, url: urlOf(way, trusted.target.url) };
    const results = await tryWay({ library, target: at, way, host, port: portOf(at.url), shown, say }, dns.found, all);
    attempts = attempts.concat(results);
    const working = results.filter(({ failure }) => failure === undefined).length;
    ways[way] = all ? working === results.length : working > 0;
  }
  const token = await judgeToken(trusted.target, library, attempts);
  say(tokenStep(token, Date.now()));
  say({ label: "result", text: resultText(ways, token, attempts) });
  return { dns: { ms: dns.ms, addresses: dns.addresses }, attempts, ways, token };
}

/** Tries the addresses one after another: until one works, or with `all` every one. */
async function tryWay(deps: AttemptDeps, found: readonly HostAddress[], all: boolean): Promise<Attempt[]> {
  const { library, target, way, say } = deps;
  let chooses: boolean;
  try {
    chooses = (await library.sharedEngine(target.url)).dialsAddresses;
  } catch (error) {
    const failure = faultOf(error, "engine_unavailable");
    say({ label: way, text: failure.message, failed: true });
    return [{ way, failure }];
  }
  if (!chooses) {
    if (all) say({ label: way, text: "the QUIC engine of this client cannot choose an address" });
    return [await attempt(deps)];
  }
  const results: Attempt[] = [];
  for (const { address } of found) {
    if (!all && results.some(({ failure }) => failure === undefined)) break;
    results.push(await attempt({ ...deps, address }));
  }
  return results;
}

/**
 * A name that was not resolved and a fingerprint that was not read come first, then a refused token. Else 0 when every way works, 1 when an attempt succeeded, which
 * with `all` it may have although no way works at every address; otherwise the code of the first failure.
 */
export function exitOf({ dns, fingerprint, attempts, ways, token }: Round): ExitCode {
  if (dns.failure !== undefined) return dns.failure.exit;
  if (fingerprint !== undefined) return fingerprint.exit;
  if (token?.accepted === false) return EXIT.refused;
  const works = Object.values(ways);
  if (works.every(Boolean)) return EXIT.ok;
  if (attempts.some(({ failure }) => failure === undefined)) return EXIT.failed;
  return attempts.find(({ failure }) => failure !== undefined)?.failure?.exit ?? EXIT.connect;
}

/** A round after the first one: a line for each attempt. */
export function plainRound({ dns, fingerprint, attempts }: Round, number: number): string {
  const failure = dns.failure ?? fingerprint;
  if (failure !== undefined) return `round ${number}: FAILED: ${printable(failure.message)}\n`;
  return attempts
    .map(({ way, address, connectMs, roundTrips, failure: why }) => {
      const at = address === undefined ? way : `${way} ${address}`;
      if (why !== undefined) return `round ${number}: ${at}: FAILED: ${printable(why.message)}\n`;
      const trips = roundTrips === undefined ? "" : `; round trip ${roundTripText(roundTrips)}`;
      return `round ${number}: ${at}: connected in ${millis(connectMs ?? 0)}${trips}\n`;
    })
    .join("");
}

async function resolve(
  host: string,
  { library, target }: RoundDeps,
  say: (step: Step) => void,
): Promise<Round["dns"] & { readonly found: readonly HostAddress[] }> {
  const from = performance.now();
  const label = "dns";
  try {
    const found = await library.addressesOf(host, target.timeoutMs);
    const ms = performance.now() - from;
    const addresses = found.map(({ address }) => address);
    const listed = addresses.join(", ");
    say({ ms, label, text: addresses.includes(host) ? `${host} is an address` : `${host} is ${listed}` });
    return { ms, addresses, found };
  } catch (error) {
    const ms = performance.now() - from;
    const failure = { ...faultOf(error, ""), code: "name_not_resolved", exit: EXIT.connect };
    say({ ms, label, text: `${host}: ${failure.message}`, failed: true });
    return { ms, addresses: [], found: [], failure };
  }
}

/** With `http:` and `ws:` URLs and a way over TLS the relay's fingerprint is read first, as the other commands do. */
async function withTrust(
  { library, target, ways }: RoundDeps,
  say: (step: Step) => void,
): Promise<{ readonly target: Target } | { readonly failure: Fault }> {
  const { url, trust } = target;
  // The other ways than WebSocket use TLS.
  const plainSocket = url.protocol === "ws:" && ways.every((way) => way === "websocket");
  const at = plainSocket ? target : { ...target, url: new URL(url.href.replace(/^ws:/, "http:")) };
  if (at.url.protocol !== "http:" || trust.kind !== "system") return { target: await overTls(at, library) };
  const from = performance.now();
  const label = "fingerprint";
  try {
    const trusting = await overTls(at, library);
    const ms = performance.now() - from;
    const text =
      trusting.trust.kind === "hashes"
        ? "read over plain HTTP, which is safe on your own machine only"
        : "the relay has none: an authority vouches for its certificate";
    say({ ms, label, text });
    return { target: trusting };
  } catch (error) {
    const failure = { ...faultOf(error, ""), code: "fingerprint_unread" };
    say({ ms: performance.now() - from, label, text: failure.message, failed: true, advice: failure.advice });
    return { failure };
  }
}

function urlOf(way: Way, url: URL): URL {
  const scheme = way === "websocket" && url.protocol === "ws:" ? "ws:" : SCHEMES[way];
  return new URL(url.href.replace(/^[a-z]+:/, scheme));
}

function portOf({ port, protocol }: URL): number {
  return Number(port) || (protocol === "ws:" ? 80 : 443);
}

function resultText(ways: Round["ways"], token: TokenVerdict, attempts: readonly Attempt[]): string {
  const named = (works: boolean) => WAYS.filter((way) => ways[way] === works).join(" and ");
  const [good, bad] = [named(true), named(false)];
  if (token.accepted === false) return "the relay answers, and refuses the session";
  const some = attempts.some(({ failure }) => failure === undefined);
  if (good === "") return some ? `no way works at every address: ${bad}` : `no session over ${bad}`;
  return bad === "" ? `works over ${good}` : `works over ${good}, not over ${bad}`;
}

function failed(ways: readonly Way[]): Partial<Record<Way, boolean>> {
  return Object.fromEntries(ways.map((way) => [way, false]));
}
