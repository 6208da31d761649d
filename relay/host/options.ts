import type { LinkLimits } from "../../moq/link.ts";
import type { CertificateOptions, PemFiles, PemSource } from "../../transport/tls/index.ts";
import { type Config, PEM_PAIR, pemText } from "../config/index.ts";

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

/** PEM of a key of `[tls]`: its file, or its text. */
function pemOf(value: string, key: string): PemSource {
  const pem = pemText(value);
  return pem === undefined ? value : { pem, name: `the value of ${key}` };
}

/** `cert` and `key`, then the files of `certificates`. */
export function pemPairs({ tls }: Pick<Config, "tls">): PemFiles[] {
  const { cert, key, certificates } = tls;
  const further = certificates.map((one) => {
    const { cert: chain = "", key: own = "" } = PEM_PAIR.exec(one)?.groups ?? {};
    return { cert: chain, key: own };
  });
  if (cert === undefined || key === undefined) return further;
  return [{ cert: pemOf(cert, "tls.cert"), key: pemOf(key, "tls.key") }, ...further];
}

export function certificateOptions({ tls }: Config, wallNow: () => number): CertificateOptions {
  const { cert, stateDir, hosts } = tls;
  const pairs = pemPairs({ tls });
  const files = cert === undefined ? undefined : pairs[0];
  const further = files === undefined ? pairs : pairs.slice(1);
  return { ...(files && { files }), further, stateDir, hosts, wallNow };
}
