/** Harnesses over real sockets in real time; both ends are one engine. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Engine, EngineDeps, Trust } from "../../moq/link.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";
import { type TestCertificate, testCertificate } from "../support/certificate.ts";
import { until } from "../support/until.ts";
import type { Harness, Supports } from "./conformance.ts";

/** Milliseconds that a case waits for one promise. */
const TIMEOUT_MS = patient(60_000);

/** What every harness of this kind has. */
export const realTime: Pick<Harness, "maxCode" | "host" | "until" | "settled" | "pass"> = {
  maxCode: 2 ** 32 - 1,
  host: "127.0.0.1",
  until: (what, look) => until(look, what),
  settled: async (promise) => {
    const stop = new AbortController();
    const timeout = sleep(TIMEOUT_MS, undefined, { signal: stop.signal }).then(() => {
      throw new Error(`a promise did not settle within ${TIMEOUT_MS} ms`);
    });
    // Aborted when the promise wins.
    timeout.catch(() => {});
    try {
      return await Promise.race([promise, timeout]);
    } finally {
      stop.abort();
    }
  },
  pass: (ms) => sleep(ms),
};

export interface OverTls {
  readonly supports: Supports;
  readonly make: (deps: EngineDeps) => Engine | Promise<Engine>;
  /** Warnings of the engine during the suite, in order; unchecked when absent. */
  readonly warnings?: readonly string[];
}

/** Dials `https:` with the certificate's hash. */
export function overTls({ supports, make, warnings }: OverTls): Harness {
  const warned: string[] = [];
  let certificate: TestCertificate | undefined;
  let other: TestCertificate | undefined;
  const started = (one: TestCertificate | undefined): TestCertificate => {
    assert.ok(one, "the harness was started");
    return one;
  };
  const pinned = ({ sha256 }: TestCertificate): Trust => ({ kind: "hashes", sha256: [sha256] });
  return {
    ...realTime,
    supports,
    start: async () => {
      certificate = await testCertificate();
      other = await testCertificate();
      const engine = await make({ clock: systemClock, warn: (message) => warned.push(message) });
      return { client: engine, server: engine };
    },
    stop: async () => {
      if (warnings !== undefined) assert.deepEqual(warned, warnings);
    },
    certificate: () => started(certificate),
    trust: () => pinned(started(certificate)),
    otherCertificate: () => ({ certificate: started(other), trust: pinned(started(other)) }),
    url: ({ address, port }, target) => new URL(target, `https://${address}:${port}`),
  };
}
