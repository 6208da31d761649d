import type { LinkLimits } from "../../moq/link.ts";
import type { CertificateOptions, PemFiles } from "../../transport/tls/index.ts";
import { type Config, PEM_PAIR } from "../config/index.ts";

/** Links know their bounds by other names, because links between relays have other values. */
export function linkLimits({ limits }: Config): LinkLimits {
  return {
    uniStreams: limits.uniStreams,
    bidiStreams: limits.bidiStreams,
    idleTimeoutMs: limits.idleTimeoutMs,
    keepAliveMs: limits.keepAliveMs,
    queueMark: limits.sessionQueueMark,
  };
}

/** The files of `cert` and `key`, then those of `certificates`. */
export function pemPairs({ tls }: Pick<Config, "tls">): PemFiles[] {
  const { cert, key, certificates } = tls;
  const further = certificates.map((one) => {
    const { cert: chain = "", key: own = "" } = PEM_PAIR.exec(one)?.groups ?? {};
    return { cert: chain, key: own };
  });
  return cert !== undefined && key !== undefined ? [{ cert, key }, ...further] : further;
}

export function certificateOptions({ tls }: Config, wallNow: () => number): CertificateOptions {
  const { cert, stateDir, hosts } = tls;
  const pairs = pemPairs({ tls });
  const files = cert === undefined ? undefined : pairs[0];
  const further = files === undefined ? pairs : pairs.slice(1);
  return { ...(files && { files }), further, stateDir, hosts, wallNow };
}
