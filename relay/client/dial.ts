import {
  type Attach,
  type Engine,
  type EngineDeps,
  type Link,
  type LinkLimits,
  TransportError,
  type Trust,
} from "../../moq/link.ts";
import { createEngine } from "../../transport/engines.ts";
import { createQmux } from "../../transport/qmux/index.ts";
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
  readonly protocols: readonly string[];
  readonly timeoutMs: number;
  readonly deps: EngineDeps;
  readonly attach: Attach;
}

/**
 * Dials a relay by the scheme of its URL. With `http:` it trusts the certificate whose fingerprint the relay gives over plain HTTP, unless
 * `trust` says otherwise; that is safe on a developer's machine only.
 * Rejects with {@link TransportError}.
 */
export async function dialRelay({ url, deps, attach, ...options }: RelayDial): Promise<Link> {
  const engine = await engineFor(url, deps);
  const common = { protocols: options.protocols, limits: DIAL_LIMITS, timeoutMs: options.timeoutMs };
  if (url.protocol !== "http:") return await engine.dial({ url, trust: options.trust, ...common }, attach);
  const trust = options.trust.kind === "system" ? await fetchTrust(url, options.timeoutMs) : options.trust;
  return await engine.dial({ url: new URL(url.href.replace(/^http:/, "https:")), trust, ...common }, attach);
}

async function engineFor(url: URL, deps: EngineDeps): Promise<Engine> {
  switch (url.protocol) {
    case "https:":
    case "http:":
      return await createEngine("auto", deps);
    case "moql:":
      return await createEngine("native", deps);
    case "ws:":
    case "wss:":
      return createQmux(deps);
    default:
      throw new TransportError("unsupported_url", `cannot dial ${url.protocol}// URLs`);
  }
}

async function fetchTrust(url: URL, timeoutMs: number): Promise<Trust> {
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
