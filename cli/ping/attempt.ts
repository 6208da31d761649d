import { randomBytes } from "node:crypto";
import { TransportError } from "../../moq/link.ts";
import type { CertificateFacts, Client } from "../../relay/client/index.ts";
import { explainEnd } from "../dial.ts";
import { EXIT } from "../exit-codes.ts";
import { explainDial, type Library } from "../explain.ts";
import { type Fault, faultOf } from "../fault.ts";
import { millis, type Step } from "../step.ts";
import type { Target } from "../target.ts";
import type { Attempt, RoundTrips, Way } from "./contract.ts";
import { certificateText, roundTripText } from "./text.ts";

/** Round trips that are measured in one session. */
const SAMPLES = 5;

/** Longest wait for a round trip in milliseconds: a relay may not answer the question of older versions at all. */
const ROUND_TRIP_MS = 1_000;

/** Longest wait in milliseconds for TCP after UDP was silent. It only explains a failure. */
const KNOCK_MS = 2_000;

/** What one attempt needs. */
export interface AttemptDeps {
  readonly library: Library;
  /** With the URL of this way. */
  readonly target: Target;
  readonly way: Way;
  readonly host: string;
  readonly port: number;
  /** Absent: the engine resolves the host. */
  readonly address?: string;
  /** Fingerprints of certificates, and advice, that were shown already. */
  readonly shown: Set<string>;
  readonly say: (step: Step) => void;
}

/** Reaches the relay one way: connection, certificate, session, round trips. Never rejects for a relay that cannot be reached. */
export async function attempt(deps: AttemptDeps): Promise<Attempt> {
  const { library, target, way, host, address, port, say } = deps;
  const base = { way, ...(address !== undefined && { address }) };
  // Nothing is live under a random prefix, so the relay has nothing to list.
  const announcePrefix = `moqmesh-ping-${randomBytes(8).toString("hex")}`;
  const { url, trust, timeoutMs, protocols } = target;
  const from = performance.now();
  let client: Client;
  try {
    const options = { trust, timeoutMs, announcePrefix, ...(address !== undefined && { address }) };
    client = await library.connect(url, protocols === undefined ? options : { ...options, protocols });
  } catch (error) {
    const ms = performance.now() - from;
    const certificate = await faultyCertificate(error, deps);
    const failure = await failureOf(error, deps);
    say({ ms, label: way, text: failure.message, failed: true, advice: once(failure.advice, deps) });
    return { ...base, failure, ...(certificate !== undefined && { certificate }) };
  }
  try {
    const connectMs = performance.now() - from;
    const { engine, protocol, peerCertificate } = client.info;
    const at = address ?? host;
    say({ ms: connectMs, label: way, text: `connected to ${at}, ${way === "websocket" ? "TCP" : "UDP"} port ${port}` });
    const certificate = peerCertificate && library.certificateFacts(peerCertificate, Date.now());
    if (certificate !== undefined) showCertificate(certificate, deps);
    const reached = { ...base, connectMs, engine, protocol, ...(certificate !== undefined && { certificate }) };
    return { ...reached, ...(await session(client, announcePrefix, deps)) };
  } finally {
    await client.close();
  }
}

/** The session's first answer, then its round trips. */
async function session(
  client: Client,
  prefix: string,
  deps: AttemptDeps,
): Promise<Pick<Attempt, "sessionMs" | "roundTrips" | "failure">> {
  const { library, target, say } = deps;
  const waitMs = Math.min(ROUND_TRIP_MS, target.timeoutMs);
  const from = performance.now();
  const over = client.closed.then(() => undefined);
  try {
    const answered = await Promise.race([client.roundTrip(waitMs), over]);
    // Rejects when the session has ended. Undefined: the version promises no answer.
    const silent = answered === undefined && (await client.announced(prefix, () => {}).ready) === undefined;
    const sessionMs = performance.now() - from;
    const answers = silent ? "open; this version does not say when the first answer is complete" : "the relay answers";
    say({ ms: sessionMs, label: "session", text: `${client.protocol}, ${answers}` });
    // A relay that did not answer the first time does not answer probes.
    const most = answered === undefined ? 0 : SAMPLES;
    const samples: number[] = [];
    while (samples.length < most) {
      const sample = await Promise.race([client.roundTrip(waitMs), over]);
      if (sample === undefined) break;
      samples.push(sample);
    }
    const last = await Promise.race([client.closed, Promise.resolve(undefined)]);
    if (last !== undefined) throw new library.SessionEndedError(last);
    const smoothedMs = client.rttMs;
    const roundTrips: RoundTrips = { samples, ...(smoothedMs !== undefined && { smoothedMs }) };
    say({ label: "round trip", text: roundTripText(roundTrips) });
    return { sessionMs, roundTrips };
  } catch (error) {
    const ms = performance.now() - from;
    const ended = error instanceof library.SessionEndedError ? await explainEnd(error, target, library) : error;
    const failure = faultOf(ended, "session_failed");
    say({ ms, label: "session", text: failure.message, failed: true, advice: once(failure.advice, deps) });
    return { failure };
  }
}

/** Advice that was shown before is not shown again. */
function once(advice: string, { shown }: AttemptDeps): string {
  if (shown.has(advice)) return "";
  shown.add(advice);
  return advice;
}

/** The certificate that the relay shows over TCP, after a dial that did not trust the relay's. */
async function faultyCertificate(error: unknown, deps: AttemptDeps): Promise<CertificateFacts | undefined> {
  if (!(error instanceof TransportError) || !error.message.includes("certificate")) return undefined;
  const { library, host, port, address = host, target } = deps;
  const der = await library.shownCertificate({ address, port }, host, target.timeoutMs);
  if (der === undefined) return undefined;
  const facts = library.certificateFacts(der, Date.now());
  showCertificate(facts, deps, true);
  return facts;
}

function showCertificate(facts: CertificateFacts, { shown, say, target }: AttemptDeps, failed = false): void {
  if (shown.has(facts.sha256)) return;
  shown.add(facts.sha256);
  say({ label: "certificate", text: certificateText(facts, failed ? undefined : target.trust, Date.now()) });
}

async function failureOf(error: unknown, deps: AttemptDeps): Promise<Fault> {
  const { way, target, library } = deps;
  if (!(error instanceof TransportError)) throw error;
  if (error.code === "dial_timeout" && way !== "websocket") return await silentUdp(deps);
  return faultOf(await explainDial(error, target, library), error.code);
}

/** Says by TCP of the same port whether the host, the port or UDP alone is silent. */
async function silentUdp({ library, host, port, address = host, target }: AttemptDeps): Promise<Fault> {
  const { timeoutMs } = target;
  const silent = `UDP to port ${port} does not answer`;
  const exit = EXIT.connect;
  switch (await library.knockTcp({ address, port }, Math.min(KNOCK_MS, timeoutMs))) {
    case "open":
      return {
        code: "udp_blocked",
        message: `${silent} within ${millis(timeoutMs)}, but TCP does: a firewall?`,
        advice: `let UDP port ${port} through in both directions, in the firewall of the host and of the network; until then clients use WebSocket, which is slower on lossy networks`,
        exit,
      };
    case "refused":
      return {
        code: "port_closed",
        message: `${silent}, and nothing listens on the TCP port: the host is up, but the relay is not there`,
        advice: "check the port, and that the relay runs: `moqmesh health` on its machine",
        exit,
      };
    case "silent":
      return {
        code: "host_silent",
        message: `neither UDP nor TCP to port ${port} answers within ${millis(timeoutMs)}`,
        advice: "the host is down, its address is wrong, or a firewall drops everything",
        exit,
      };
  }
}
