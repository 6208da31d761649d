import {
  type Attach,
  type Engine,
  type EngineDeps,
  type Link,
  type LinkLimits,
  TransportError,
  type Trust,
} from "../../moq/link.ts";
import { IN_BAND } from "../../moq/session/index.ts";
import { createEngine } from "../../transport/engines.ts";
import { createQmux } from "../../transport/qmux/index.ts";
import { systemClock } from "../../transport/shared/index.ts";
import { describeTcpFailure } from "../../transport/tls/index.ts";
import { isAdminListener } from "./ask.ts";

/** Bounds of a dialled link. */
export const DIAL_LIMITS: LinkLimits = {
  uniStreams: 256,
  bidiStreams: 64,
  idleTimeoutMs: 30_000,
  keepAliveMs: 5_000,
  queueMark: 4 * 2 ** 20,
};

/** Longest answer to `/certificate.sha256`, in bytes. */
const FINGERPRINT = /^\s*([0-9a-f]{64})\s*$/i;

export interface RelayDial {
  readonly url: URL;
  readonly trust: Trust;
  /** IP address to connect to in place of the URL's host. */
  readonly address?: string | undefined;
  readonly protocols: readonly string[];
  readonly timeoutMs: number;
  readonly deps: EngineDeps;
  readonly attach: Attach;
  /** Default: an engine of its own. */
  readonly engine?: Engine;
}

/**
 * Dials a relay by the scheme of its URL. With `http:` it trusts the certificate whose fingerprint the relay gives over plain HTTP, unless
 * `trust` says otherwise; that is safe on a developer's machine only.
 * Rejects with {@link TransportError}.
 */
export async function dialRelay({ url, deps, attach, address, ...options }: RelayDial): Promise<Link> {
  const engine = options.engine ?? (await engineFor(url, deps));
  const { protocols, timeoutMs } = options;
  const offered = { protocols, ...(protocols.includes(IN_BAND) && { unanswered: IN_BAND }) };
  const common = { ...offered, limits: DIAL_LIMITS, timeoutMs, ...(address !== undefined && { address }) };
  if (url.protocol !== "http:") return await engine.dial({ url, trust: options.trust, ...common }, attach);
  const trust = options.trust.kind === "system" ? await fetchTrust(url, timeoutMs) : options.trust;
  return await engine.dial({ url: new URL(url.href.replace(/^http:/, "https:")), trust, ...common }, attach);
}

/** Engines of this process by scheme. An engine has threads, so a program that dials again and again uses one. */
const shared = new Map<string, Promise<Engine>>();

/** The engine with which this process dials such URLs. Rejects with {@link TransportError}. */
export async function sharedEngine({ protocol, href }: URL): Promise<Engine> {
  const scheme = protocol === "http:" ? "https:" : protocol;
  const known = shared.get(scheme);
  if (known !== undefined) return await known;
  const made = engineFor(new URL(href), { clock: systemClock, warn: () => {} });
  shared.set(scheme, made);
  // Another attempt may succeed, and keeps its own error.
  made.catch(() => shared.delete(scheme));
  return await made;
}

async function engineFor(url: URL, deps: EngineDeps): Promise<Engine> {
  switch (url.protocol) {
    case "https:":
    case "http:":
      return await createEngine("auto", deps);
    case "moqt:":
    case "moql:":
      return await createEngine("native", deps);
    case "ws:":
    case "wss:":
      return createQmux(deps);
    default:
      throw new TransportError("unsupported_url", `cannot dial ${url.protocol}// URLs`);
  }
}

/**
 * Trust in the certificate whose fingerprint the relay gives at `/certificate.sha256` over plain HTTP; in the system's authorities where it
 * gives none. Rejects with {@link TransportError}.
 */
export async function fetchTrust(url: URL, timeoutMs: number): Promise<Trust> {
  const at = new URL("/certificate.sha256", url.origin);
  let response: Response;
  let text: string;
  try {
    response = await fetch(at, { signal: AbortSignal.timeout(timeoutMs), redirect: "error" });
    text = await response.text();
  } catch (cause) {
    if (cause instanceof Error && cause.name === "TimeoutError") {
      throw new TransportError("dial_timeout", `${at.href} does not answer`, { cause });
    }
    throw new TransportError("dial_failed", `${at.href} cannot be read: ${describeTcpFailure(cause)}`, { cause });
  }
  if (response.status === 404) {
    if (await isAdminListener(url)) throw new TransportError("dial_failed", adminListener(url.host));
    // The certificate is not self-signed, so an authority vouches for it.
    return { kind: "system" };
  }
  const hex = FINGERPRINT.exec(text)?.[1];
  if (!response.ok || hex === undefined) {
    throw new TransportError("dial_failed", `${at.href} has no fingerprint (status ${response.status})`);
  }
  return { kind: "hashes", sha256: [new Uint8Array(Buffer.from(hex, "hex"))] };
}

/** The message for the admin listener of a relay, which accepts no sessions. */
export function adminListener(host: string): string {
  return `${host} is the admin listener of a relay, which accepts no sessions: use its public port ([server] port)`;
}
