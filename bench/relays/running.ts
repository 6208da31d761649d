import type { TrustSpec } from "../load/messages.ts";
import { BenchError } from "../system/error.ts";
import type { RunningRelay, Subject } from "./contract.ts";

const FINGERPRINT = /^\s*([0-9a-f]{64})\s*$/i;

/** Milliseconds for the answer to `/certificate.sha256`. */
const TIMEOUT_MS = 5_000;

/** A relay that runs already. The bench does not start, pin or stop it. */
export function running(url: URL, pid: number | undefined, trust: TrustSpec): Subject {
  return { name: url.host, start: () => find(url, pid, trust) };
}

async function find(url: URL, pid: number | undefined, trust: TrustSpec): Promise<RunningRelay> {
  const plain = url.protocol === "http:";
  return {
    url: plain ? new URL(url.href.replace(/^http:/, "https:")) : url,
    trust: plain && trust.kind === "system" ? await fetchTrust(url) : trust,
    pid,
    engine: "unknown",
    ended: new Promise(() => {}),
    stop: async () => {},
  };
}

/** Reads the fingerprint that the relay gives over plain HTTP. */
async function fetchTrust(url: URL): Promise<TrustSpec> {
  const at = new URL("/certificate.sha256", url.origin);
  let text: string;
  try {
    const response = await fetch(at, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    text = response.ok ? await response.text() : "";
  } catch (cause) {
    throw new BenchError(`${at.href} cannot be read`, { cause });
  }
  const sha256 = FINGERPRINT.exec(text)?.[1];
  if (sha256 === undefined) throw new BenchError(`${at.href} has no fingerprint; use an https: URL`);
  return { kind: "hash", sha256 };
}
