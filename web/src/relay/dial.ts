/**
 * Opens the transport to a relay: WebTransport, or WebSocket (qmux) if WebTransport cannot connect.
 *
 * The libraries can dial by themselves. Dialling here gives all three sessions of the page the same behaviour and reports which transport was
 * chosen, and why.
 */
import QmuxSession from "@moq/qmux";
import { untilAborted } from "./until-aborted.ts";

/** Milliseconds for WebTransport before WebSocket is tried in parallel. */
const HEAD_START_MS = 600;
/** Milliseconds after which an attempt over both transports fails. */
const DIAL_TIMEOUT_MS = 10_000;

export type TransportKind = "webtransport" | "websocket";
export type TransportChoice = "auto" | TransportKind;

/** A relay and how to dial it. */
export interface Target {
  /** With `http:` the page trusts the certificate whose fingerprint is at `/certificate.sha256`; with `https:` the system's roots. */
  readonly url: URL;
  readonly transport: TransportChoice;
  /** The only protocol to offer; absent: all that the page's libraries have. */
  readonly protocol?: string;
}

/** An open transport. */
export interface Dialled {
  readonly session: WebTransport;
  readonly kind: TransportKind;
  /** Why the transport is not WebTransport although that was wanted. */
  readonly fallback: string | undefined;
}

/** Neither transport connected. The message is for the user. */
export class DialError extends Error {}

/** URLs that only WebSocket could reach; next time WebSocket is tried there at once. */
const withoutUdp = new Set<string>();

/**
 * Dials a relay and offers these application protocols, preferred first.
 *
 * @throws DialError when no transport opens in time, or `signal` aborts.
 */
export async function dial(target: Target, protocols: readonly string[], signal: AbortSignal): Promise<Dialled> {
  const attempt = new AbortController();
  const ended = AbortSignal.any([signal, attempt.signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)]);
  const quic = target.transport === "websocket" ? undefined : dialWebTransport(target.url, protocols, ended);
  const racers: Promise<Dialled>[] = [];
  if (quic) racers.push(quic);
  if (target.transport !== "webtransport") racers.push(dialAfter(quic, target.url, protocols, ended));
  try {
    return await Promise.any(racers);
  } catch (error) {
    throw new DialError(describe(target.url, error), { cause: error });
  } finally {
    // The slower transport closes itself.
    attempt.abort();
  }
}

async function dialAfter(
  quic: Promise<Dialled> | undefined,
  url: URL,
  protocols: readonly string[],
  signal: AbortSignal,
): Promise<Dialled> {
  let fallback: string | undefined;
  if (quic) {
    fallback = "WebTransport cannot connect (UDP may be blocked)";
    const failed = quic.then(
      () => undefined,
      (error: unknown) => {
        fallback = error instanceof Error ? error.message : String(error);
      },
    );
    const handicap = withoutUdp.has(url.href) ? 0 : HEAD_START_MS;
    await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, handicap))]);
  }
  const session = await dialWebSocket(url, protocols, signal);
  if (quic) withoutUdp.add(url.href);
  return { session, kind: "websocket", fallback };
}

async function dialWebTransport(url: URL, protocols: readonly string[], signal: AbortSignal): Promise<Dialled> {
  if (!("WebTransport" in globalThis)) {
    throw new DialError(
      globalThis.isSecureContext
        ? "this browser has no WebTransport"
        : "WebTransport needs a secure page (localhost or https)",
    );
  }
  const options: WebTransportOptions & { protocols: readonly string[] } = {
    allowPooling: false,
    congestionControl: "low-latency",
    protocols: [...protocols],
  };
  if (url.protocol === "http:") {
    options.serverCertificateHashes = [{ algorithm: "sha-256", value: await certificateHash(url, signal) }];
  }
  const session = await firstOpened(quicAddresses(url), options, signal);
  withoutUdp.delete(url.href);
  return { session, kind: "webtransport", fallback: undefined };
}

/**
 * The URLs at which the relay may accept QUIC. A browser tries only one address of a name: for `localhost` that is IPv6, but a relay on the
 * same machine may listen on IPv4. A pinned certificate needs no name, so the page tries both addresses.
 */
function quicAddresses(url: URL): URL[] {
  const secure = new URL(url);
  secure.protocol = "https:";
  if (url.protocol !== "http:" || url.hostname !== "localhost") return [secure];
  const byNumber = new URL(secure);
  byNumber.hostname = "127.0.0.1";
  return [byNumber, secure];
}

async function firstOpened(
  addresses: readonly URL[],
  options: WebTransportOptions,
  signal: AbortSignal,
): Promise<WebTransport> {
  let failure: unknown;
  for (const address of addresses) {
    const session = new WebTransport(address, options);
    session.closed.catch(() => undefined);
    try {
      await opened(session, signal, "WebTransport could not connect (UDP may be blocked)");
      return session;
    } catch (error) {
      signal.throwIfAborted();
      failure = error;
    }
  }
  throw failure;
}

async function dialWebSocket(url: URL, protocols: readonly string[], signal: AbortSignal): Promise<WebTransport> {
  signal.throwIfAborted();
  const address = new URL(url);
  address.protocol = url.protocol === "http:" ? "ws:" : "wss:";
  const versions = Object.fromEntries(protocols.map((protocol) => [protocol, null]));
  const session = new QmuxSession(address, { protocols: [...protocols], versions, requireProtocol: true });
  session.closed.catch(() => undefined);
  await opened(session, signal, "WebSocket could not connect");
  return session;
}

/** Waits for a session to open; closes it when the attempt ends first. */
async function opened(session: WebTransport, signal: AbortSignal, failure: string): Promise<void> {
  try {
    await untilAborted(session.ready, signal);
  } catch (error) {
    session.close();
    if (signal.aborted) throw signal.reason;
    throw new DialError(failure, { cause: error });
  }
}

/** SHA-256 of the relay's certificate, which the page needs to trust a self-signed one. */
async function certificateHash(url: URL, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const address = new URL("/certificate.sha256", url);
  let response: Response;
  try {
    response = await fetch(address, { signal, cache: "no-store" });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw new DialError("the relay does not answer", { cause: error });
  }
  const text = response.ok ? (await response.text()).trim() : "";
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new DialError(`the relay has no fingerprint at ${address.pathname}`);
  return Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

function describe(url: URL, error: unknown): string {
  const causes = error instanceof AggregateError ? error.errors : [error];
  const reasons = causes.map((cause: unknown) => {
    if (cause instanceof DOMException && cause.name === "TimeoutError") return "no answer in time";
    return cause instanceof Error ? cause.message : String(cause);
  });
  return `Cannot reach the relay at ${url.host}: ${[...new Set(reasons)].join("; ")}.`;
}
