import { type Attach, type Engine, type Link, type LinkLimits, TransportError, type Trust } from "../../moq/link.ts";
import { explainCertificateError } from "../../transport/tls/index.ts";
import type { TrustSpec } from "./messages.ts";

/** Bounds of a link of the load. Its bound on streams is higher than a relay should ever need for one viewer. */
const LIMITS: LinkLimits = {
  uniStreams: 512,
  bidiStreams: 64,
  idleTimeoutMs: 30_000,
  keepAliveMs: 5_000,
  queueMark: 64 * 2 ** 20,
};

/** Pause between two attempts to reach a relay that is still starting, in milliseconds. */
const RETRY_MS = 100;

/** Milliseconds that a relay may take to start; after that a failed connection is final. */
const STARTING_MS = 5_000;

/** Sessions of one process that connect at the same time; more make handshakes time out on a busy core. */
const CONNECTING = 8;

const TRUST_ADVICE =
  "use --fingerprint HEX (the relay prints it when it starts), or --insecure to trust any certificate";

/** The relay under load, and how to dial it. */
export interface Target {
  readonly engine: Engine;
  readonly url: URL;
  readonly trust: Trust;
  readonly protocols: readonly string[];
  readonly timeoutMs: number;
}

export function trustOf(spec: TrustSpec): Trust {
  if (spec.kind !== "hash") return spec;
  return { kind: "hashes", sha256: [new Uint8Array(Buffer.from(spec.sha256, "hex"))] };
}

/** Connects once for each of `attaches`, a few at a time. Rejects with the first final failure. */
export async function dialAll(target: Target, attaches: readonly Attach[]): Promise<Link[]> {
  const started = performance.now();
  const links: Link[] = [];
  let next = 0;
  const worker = async () => {
    for (let attach = attaches[next++]; attach !== undefined; attach = attaches[next++]) {
      links.push(await dialPatiently(target, attach, started));
    }
  };
  await Promise.all(Array.from({ length: CONNECTING }, worker));
  return links;
}

async function dialPatiently(target: Target, attach: Attach, started: number): Promise<Link> {
  const { engine, url, trust, protocols } = target;
  for (;;) {
    const timeoutMs = Math.max(1, started + target.timeoutMs - performance.now());
    try {
      return await engine.dial({ url, trust, protocols, limits: LIMITS, timeoutMs }, attach);
    } catch (error) {
      const fault = error instanceof TransportError ? explainCertificateError(error.message) : undefined;
      if (fault !== undefined) throw new Error(`${url.host}: ${fault}; ${TRUST_ADVICE}`, { cause: error });
      const passing = error instanceof TransportError && error.code === "dial_failed";
      if (!passing || performance.now() > started + STARTING_MS) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
