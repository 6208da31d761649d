/**
 * Opens the transport to a relay: WebTransport, or WebSocket (qmux) where that does not get through.
 *
 * The libraries can dial by themselves; doing it here gives all three sessions of the page one behaviour and tells
 * which transport came about, and why.
 */
import QmuxSession from "@moq/qmux";

/** WebTransport has this long, in milliseconds, before WebSocket is tried beside it. */
const HEAD_START_MS = 600;
/** An attempt over both transports fails after this long, in milliseconds. */
const DIAL_TIMEOUT_MS = 10_000;

export type TransportKind = "webtransport" | "websocket";
export type TransportChoice = "auto" | TransportKind;

/** How to reach a relay. */
export interface Target {
  /** `http:` pins the certificate that the relay names at `/certificate.sha256`; `https:` trusts the system's roots. */
  readonly url: URL;
  readonly transport: TransportChoice;
}

/** An open transport. */
export interface Dialled {
  readonly session: WebTransport;
  readonly kind: TransportKind;
  /** Why it is not WebTransport although that was wanted. */
  readonly fallback: string | undefined;
}

/** Neither transport came about. The message is for people. */
export class DialError extends Error {}

/** URLs that only WebSocket reached; there it gets no handicap the next time. */
const withoutUdp = new Set<string>();

/**
 * Dials a relay and offers these application protocols, best first.
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
    // The loser of the race closes itself.
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
    fallback = "WebTransport does not get through (is UDP blocked?)";
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
 * Where the relay may take QUIC. A browser tries one address of a name only: for `localhost` that is IPv6, while a
 * relay for one machine may listen on IPv4. The pinned certificate needs no name, so both can be tried by number.
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
      await opened(session, signal, "WebTransport could not connect (is UDP blocked?)");
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

/** Waits for a session to open and closes it when the attempt is over first. */
async function opened(session: WebTransport, signal: AbortSignal, failure: string): Promise<void> {
  const over = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    if (signal.aborted) reject(signal.reason);
  });
  try {
    await Promise.race([session.ready, over]);
  } catch (error) {
    session.close();
    if (signal.aborted) throw signal.reason;
    throw new DialError(failure, { cause: error });
  }
}

/** SHA-256 of the relay's certificate, which a page over plain HTTP has to name itself. */
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
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new DialError(`the relay names no certificate at ${address.pathname}`);
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
