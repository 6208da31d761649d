import { type Attach, type DialOptions, type Link, TransportError, type Trust } from "../../moq/link.ts";
import { dialledInfo } from "../shared/index.ts";
import { W3cLink } from "./link.ts";
import type { EngineParts } from "./listener.ts";
import type { ClientSettings, W3cSession } from "./package.ts";

/** Connects to a WebTransport server. Rejects with a {@link TransportError}. */
export async function dial(parts: EngineParts, options: DialOptions, attach: Attach): Promise<Link> {
  const { url, protocols, unanswered = "", limits } = options;
  if (url.protocol !== "https:") {
    throw new TransportError("unsupported_url", `fails-components dials https: URLs, not ${url.protocol}`);
  }
  if (options.address !== undefined) {
    throw new TransportError("dial_failed", "fails-components dials only the addresses that a URL's host resolves to");
  }
  const session = open(parts, options);
  // The link reports the session's end. After a failed dial the end does not matter.
  session.closed.catch(() => {});
  await inTime(parts, options, session);
  const protocol = session.protocol || unanswered;
  if (protocols.length > 0 && !protocols.includes(protocol)) {
    abandon(session);
    throw new TransportError("no_common_protocol", `${url.host} speaks none of ${protocols.join(", ")}`);
  }
  const info = dialledInfo(parts.engine.name, options, protocol);
  const link = new W3cLink({ session, info, engine: parts.engine, limits, warn: parts.deps.warn });
  link.attach(attach);
  return link;
}

function open({ lib, http3 }: EngineParts, { url, protocols, headers, trust }: DialOptions): W3cSession {
  const settings: ClientSettings = {
    protocols,
    headers: Object.fromEntries(headers ?? []),
    forceReliable: !http3,
    requireUnreliable: http3,
    ...trusting(trust),
  };
  try {
    return new lib.WebTransport(url.href, settings);
  } catch (cause) {
    throw new TransportError("dial_failed", `fails-components cannot dial ${url.host}`, { cause });
  }
}

async function inTime({ deps }: EngineParts, { url, timeoutMs }: DialOptions, session: W3cSession): Promise<void> {
  const late = Promise.withResolvers<never>();
  const cancel = deps.clock.timer(timeoutMs, () =>
    late.reject(new TransportError("dial_timeout", `${url.host} did not answer within ${timeoutMs} ms`)),
  );
  try {
    await Promise.race([session.ready, late.promise]);
  } catch (cause) {
    if (cause instanceof TransportError) {
      session.ready.then(
        () => abandon(session),
        () => {},
      );
      throw cause;
    }
    throw new TransportError("dial_failed", `cannot connect to ${url.host}`, { cause });
  } finally {
    cancel();
  }
}

/**
 * Closes an unwanted session, a turn after it was opened: when it is closed at once, the package never ends its
 * connection.
 */
function abandon(session: W3cSession): void {
  setImmediate(() => session.close({ closeCode: 0, reason: "" }));
}

function trusting(trust: Trust): Pick<ClientSettings, "serverCertificateHashes"> {
  switch (trust.kind) {
    case "system":
      return {};
    case "hashes":
      if (trust.sha256.length === 0) throw new TransportError("dial_failed", "no certificate hash to trust");
      return { serverCertificateHashes: trust.sha256.map((value) => ({ algorithm: "sha-256", value })) };
    case "roots":
    case "insecure":
      throw new TransportError("dial_failed", "fails-components trusts the system's roots or hashes only");
  }
}
