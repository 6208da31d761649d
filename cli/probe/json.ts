import { wholeMicros } from "../step.ts";
import type { Report, Watched } from "./contract.ts";
import type { Finding } from "./verdict.ts";

/** A run as `--json` prints it. Times are milliseconds, rounded to microseconds. */
export function reportJson(report: Report, found: readonly Finding[]) {
  const { path, publish, measuredMs, published, watched, interrupted } = report;
  return {
    ok: found.length === 0 && !interrupted,
    interrupted,
    ...(path !== undefined && { broadcast: path }),
    publish: {
      url: publish.url,
      ...(publish.protocol !== undefined && { protocol: publish.protocol }),
      ...(publish.connectMs !== undefined && { connect_ms: wholeMicros(publish.connectMs) }),
    },
    measured_ms: wholeMicros(measuredMs),
    published,
    watch: watched.map(watchedJson),
    findings: found.map(({ url, fault: { code, message, advice } }) => ({
      url,
      code,
      message,
      ...(advice !== "" && { advice }),
    })),
  };
}

function watchedJson(one: Watched) {
  const { url, protocol, connectMs, announceMs, firstFrameMs, hops, delay } = one;
  return {
    url,
    ...(protocol !== undefined && { protocol }),
    ...(connectMs !== undefined && { connect_ms: wholeMicros(connectMs) }),
    ...(announceMs !== undefined && { announce_ms: wholeMicros(announceMs) }),
    ...(firstFrameMs !== undefined && { first_frame_ms: wholeMicros(firstFrameMs) }),
    ...(hops !== undefined && {
      hops: hops.map(({ hop, node }) => ({ hop: String(hop), ...(node !== undefined && { node }) })),
    }),
    delay_ms:
      delay.count === 0
        ? null
        : { min: delay.min, p50: delay.percentile(50), p99: delay.percentile(99), max: delay.max },
    expected: one.expected,
    received: one.received,
    lost: one.lost,
    duplicates: one.duplicates,
    damaged: one.damaged,
  };
}
